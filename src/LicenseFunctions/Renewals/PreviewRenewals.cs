using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A license that renews in the next days.</summary>
/// <param name="AttemptAt">When it is renewed or charged next; null if no attempt is planned, or if a charge is open.</param>
/// <param name="AmountUsd">What the renewal costs; null without an active price.</param>
/// <param name="DebtsUsd">The license's open amounts, which the payment includes, in addition to AmountUsd.</param>
/// <param name="PaysWith">nothing, wallet, card or deferred (taken with the next charge); null if nothing can pay.</param>
/// <param name="LikelyFails">Whether the payment will likely fail.</param>
/// <param name="Status">The renewal's status; null before it is opened.</param>
/// <param name="IsPlanned">False if something other than the payment prevents the renewal, for example because auto-renewal is off.</param>
public sealed record PreviewedRenewal(
    Guid SubscriptionId,
    string Email,
    DateTimeOffset? AttemptAt,
    DateTimeOffset ExpiresAt,
    decimal? AmountUsd,
    decimal DebtsUsd,
    string? PaysWith,
    bool LikelyFails,
    string? Obstacle,
    string? Status,
    bool IsPlanned);

/// <param name="Total">Licenses whose renewals begin in the next days, or have begun.</param>
/// <param name="LikelyFailing">Licenses whose payment will likely fail.</param>
/// <param name="NotPlanned">Licenses whose renewal is not planned.</param>
/// <param name="AmountUsd">
/// Sum of the amounts, with the open amounts, of the licenses without an obstacle and without an open charge, which may be paid.
/// </param>
/// <param name="Obstacles">Number of licenses per obstacle.</param>
/// <param name="CountsAll">Whether the numbers above count all licenses. They count at most 10,000, the first ones to expire.</param>
/// <param name="More">Whether there are more licenses than the list contains.</param>
/// <param name="Renewals">The first 1,000 by expiry, in the order of their attempts.</param>
public sealed record RenewalPreview(
    int Total,
    int LikelyFailing,
    int NotPlanned,
    decimal AmountUsd,
    IReadOnlyDictionary<string, int> Obstacles,
    bool CountsAll,
    bool More,
    IReadOnlyList<PreviewedRenewal> Renewals);

/// <summary>
/// Lists licenses that renew in the next days: amount, means of payment, and why a renewal will likely fail or is not planned. They are
/// selected by their next attempt, which is some days before the expiry. A license without a planned attempt is selected by the time of
/// the first attempt that it would have.
/// </summary>
public sealed class PreviewRenewals(LicenseDatabase database, RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Rows = 1_000;

    // A thousand licenses take about 0.1 s.
    private const int MaxCounted = 10_000;

    public async Task<Outcome<RenewalPreview>> RunAsync(string? days, CancellationToken cancellationToken)
    {
        var ahead = policy.Warning;
        if (days is not null)
        {
            if (!int.TryParse(days, out var asked) || asked is < 1 or > 90)
                return new Refusal(RefusalKind.Invalid, "DAYS_INVALID", "days must be a whole number from 1 to 90.", "days");
            ahead = TimeSpan.FromDays(asked);
        }

        return await database.ReadLatestAsync(token => ReadAsync(ahead, token), cancellationToken);
    }

    private async Task<RenewalPreview> ReadAsync(TimeSpan ahead, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var (total, amount, obstacles, listed) = (0, 0m, new SortedDictionary<string, int>(), new List<PreviewedRenewal>());
        var (failing, notPlanned, countsAll) = (0, 0, true);
        await foreach (var page in reads.UpcomingAsync(
            now - policy.Grace, policy.OpensUntil(now + ahead), after: null, cancellationToken))
        {
            countsAll = total + page.Count <= MaxCounted;
            if (!countsAll) break;
            foreach (var next in page)
            {
                var renewal = Preview(next, now);
                // The next attempt after a decline may be later.
                if (renewal.AttemptAt >= now + ahead) continue;
                total++;
                if (renewal.LikelyFails) failing++;
                if (!renewal.IsPlanned) notPlanned++;
                if (listed.Count < Rows) listed.Add(renewal);
                if (renewal.Obstacle is { } obstacle) obstacles[obstacle] = obstacles.GetValueOrDefault(obstacle) + 1;
                else if (!next.IsChargeOpen) amount += (renewal.AmountUsd ?? 0) + renewal.DebtsUsd;
            }
        }

        return new RenewalPreview(
            total, failing, notPlanned, amount, obstacles, countsAll, total > listed.Count,
            [.. listed.OrderBy(renewal => renewal.AttemptAt ?? policy.OpensAt(renewal.ExpiresAt))]);
    }

    private PreviewedRenewal Preview(NextRenewal next, DateTimeOffset now)
    {
        var (forecast, attemptAt) = (next.Forecast(policy), next.AttemptAt(policy, now));
        var likelyFails = forecast is { Obstacle: not null, IsHeld: false };
        return new PreviewedRenewal(
            next.SubscriptionId,
            next.Email,
            attemptAt,
            next.ExpiresAt,
            next.Price(policy).AmountUsd,
            forecast.DebtsUsd,
            EnumWords.Of(forecast.With),
            likelyFails,
            forecast.Obstacle,
            EnumWords.Of(next.Status),
            likelyFails || attemptAt is not null || next.IsChargeOpen);
    }
}
