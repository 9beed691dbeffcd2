using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A license's renewals: the next one, and what was.</summary>
/// <param name="RenewableFrom">From when it can be renewed by hand; null where it never expires.</param>
/// <param name="NextRenewalAt">When it is attempted first; null where nothing is tried by itself: auto-renewal is off, or the license is suspended.</param>
/// <param name="PaysWith">nothing, wallet or card; null where nothing can pay.</param>
/// <param name="Obstacle">Why it will likely fail; null where it should succeed.</param>
public sealed record RenewalList(
    Guid SubscriptionId, bool AutoRenew, DateTimeOffset? ExpiresAt, DateTimeOffset? RenewableFrom, DateTimeOffset? NextRenewalAt, decimal? AmountUsd,
    string? PaysWith, string? Obstacle, string? Status, IReadOnlyList<RenewalHistoryRow> Renewals);

public sealed class ListRenewals(RenewalReads reads, RenewalPolicy policy)
{
    private const int Rows = 100;

    public async Task<Outcome<RenewalList>> RunAsync(Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken)
    {
        if (!await reads.IsVisibleAsync(subscriptionId, ownerId, cancellationToken)) return LicenseNotFound.Refusal;

        var history = await reads.HistoryAsync(subscriptionId, Rows, cancellationToken);
        if (await reads.NextAsync(subscriptionId, cancellationToken) is not { } next)
            return new RenewalList(subscriptionId, false, null, null, null, null, null, null, null, history);

        var forecast = RenewalForecast.Of(
            next.ExpiresAt, next.License, next.PriceUsd, next.LastPaidUsd, next.WalletUsd, next.Card, next.LastDecline, policy);
        return new RenewalList(
            subscriptionId,
            next.License.AutoRenew,
            next.ExpiresAt,
            next.ExpiresAt - policy.Warning,
            next is { IsActive: true, License.AutoRenew: true } && policy.AutoRenewal ? next.ExpiresAt - policy.Warning : null,
            next.PriceUsd,
            forecast.With?.ToString().ToLowerInvariant(),
            forecast.Obstacle,
            next.Status,
            history);
    }
}
