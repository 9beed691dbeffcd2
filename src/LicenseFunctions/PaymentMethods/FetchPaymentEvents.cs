using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.PaymentMethods;

/// <param name="Applied">Events that no webhook had delivered.</param>
public sealed record EventCounts(int Applied);

/// <summary>
/// Applies the events that no webhook delivered: the provider stopped trying, the endpoint or its secret was wrong, or the database was
/// restored. A read continues at the stored time. This time stays before an event that can't be applied, so later reads try that event
/// again, for a day. After a stop of this backend or a restore of the database, charges wait until everything is read.
/// </summary>
public sealed class FetchPaymentEvents(
    IEnumerable<IPaymentEventList> lists, ApplyEvent apply, PaymentEventReads reads, PaymentBooksStore cases, TimeProvider clock,
    ILogger<FetchPaymentEvents> log)
{
    /// <summary>Events younger than this are left to the webhooks, which deliver them within seconds.</summary>
    public static readonly TimeSpan Lag = TimeSpan.FromMinutes(10);

    /// <summary>How much of the time before the last read is read again, in case the list was not complete.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromHours(1);

    /// <summary>
    /// If the stored time has not changed for this long, an event of at least this age that can't be applied becomes a payment case, and
    /// the stored time moves on.
    /// </summary>
    public static readonly TimeSpan LongestHold = TimeSpan.FromDays(1);

    /// <summary>How long charges wait for an event that can't be applied. After that, it concerns only its own renewal.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <exception cref="InvalidOperationException">
    /// A provider didn't list the events, or an event can't be applied. The events of the other provider were applied.
    /// </exception>
    public async Task<EventCounts> RunAsync(CancellationToken cancellationToken)
    {
        var (applied, failures, all) = (0, new List<string>(), lists.ToList());
        foreach (var list in all)
        {
            try
            {
                applied += await RunAsync(list, Tick / all.Count, cancellationToken);
            }
            catch (Exception broken) when (all.Count > 1 && !cancellationToken.IsCancellationRequested && !StopsAll(broken))
            {
                failures.Add(broken.Message);
            }
        }

        return failures.Count == 0 ? new EventCounts(applied) : throw new InvalidOperationException(string.Join(' ', failures));
    }

    private async Task<int> RunAsync(IPaymentEventList events, TimeSpan longest, CancellationToken cancellationToken)
    {
        var askedAt = await reads.BeginAsync(events.Provider, cancellationToken);
        var now = clock.GetUtcNow();
        var oldest = now - events.Kept;
        var (last, heldSince) = await reads.FindAsync(events.Provider, cancellationToken);
        var maySkip = heldSince <= now - LongestHold;
        var from = last - Overlap is { } continued && continued > oldest ? continued : oldest;

        var (applied, failed, until) = (0, new List<string>(), now - Lag);
        while (from < until && !TimeSlice.IsOver && clock.GetUtcNow() < now + longest)
        {
            var to = from + Window < until ? from + Window : until;
            if (await ReadWindowAsync(events, from, to, maySkip, failed, cancellationToken) is not { } done) break;
            applied += done;
            if (failed.Count == 0) await reads.SaveAsync(events.Provider, to, cancellationToken);
            else if (heldSince is null) await reads.HoldAsync(events.Provider, from, cancellationToken);
            from = to;
        }

        var isComplete = from >= until && (failed.Count == 0 || heldSince <= now - LongestWait);
        if (isComplete && askedAt is { } asked) await reads.CatchUpAsync(events.Provider, asked - Lag, cancellationToken);
        if (failed.Count == 0 && heldSince is not null) await reads.ReleaseAsync(events.Provider, cancellationToken);

        if (applied > 0)
            log.LogInformation("{Count} events of {Provider} were applied that no webhook had delivered", applied, events.Provider);
        return failed.Count == 0
            ? applied
            : throw new InvalidOperationException(
                $"{failed.Count} events of {events.Provider} can't be applied. The first is {failed[0]}.");
    }

    /// <returns>How many events were applied; null if the time slice ended before the window.</returns>
    private async Task<int?> ReadWindowAsync(
        IPaymentEventList events, DateTimeOffset from, DateTimeOffset to, bool maySkip, List<string> failed,
        CancellationToken cancellationToken)
    {
        var (applied, after) = (0, default(string));
        do
        {
            var page = await events.ReadAsync(from, to, after, cancellationToken);
            if (page.Refusal is { } refusal)
                throw new InvalidOperationException($"The events of {events.Provider} can't be read: {refusal.Code}. {refusal.Detail}");
            applied += await ApplyAsync(events.Provider, page.Value.Events, maySkip, failed, cancellationToken);
            after = page.Value.Next;
        }
        while (after is not null && !TimeSlice.IsOver);

        return after is null ? applied : null;
    }

    private async Task<int> ApplyAsync(
        string provider, IReadOnlyList<ListedEvent> page, bool maySkip, List<string> failed, CancellationToken cancellationToken)
    {
        var known = await reads.AppliedAsync(provider, page.Select(one => one.Id), cancellationToken);
        var applied = 0;
        foreach (var missing in page.Reverse().Where(one => !known.Contains(one.Id)))
        {
            try
            {
                await apply.RunAsync(await missing.ReadAsync(cancellationToken), cancellationToken);
                applied++;
            }
            // An event that can't be applied must not stop the others.
            catch (Exception broken) when (!cancellationToken.IsCancellationRequested && !StopsAll(broken))
            {
                log.LogError(broken, "Event {EventId} ({EventType}) can't be applied", missing.Id, missing.Type);
                if (maySkip && clock.GetUtcNow() - missing.CreatedAt >= LongestHold)
                    await cases.OpenCasesAsync(provider, [NotApplied(missing)], cancellationToken);
                else failed.Add($"{missing.Id} ({missing.Type})");
            }
        }

        return applied;
    }

    // A locked row concerns one license, although PostgreSQL's error counts as transient.
    private static bool StopsAll(Exception broken) =>
        ConnectionLoss.IsReportedBy(broken) && broken is not PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };

    private static PaymentCase NotApplied(ListedEvent failed) => new(
        PaymentCaseReason.UnreadableEvent, failed.Id, null, null, null, null, null, null,
        $"Event {failed.Id} ({failed.Type}) of {failed.CreatedAt:yyyy-MM-dd} can't be applied. Resend it when the cause is corrected.");
}
