namespace Licensing.Renewals;

/// <summary>What a license's next renewal would be paid with, and why it will likely fail.</summary>
/// <param name="With">Null where nothing can pay.</param>
/// <param name="Obstacle">A code; null where it should succeed.</param>
public sealed record RenewalForecast(PaidWith? With, string? Obstacle)
{
    /// <summary>Foretells by the same order in which the machine pays.</summary>
    /// <param name="expiresAt">The license's expiry; the first attempt comes before it.</param>
    /// <param name="priceUsd">The price that will be charged; null for none.</param>
    /// <param name="lastDecline">Code of the present card's last decline; null without one.</param>
    public static RenewalForecast Of(
        DateTimeOffset expiresAt,
        RenewalLicense license,
        decimal? priceUsd,
        decimal? lastPaidUsd,
        decimal walletUsd,
        SavedCard? card,
        string? lastDecline,
        RenewalPolicy policy)
    {
        if (!policy.AutoRenewal || !license.AutoRenew) return new RenewalForecast(null, "auto_renew_off");
        if (!license.IsRenewable) return new RenewalForecast(null, "license_suspended");
        if (priceUsd is not { } price) return new RenewalForecast(null, "no_active_price");
        if (price == 0) return new RenewalForecast(PaidWith.Nothing, null);
        if (policy.NeedsConsent(price, lastPaidUsd)) return new RenewalForecast(null, "price_consent");
        if (walletUsd >= price) return new RenewalForecast(PaidWith.Wallet, null);
        if (card is null) return new RenewalForecast(null, "no_payment_method");
        if (!policy.IdempotencyKeyLifetimes.ContainsKey(card.Provider)) return new RenewalForecast(null, "unknown_payment_provider");
        if (card.ExpiresAt <= expiresAt) return new RenewalForecast(PaidWith.Card, "card_expires");
        return new RenewalForecast(PaidWith.Card, lastDecline);
    }

    /// <summary>
    /// The warning that is due now: 7, 3 or 1 days before expiry (the first at the installation's warning days), 0 once it is
    /// past and the grace runs; null outside. A tick that comes late sends only the nearest.
    /// </summary>
    public static int? WarningDays(DateTimeOffset expiresAt, DateTimeOffset now, RenewalPolicy policy)
    {
        if (now >= expiresAt) return now < expiresAt + policy.Grace ? 0 : null;
        foreach (var days in (int[])[1, 3, policy.WarningDays])
            if (now >= expiresAt - TimeSpan.FromDays(days)) return days;
        return null;
    }
}
