using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A license that renews in the next days.</summary>
/// <param name="AmountUsd">What the renewal costs; null without an active price.</param>
/// <param name="PaysWith">nothing, wallet or card; null if nothing can pay.</param>
/// <param name="Status">The renewal's status; null before it is opened.</param>
public sealed record PreviewedRenewal(
    Guid SubscriptionId,
    string Email,
    DateTimeOffset ExpiresAt,
    decimal? AmountUsd,
    string? PaysWith,
    bool LikelyFails,
    string? Obstacle,
    string? Status);

/// <param name="Total">Licenses in the list.</param>
/// <param name="LikelyFailing">Licenses with an obstacle.</param>
/// <param name="AmountUsd">Sum of the amounts of the licenses without an obstacle.</param>
/// <param name="More">Whether there are more licenses than the list contains.</param>
public sealed record RenewalPreview(int Total, int LikelyFailing, decimal AmountUsd, bool More, IReadOnlyList<PreviewedRenewal> Renewals);

/// <summary>Lists licenses that renew in the next days: amount, means of payment, and why a renewal will likely fail.</summary>
public sealed class PreviewRenewals(RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Rows = 1_000;

    public async Task<Outcome<RenewalPreview>> RunAsync(string? days, CancellationToken cancellationToken)
    {
        var ahead = policy.Warning;
        if (days is not null)
        {
            if (!int.TryParse(days, out var asked) || asked is < 1 or > 90)
                return new Refusal(RefusalKind.Invalid, "DAYS_INVALID", "days must be a whole number from 1 to 90.", "days");
            ahead = TimeSpan.FromDays(asked);
        }

        var now = clock.GetUtcNow();
        var rows = await reads.UpcomingAsync(now - policy.Grace, now + ahead, null, Rows + 1, cancellationToken);
        var renewals = rows.Take(Rows).Select(Preview).ToList();
        return new RenewalPreview(
            renewals.Count,
            renewals.Count(renewal => renewal.LikelyFails),
            renewals.Where(renewal => !renewal.LikelyFails).Sum(renewal => renewal.AmountUsd ?? 0),
            rows.Count > Rows,
            renewals);
    }

    private PreviewedRenewal Preview(NextRenewal next)
    {
        var forecast = next.Forecast(policy);
        return new PreviewedRenewal(
            next.SubscriptionId,
            next.Email,
            next.ExpiresAt,
            next.Price(policy).AmountUsd,
            EnumWords.Of(forecast.With),
            forecast.Obstacle is not null,
            forecast.Obstacle,
            EnumWords.Of(next.Status));
    }
}
