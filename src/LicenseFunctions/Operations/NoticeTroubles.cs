using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using LicenseFunctions.PaymentMethods;
using Licensing;
using Licensing.Renewals;
using Licensing.Troubles;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>
/// Looks for troubles once a minute, in one process at a time, and reports them to operators by mail and in the event feed. Each change is
/// saved together with its event and mail, so nothing is reported twice. It runs before each run of the outbox, which has the shortest
/// schedule. If all timers are silent, it therefore also runs after requests: see <see cref="TimerFallback"/>.
/// </summary>
public sealed class NoticeTroubles(
    LicenseDatabase database, TimerFallbackStore timerStore, TimerSchedules schedules, CountMessages queue, TroubleSettings settings,
    RenewalPolicy renewals, ILogger<NoticeTroubles> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    /// <summary>The largest number of troubles in one mail.</summary>
    private const int MostInMail = 20;

    /// <summary>Doesn't fail, because mails must go out in any case.</summary>
    public async Task TryRunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(cancellationToken);
        }
#pragma warning disable CA1031 // The next run tries again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "Looking for troubles failed; the next run of the outbox tries again");
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!await TroubleStore.IsDueAsync(database, Pause, cancellationToken))
            return;
        // Asked first, because the transaction must not wait for the broker.
        var counted = await queue.RunAsync(cancellationToken);
        var inQueue = counted.NotConfigured is null ? counted.DeadLettered : 0;
        if (!await database.InTransactionAsync((connection, token) => LookAsync(connection, inQueue, token), cancellationToken))
            await timerStore.AddAsync([.. schedules.Names], cancellationToken); // so that a timer that never runs is late, too
    }

    /// <param name="inQueue">Dead letters in the broker's queue; null if unknown.</param>
    /// <returns>Whether all timers were known.</returns>
    private async Task<bool> LookAsync(NpgsqlConnection connection, long? inQueue, CancellationToken cancellationToken)
    {
        if (await TroubleStore.BeginAsync(connection, Pause, cancellationToken) is not { } now)
            return true;
        var intervals = await IntervalsAsync(connection, cancellationToken);
        var facts = (await TroubleStore.FactsAsync(connection, intervals, cancellationToken)) with { DeadLettersInQueue = inQueue };
        var known = (await TroubleStore.ListAsync(connection, cancellationToken)).ToDictionary(one => Key(one.Trouble.Sign));
        var signs = TroubleSigns.Find(facts, settings.Policy, now).ToDictionary(Key);

        var told = new List<ToldTrouble>();
        foreach (var key in known.Keys.Union(signs.Keys).Where(key => facts.AreKnownOf(key.Cause)))
        {
            var (row, sign) = (known.GetValueOrDefault(key), signs.GetValueOrDefault(key));
            var step = Trouble.Next(row?.Trouble, sign, settings.Policy, settings.AlertEmail is not null, now);
            var id = row?.TroubleId ?? Guid.NewGuid();
            await SaveAsync(connection, id, row, step, cancellationToken);
            if (step.Mail is { } news)
                told.Add(ToldTrouble.Of(news, step.After ?? row!.Trouble));
        }

        if (told.Count > 0)
            await MailAsync(connection, told, now, cancellationToken);
        return facts.Timers.Count == intervals.Count;
    }

    // The timer that reads the providers' events, also if it is disabled: charges wait for it, and nothing else tells operators.
    private async Task<IReadOnlyDictionary<string, TimeSpan>> IntervalsAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Reader = nameof(FetchPaymentEvents);
        return schedules.IsDisabled(Reader)
            && await UnreadEvents.ExistAsync(connection, renewals.IdempotencyKeyLifetimes.Keys, cancellationToken)
            ? new Dictionary<string, TimeSpan>(schedules.Intervals) { [Reader] = schedules.IntervalOf(Reader) }
            : schedules.Intervals;
    }

    private async Task SaveAsync(
        NpgsqlConnection connection, Guid id, KnownTrouble? before, TroubleStep step, CancellationToken cancellationToken)
    {
        if (step.After is { } after)
            await TroubleStore.SaveAsync(connection, new KnownTrouble(id, after), cancellationToken);
        else if (before is not null)
            await TroubleStore.DeleteAsync(connection, id, cancellationToken);
        if (!step.IsOpened && !step.IsClosed)
            return;

        var trouble = step.After ?? before!.Trouble;
        var cause = EnumWords.UpperOf(trouble.Sign.Cause);
        log.LogWarning("Trouble {Cause} {Subject} is {State}", cause, trouble.Sign.Subject, step.IsOpened ? "opened" : "closed");
        await LicenseEvents.AddAsync(
            connection,
            step.IsOpened
                ? LicenseEvent.OfBackend("trouble.opened", new
                {
                    TroubleId = id,
                    cause,
                    trouble.Sign.Subject,
                    trouble.Sign.Count,
                    trouble.Sign.Total,
                    Since = trouble.SeenSince.UtcDateTime,
                })
                : LicenseEvent.OfBackend("trouble.closed", new
                {
                    TroubleId = id,
                    cause,
                    trouble.Sign.Subject,
                    OpenedAt = trouble.OpenedAt!.Value.UtcDateTime,
                }),
            cancellationToken);
    }

    private Task MailAsync(
        NpgsqlConnection connection, IReadOnlyList<ToldTrouble> told, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // Opened ones and reminders before closed ones.
        var ordered = told.OrderByDescending(one => one.News, StringComparer.Ordinal)
            .ThenBy(one => one.Cause, StringComparer.Ordinal).ThenBy(one => one.Subject, StringComparer.Ordinal).ToList();
        return EmailOutbox.AddForOperatorsAsync(
            connection, string.Create(CultureInfo.InvariantCulture, $"operator-troubles:{now.UtcTicks}"), "operator_troubles",
            settings.AlertEmail!, new { Troubles = ordered.Take(MostInMail), More = Math.Max(0, ordered.Count - MostInMail) },
            cancellationToken);
    }

    private static (TroubleCause Cause, string Subject) Key(TroubleSign sign) => (sign.Cause, sign.Subject);

    /// <summary>What the mail says about a trouble.</summary>
    private sealed record ToldTrouble(
        string News, string Cause, string Subject, string? Name, int? Count, int? Total, DateTimeOffset? Since,
        DateTimeOffset? Deadline, Guid? SubscriptionId, DateTimeOffset OpenedAt)
    {
        public static ToldTrouble Of(TroubleNews news, Trouble trouble) => new(
            EnumWords.Of(news), EnumWords.UpperOf(trouble.Sign.Cause), trouble.Sign.Subject, trouble.Sign.Name, trouble.Sign.Count,
            trouble.Sign.Total, trouble.Sign.Since, trouble.Sign.Deadline, trouble.Sign.SubscriptionId, trouble.OpenedAt!.Value);
    }
}
