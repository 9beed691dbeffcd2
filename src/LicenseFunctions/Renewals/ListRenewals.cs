using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A license's next renewal, and the history of its renewals. A license that never expires has only the history.</summary>
public sealed record RenewalList
{
    public required Guid SubscriptionId { get; init; }

    public bool AutoRenew { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether a manual renewal would be accepted now.</summary>
    public bool CanRenew { get; init; }

    /// <summary>First time at which the license can be renewed manually; null if it never expires.</summary>
    public DateTimeOffset? RenewableFrom { get; init; }

    /// <summary>Whether <see cref="RenewableFrom"/>, and so <see cref="NextRenewalAt"/>, is in the future.</summary>
    public bool IsEarly { get; init; }

    /// <summary>Time of the first automatic attempt; null if auto-renewal is off or the license is suspended.</summary>
    public DateTimeOffset? NextRenewalAt { get; init; }

    /// <summary>The new expiry if the next renewal is paid now; null if the license never expires.</summary>
    public DateTimeOffset? RenewsUntil { get; init; }

    /// <summary>What the next renewal costs; null without an active price.</summary>
    public decimal? AmountUsd { get; init; }

    /// <summary>What the last renewal cost, or the price at subscribing; null if it is not known.</summary>
    public decimal? LastPaidUsd { get; init; }

    /// <summary>What the customer's wallet can pay: its balance without reserved amounts.</summary>
    public decimal? WalletUsd { get; init; }

    /// <summary>The open amounts of deferred renewals: the next payment includes them, in addition to <see cref="AmountUsd"/>.</summary>
    public decimal DebtUsd { get; init; }

    /// <summary>
    /// nothing, wallet, card or deferred (taken with the next charge); null if nothing can pay. If there is another
    /// <see cref="Obstacle"/>, it is what would pay without it.
    /// </summary>
    public string? PaysWith { get; init; }

    /// <summary>The brand of the default card, for example visa; null without one.</summary>
    public string? CardBrand { get; init; }

    /// <summary>The last digits of the default card; null without one.</summary>
    public string? CardLastFour { get; init; }

    /// <summary>Whether the default card would pay, and its printed month is over.</summary>
    public bool CardHasExpired { get; init; }

    /// <summary>Whether only a card could pay, and the bank has rejected this card permanently: it is not charged again.</summary>
    public bool CardIsRejected { get; init; }

    /// <summary>Why the next renewal will likely fail; null if it should succeed, or while a charge is open.</summary>
    public string? Obstacle { get; init; }

    /// <summary>The next renewal's status; null before it is opened.</summary>
    public string? Status { get; init; }

    /// <summary>When a card is charged again automatically; null if it isn't.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>Until when the license works after its expiry; longer while the outcome of a charge is open.</summary>
    public DateTimeOffset? GraceUntil { get; init; }

    /// <summary>Whether the next renewal was charged, or may have been charged, and is not booked yet.</summary>
    public bool ChargeOpen { get; init; }

    /// <summary>Whether the customer must confirm the next renewal's payment with the bank.</summary>
    public bool NeedsAuthentication { get; init; }

    public required IReadOnlyList<RenewalHistoryRow> Renewals { get; init; }
}

public sealed class ListRenewals(LicenseDatabase database, RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Rows = 100;

    public Task<Outcome<RenewalList>> RunAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync(token => ReadAsync(subscriptionId, subscriberId, token), cancellationToken);

    private async Task<Outcome<RenewalList>> ReadAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken)
    {
        if (!await reads.IsVisibleAsync(subscriptionId, subscriberId, cancellationToken)) return LicenseNotFound.Refusal;

        var history = await reads.HistoryAsync(subscriptionId, Rows, cancellationToken);
        if (await reads.NextAsync(subscriptionId, cancellationToken) is not { } next)
            return new RenewalList { SubscriptionId = subscriptionId, Renewals = history };

        var (now, opensAt, forecast) = (clock.GetUtcNow(), policy.OpensAt(next.ExpiresAt), next.Forecast(policy));
        var open = await reads.OpenAsync(subscriptionId, cancellationToken);
        var hasTooManyAttempts = open is not null && RenewalRequests.CardAllowedAt(open, policy, now) is not null;
        var price = next.Price(policy).AmountUsd;
        return new RenewalList
        {
            SubscriptionId = subscriptionId,
            AutoRenew = next.License.AutoRenew,
            ExpiresAt = next.ExpiresAt,
            CanRenew = policy.BlockOf(next.License) is null && opensAt <= now && price is not null && !hasTooManyAttempts,
            RenewableFrom = opensAt,
            IsEarly = opensAt > now,
            NextRenewalAt = next.IsActive && policy.AutoRenews(next.License) && policy.BlockOf(next.License) is null ? opensAt : null,
            RenewsUntil = policy.PaidFrom(next.ExpiresAt, now, now) + Renewal.Period,
            AmountUsd = price,
            LastPaidUsd = next.LastPaidUsd,
            WalletUsd = next.WalletUsd,
            DebtUsd = next.DebtUsd,
            PaysWith = EnumWords.Of(forecast.With),
            CardBrand = next.CardBrand,
            CardLastFour = next.Card?.LastFour,
            CardHasExpired = forecast.With is PaidWith.Card && next.Card?.ExpiresAt <= now,
            CardIsRejected = open is not null && RenewalRequests.NeedsAnotherCard(open, price, policy, now),
            Obstacle = next.IsChargeOpen ? null
                : hasTooManyAttempts && (!forecast.IsHeld || forecast.Obstacle is RenewalForecast.Lapsed) ? PaymentSource.TooManyAttempts
                : forecast.Obstacle,
            Status = EnumWords.Of(next.Status),
            NextAttemptAt = policy.AutoRenews(next.License) && !hasTooManyAttempts ? open?.Renewal.NextAttemptAt : null,
            GraceUntil = next.ExpiresAt + policy.Grace,
            ChargeOpen = next.IsChargeOpen,
            NeedsAuthentication = next.Status is RenewalStatus.NeedsAuthentication,
            Renewals = history,
        };
    }
}
