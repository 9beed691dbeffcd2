namespace Licensing.Renewals;

/// <summary>What would pay the next renewal of a license, and why it will likely fail.</summary>
/// <param name="With">Null if nothing can pay.</param>
/// <param name="Obstacle">A code; null if the renewal should succeed.</param>
public sealed record RenewalForecast(PaidWith? With, string? Obstacle)
{
    /// <summary>Checks in the same order as <see cref="RenewalPlan"/>.</summary>
    /// <param name="expiresAt">The license's expiry; the first attempt comes before it.</param>
    /// <param name="price">What the renewal costs.</param>
    /// <param name="walletUsd">The balance minus the reserved amount.</param>
    /// <param name="lastDecline">Code of this card's last decline; null for none.</param>
    public static RenewalForecast Of(
        DateTimeOffset expiresAt,
        RenewalLicense license,
        RenewalPrice price,
        decimal walletUsd,
        SavedCard? card,
        string? lastDecline,
        RenewalPolicy policy)
    {
        if (!policy.AutoRenewal || !license.AutoRenew) return new RenewalForecast(null, "auto_renew_off");
        if (!license.IsRenewable) return new RenewalForecast(null, "license_suspended");
        if (price.AmountUsd is not { } amount) return new RenewalForecast(null, "no_active_price");
        if (amount == 0) return new RenewalForecast(PaidWith.Nothing, null);
        if (price.NeedsConsent) return new RenewalForecast(null, "price_consent");
        if (walletUsd >= amount) return new RenewalForecast(PaidWith.Wallet, null);
        if (card is null) return new RenewalForecast(null, "no_payment_method");
        if (!policy.IdempotencyKeyLifetimes.ContainsKey(card.Provider)) return new RenewalForecast(null, "unknown_payment_provider");
        if (card.ExpiresAt <= expiresAt) return new RenewalForecast(PaidWith.Card, "card_expires");
        return new RenewalForecast(PaidWith.Card, lastDecline);
    }

    /// <summary>
    /// The warning that is due now, in days before expiry: the policy's warning days, 3 or 1; 0 during the grace; null for none. If
    /// several warnings were missed, only the latest one is due.
    /// </summary>
    public static int? WarningDays(DateTimeOffset expiresAt, DateTimeOffset now, RenewalPolicy policy)
    {
        if (now >= expiresAt) return now < expiresAt + policy.Grace ? 0 : null;
        foreach (var before in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromDays(3), policy.Warning])
            if (now >= expiresAt - before) return (int)before.TotalDays;
        return null;
    }
}
