using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.PaymentMethods;

/// <param name="Applied">Events that no webhook had delivered.</param>
public sealed record EventCounts(int Applied);

/// <summary>
/// Applies the events that no webhook delivered: the provider stopped trying, the endpoint or its secret was wrong, or the database was
/// restored. A read continues at the stored time. An event that can't be applied is stored, and later runs try it again, for a day. After a
/// stop of this backend or a restore of the database, charges wait until everything is read.
/// </summary>
public sealed class FetchPaymentEvents(
    IEnumerable<IPaymentEventList> lists, ApplyEvent apply, PaymentEventReads reads, PaymentBooksStore cases, TimeProvider clock,
    ILogger<FetchPaymentEvents> log)
{
    /// <summary>Events younger than this are left to the webhooks, which deliver them within seconds.</summary>
    public static readonly TimeSpan Lag = TimeSpan.FromMinutes(10);

    /// <summary>How much of the time before the last read is read again, in case the list was not complete.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromHours(1);

    /// <summary>An event that can't be applied for this long becomes a payment case.</summary>
    public static readonly TimeSpan LongestRetry = TimeSpan.FromDays(1);

    /// <summary>
    /// How long charges wait for an event that can't be applied, because it may be about any license. For a success, there is a case at
    /// once, and only its own license waits.
    /// </summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    /// <summary>How many events that could not be applied are tried again in one run.</summary>
    private const int MostRetries = 100;

    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    // A provider lists the newest events first, so an interrupted window is read again from its start. Short windows lose little.
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(1);

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
        var (failed, end) = (new List<string>(), now + longest);
        var applied = await RetryAsync(events, failed, end - (longest / 2), cancellationToken);

        var oldest = now - events.Kept;
        var last = await reads.FindAsync(events.Provider, cancellationToken);
        var (from, until) = (last - Overlap is { } continued && continued > oldest ? continued : oldest, now - Lag);
        var window = ShortestWindow;
        while (from < until && !TimeSlice.IsOver && clock.GetUtcNow() < end)
        {
            var to = from + window < until ? from + window : until;
            if (await ReadWindowAsync(events, from, to, failed, cancellationToken) is not { } read) break;
            applied += read.Applied;
            await reads.SaveAsync(events.Provider, to, cancellationToken);
            from = to;
            window = NextWindow(window, read.Listed);
        }

        if (from >= until) await reads.CatchUpAsync(events.Provider, askedAt - Lag, LongestWait, cancellationToken);

        if (applied > 0)
            log.LogInformation("{Count} events of {Provider} were applied that no webhook had delivered", applied, events.Provider);
        return failed.Count == 0
            ? applied
            : throw new InvalidOperationException(
                $"{failed.Count} events of {events.Provider} can't be applied. The first is {failed[0]}.");
    }

    /// <summary>Tries the events again that could not be applied before.</summary>
    /// <returns>How many were applied.</returns>
    private async Task<int> RetryAsync(
        IPaymentEventList events, List<string> failed, DateTimeOffset end, CancellationToken cancellationToken)
    {
        var waiting = await reads.UnappliedAsync(events.Provider, MostRetries, cancellationToken);
        var known = await reads.AppliedAsync(events.Provider, waiting.Select(one => one.EventId), cancellationToken);
        var applied = 0;
        foreach (var late in waiting)
        {
            if (TimeSlice.IsOver || clock.GetUtcNow() >= end) break;
            var isApplied = known.Contains(late.EventId);
            var isTried = true;
            if (!isApplied)
            {
                (var outcome, isTried) = await TryAgainAsync(events, late, cancellationToken);
                if (outcome is null)
                {
                    await reads.RemoveAsync(events.Provider, late, cancellationToken);
                    continue;
                }

                isApplied = outcome.Value;
                if (isApplied) applied++;
            }

            if (!isApplied && (!isTried || clock.GetUtcNow() - late.FailedAt < LongestRetry))
            {
                failed.Add($"{late.EventId} ({late.EventType})");
                continue;
            }

            // A success that can't be applied has a case already.
            if (isApplied && late.IntentId is not null) await cases.CloseNotBookedAsync(events.Provider, late.IntentId, cancellationToken);
            if (!isApplied && late.IntentId is null) await cases.OpenCasesAsync(events.Provider, [NotApplied(late)], cancellationToken);
            await reads.RemoveAsync(events.Provider, late, cancellationToken);
        }

        return applied;
    }

    /// <returns>IsApplied: null if an operator has decided its case. IsTried: false if the provider's list can't be read.</returns>
    private async Task<(bool? IsApplied, bool IsTried)> TryAgainAsync(
        IPaymentEventList events, UnappliedEvent late, CancellationToken cancellationToken)
    {
        string? after = null;
        do
        {
            var page = await events.ReadAsync(late.CreatedAt, late.CreatedAt + TimeSpan.FromSeconds(1), after, cancellationToken);
            if (page.Refusal is { } refusal)
            {
                // An event that the provider no longer lists must not stop the read of all others.
                if (refusal.Code == ProviderRefusals.Refused.Code) break;
                return (false, false);
            }

            if (page.Value.Events.FirstOrDefault(one => one.Id == late.EventId) is { } found)
                return (await TryApplyAsync(events.Provider, found, late, cancellationToken), true);
            after = page.Value.Next;
        }
        while (after is not null);

        return (await reads.TryLaterAsync(events.Provider, late, cancellationToken) ? false : null, true);
    }

    /// <summary>Windows without events become longer: otherwise the first read would send 720 requests for 30 days.</summary>
    private static TimeSpan NextWindow(TimeSpan window, int listed) =>
        listed > 0 ? ShortestWindow : window * 2 < LongestWindow ? window * 2 : LongestWindow;

    /// <returns>How many events were listed and applied; null if the time slice ended before the window.</returns>
    private async Task<(int Listed, int Applied)?> ReadWindowAsync(
        IPaymentEventList events, DateTimeOffset from, DateTimeOffset to, List<string> failed, CancellationToken cancellationToken)
    {
        var (listed, applied, after) = (0, 0, default(string));
        do
        {
            var page = await ReadAsync(events, from, to, after, cancellationToken);
            listed += page.Events.Count;
            applied += await ApplyAsync(events.Provider, page.Events, failed, cancellationToken);
            after = page.Next;
        }
        while (after is not null && !TimeSlice.IsOver);

        return after is null ? (listed, applied) : null;
    }

    private static async Task<ListedEventPage> ReadAsync(
        IPaymentEventList events, DateTimeOffset from, DateTimeOffset to, string? after, CancellationToken cancellationToken)
    {
        var page = await events.ReadAsync(from, to, after, cancellationToken);
        return page.Refusal is { } refusal ? throw CantRead(events, refusal) : page.Value;
    }

    private static InvalidOperationException CantRead(IPaymentEventList events, Refusal refusal) =>
        new($"The events of {events.Provider} can't be read: {refusal.Code}. {refusal.Detail}");

    private async Task<int> ApplyAsync(
        string provider, IReadOnlyList<ListedEvent> page, List<string> failed, CancellationToken cancellationToken)
    {
        var known = await reads.HandledAsync(provider, [.. page.Select(one => one.Id)], cancellationToken);
        var applied = 0;
        foreach (var missing in page.Reverse().Where(one => !known.Contains(one.Id)))
        {
            var isApplied = await TryApplyAsync(provider, missing, late: null, cancellationToken);
            if (isApplied is true) applied++;
            if (isApplied is false) failed.Add($"{missing.Id} ({missing.Type})");
        }

        return applied;
    }

    /// <param name="late">The stored event; null if it is new.</param>
    /// <returns>
    /// False if the event can't be applied now: it is stored, and the others are not stopped. Null if an operator has decided its case.
    /// </returns>
    private async Task<bool?> TryApplyAsync(
        string provider, ListedEvent missing, UnappliedEvent? late, CancellationToken cancellationToken)
    {
        PaymentEvent? received = null;
        try
        {
            received = await missing.ReadAsync(cancellationToken);
            if (NotBooked(received)?.Subject is { } intentId && await reads.IsGivenUpAsync(provider, intentId, cancellationToken))
                return null;
            await apply.RunAsync(received, cancellationToken);
            return true;
        }
        catch (Exception broken) when (!cancellationToken.IsCancellationRequested && !StopsAll(broken))
        {
            log.LogError(broken, "Event {EventId} ({EventType}) can't be applied", missing.Id, missing.Type);
        }

        var failed = new UnappliedEvent(missing.Id, missing.Type, missing.CreatedAt.UtcDateTime, FailedAt: default, IntentId: null);
        var isStored = received is not null && NotBooked(received) is { } concern
            ? await FailWithCaseAsync(provider, failed, concern, cancellationToken)
            : null;
        // Without its case, a success delays charges as any other event does. The next try opens the case.
        isStored ??= late is null
            ? await reads.FailAsync(provider, failed, concern: null, cancellationToken)
            : await reads.TryLaterAsync(provider, late, cancellationToken);
        return isStored.Value ? false : null;
    }

    // What stops the event, for example a lock of its license, may also stop its case.
    /// <returns>False if an operator has decided the case; null if it can't be opened now.</returns>
    private async Task<bool?> FailWithCaseAsync(
        string provider, UnappliedEvent failed, PaymentCase concern, CancellationToken cancellationToken)
    {
        try
        {
            return await reads.FailAsync(provider, failed with { IntentId = concern.Subject }, concern, cancellationToken);
        }
        catch (Exception broken) when (!cancellationToken.IsCancellationRequested && !StopsAll(broken))
        {
            log.LogError(broken, "The case of event {EventId} ({EventType}) can't be opened", failed.EventId, failed.EventType);
            return null;
        }
    }

    // A locked row concerns one license, although PostgreSQL's error counts as transient.
    private static bool StopsAll(Exception broken) =>
        ConnectionLoss.IsReportedBy(broken) && broken is not PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };

    private static PaymentCase NotApplied(UnappliedEvent failed) => new(
        PaymentCaseReason.UnreadableEvent, failed.EventId, null, null, null, null, null, null,
        $"Event {failed.EventId} ({failed.EventType}) of {failed.CreatedAt:yyyy-MM-dd} can't be applied. Resend it when the cause is "
        + "corrected.");

    /// <returns>The case of a success that can't be applied; null for another event.</returns>
    public static PaymentCase? NotBooked(PaymentEvent received) =>
        received.Fact is PaymentFact.IntentChanged
        {
            RenewalId: { } renewalId, Intent: { IntentId: { } intentId, Outcome: ChargeOutcome.Succeeded paid },
        } changed
            ? new PaymentCase(
                PaymentCaseReason.NotBooked, intentId, renewalId, changed.SubscriptionId, changed.UserId, paid.TransactionId,
                paid.AmountMinor, paid.Currency,
                $"The charge succeeded, and event {received.EventId} can't be applied. It is tried again for a day, and its webhook may "
                + "come again for three days. During this time, the case can't be dismissed.")
            : null;
}
