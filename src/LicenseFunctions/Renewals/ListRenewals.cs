using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A license's next renewal, and the history of its renewals.</summary>
/// <param name="CanRenew">Whether a manual renewal would be accepted now.</param>
/// <param name="RenewableFrom">First time at which it can be renewed manually; null if it never expires.</param>
/// <param name="NextRenewalAt">The first automatic attempt; null if auto-renewal is off or the license is suspended.</param>
/// <param name="AmountUsd">What the next renewal costs; null without an active price.</param>
/// <param name="PaysWith">nothing, wallet or card; null if nothing can pay.</param>
/// <param name="Obstacle">Why the next renewal will likely fail; null if it should succeed.</param>
/// <param name="Status">The next renewal's status; null before it is opened.</param>
/// <param name="ChargeOpen">Whether the next renewal was charged, or may have been charged, and is not booked yet.</param>
public sealed record RenewalList(
    Guid SubscriptionId,
    bool AutoRenew,
    DateTimeOffset? ExpiresAt,
    bool CanRenew,
    DateTimeOffset? RenewableFrom,
    DateTimeOffset? NextRenewalAt,
    decimal? AmountUsd,
    string? PaysWith,
    string? Obstacle,
    string? Status,
    bool ChargeOpen,
    IReadOnlyList<RenewalHistoryRow> Renewals);

public sealed class ListRenewals(RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Rows = 100;

    public async Task<Outcome<RenewalList>> RunAsync(Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken)
    {
        if (!await reads.IsVisibleAsync(subscriptionId, ownerId, cancellationToken)) return LicenseNotFound.Refusal;

        var history = await reads.HistoryAsync(subscriptionId, Rows, cancellationToken);
        if (await reads.NextAsync(subscriptionId, cancellationToken) is not { } next)
            return new RenewalList(
                subscriptionId, false, null, CanRenew: false, null, null, null, null, null, null, ChargeOpen: false, history);

        var forecast = next.Forecast(policy);
        return new RenewalList(
            subscriptionId,
            next.License.AutoRenew,
            next.ExpiresAt,
            next.License.IsRenewable && next.ExpiresAt - policy.Warning <= clock.GetUtcNow(),
            next.ExpiresAt - policy.Warning,
            next is { IsActive: true, License.AutoRenew: true } && policy.AutoRenewal ? next.ExpiresAt - policy.Warning : null,
            next.Price(policy).AmountUsd,
            EnumWords.Of(forecast.With),
            forecast.Obstacle,
            EnumWords.Of(next.Status),
            next.Status?.IsChargeOpen() is true,
            history);
    }
}
