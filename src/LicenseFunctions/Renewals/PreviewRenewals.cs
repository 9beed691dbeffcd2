using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>One license that renews in the next days.</summary>
public sealed record PreviewedRenewal(
    Guid SubscriptionId, string Email, DateTimeOffset ExpiresAt, decimal? AmountUsd, string? PaysWith, bool LikelyFails, string? Obstacle, string? Status);

/// <param name="Total">Licenses shown.</param>
/// <param name="LikelyFailing">Of those, the ones with an obstacle.</param>
/// <param name="AmountUsd">What the others would bring.</param>
/// <param name="More">There are more than are shown.</param>
public sealed record RenewalPreview(int Total, int LikelyFailing, decimal AmountUsd, bool More, IReadOnlyList<PreviewedRenewal> Renewals);

/// <summary>Who renews in the next days, how much, with what, and which will likely fail and why.</summary>
public sealed class PreviewRenewals(RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Rows = 1_000;

    public async Task<Outcome<RenewalPreview>> RunAsync(string? days, CancellationToken cancellationToken)
    {
        var ahead = policy.WarningDays;
        if (days is not null && (!int.TryParse(days, out ahead) || ahead is < 1 or > 90))
            return new Refusal(RefusalKind.Invalid, "DAYS_INVALID", "days is a whole number from 1 to 90.", "days");

        var now = clock.GetUtcNow();
        var rows = await reads.UpcomingAsync(now - policy.Grace, now + TimeSpan.FromDays(ahead), null, Rows + 1, cancellationToken);
        var renewals = rows.Take(Rows).Select(Preview).ToList();
        return new RenewalPreview(
            renewals.Count,
            renewals.Count(renewal => renewal.LikelyFails),
            renewals.Where(renewal => !renewal.LikelyFails).Sum(renewal => renewal.AmountUsd ?? 0),
            rows.Count > Rows,
            renewals);
    }

    private PreviewedRenewal Preview(UpcomingRenewal license)
    {
        var forecast = RenewalForecast.Of(
            license.ExpiresAt, license.License, license.PriceUsd, license.LastPaidUsd, license.WalletUsd, license.Card, license.LastDecline, policy);
        return new PreviewedRenewal(
            license.SubscriptionId, license.Email, license.ExpiresAt, license.PriceUsd, forecast.With?.ToString().ToLowerInvariant(),
            forecast.Obstacle is not null, forecast.Obstacle, license.Status);
    }
}
