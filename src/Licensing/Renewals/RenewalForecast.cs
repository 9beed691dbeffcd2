namespace Licensing.Renewals;

/// <summary>What would pay the next renewal of a license, and why it will likely fail.</summary>
/// <param name="With">Null if nothing can pay.</param>
/// <param name="Obstacle">A code; null if the renewal should succeed.</param>
public sealed record RenewalForecast(PaidWith? With, string? Obstacle)
{
    /// <summary>What the payment would include for deferred renewals of the license.</summary>
    public decimal DebtsUsd { get; init; }

    /// <summary>
    /// Something other than the payment prevents the renewal: nothing is charged until the customer, an operator or the platform acts.
    /// <see cref="With"/> is what would pay then.
    /// </summary>
    public bool IsHeld { get; init; }

    /// <summary>The obstacle if the card is no longer valid at the license's expiry.</summary>
    public const string CardExpires = "card_expires";

    /// <summary>The obstacle if auto-renewal is off for the license or for the installation.</summary>
    public const string AutoRenewOff = "auto_renew_off";

    /// <summary>
    /// The obstacle if the platform moved the expiry back to the start of a paid period: it is paid again only on request.
    /// </summary>
    public const string PaidBefore = "paid_before";

    /// <summary>The obstacle if the renewal has lapsed, after a refund for example: it is paid only on request.</summary>
    public const string Lapsed = "lapsed";

    /// <summary>When the renewal is attempted next automatically; null if no attempt is planned.</summary>
    /// <param name="expiresAt">The license's expiry.</param>
    /// <param name="status">Null before the renewal is opened.</param>
    /// <param name="nextActionAt">When the opened renewal is processed next, unless it lapses then.</param>
    /// <param name="now">The present time; the result is never earlier.</param>
    /// <param name="policy">The settings of this installation.</param>
    public DateTimeOffset? AttemptAt(
        DateTimeOffset expiresAt, RenewalStatus? status, DateTimeOffset? nextActionAt, DateTimeOffset now, RenewalPolicy policy)
    {
        if (IsHeld || With is null) return null;
        DateTimeOffset? at = status switch
        {
            null => policy.OpensAt(expiresAt),
            // The obstacle is gone, so that the next check pays.
            RenewalStatus.Due or RenewalStatus.SoftDeclined or RenewalStatus.PaymentNeeded or RenewalStatus.NotRenewable
                or RenewalStatus.AwaitingConsent => nextActionAt,
            // While the declined card would pay, there is an obstacle. Without an obstacle, the wallet or another card pays.
            RenewalStatus.HardDeclined when Obstacle is null => nextActionAt,
            _ => null,
        };
        return at < now ? now : at;
    }

    /// <inheritdoc cref="OfPayment"/>
    /// <param name="license">The obstacle is the <see cref="RenewalBlock"/> or auto_renew_off if it won't be renewed automatically.</param>
    /// <param name="requested">
    /// The status of a renewal that the customer requested; null if none is in progress. It needs no auto-renewal, except that a declined
    /// card is not charged again. See <see cref="RenewalPlan"/>.
    /// </param>
    public static RenewalForecast Of(
        RenewalLicense license, RenewalPrice price, decimal debtUsd, decimal walletUsd, SavedCard? card, string? lastDecline,
        RenewalPolicy policy, RenewalStatus? requested = null)
    {
        var forecast = OfPayment(license.ExpiresAt, price, debtUsd, walletUsd, card, lastDecline, policy);
        if (policy.BlockOf(license) is { } block) return forecast.HeldBy(EnumWords.Of(block));
        var needsAutoRenewal = requested is null || (requested is RenewalStatus.SoftDeclined && forecast.With is PaidWith.Card);
        if (needsAutoRenewal && !policy.AutoRenews(license)) return forecast.HeldBy(AutoRenewOff);
        return license.IsDisputed && requested is not RenewalStatus.Due
            && forecast is { IsHeld: false, With: PaidWith.Card or PaidWith.Deferred }
            ? forecast.HeldBy(PaymentSource.PaymentDisputed)
            : forecast;
    }

    /// <summary>The same forecast for a renewal with this status: a lapsed one is not paid, although something could pay it.</summary>
    /// <param name="status">Null before the renewal is opened.</param>
    public RenewalForecast WithStatus(RenewalStatus? status) =>
        status is RenewalStatus.Lapsed && Obstacle is null ? HeldBy(Lapsed) : this;

    /// <summary>The same forecast of the payment, with an obstacle other than the payment.</summary>
    public RenewalForecast HeldBy(string obstacle) => this with { Obstacle = obstacle, IsHeld = true };

    /// <summary>The forecast of the payment only. It ignores whether the license is renewed automatically or suspended.</summary>
    /// <param name="expiresAt">The license's expiry, null if it never expires. The first attempt comes before it.</param>
    /// <param name="price">What the renewal costs.</param>
    /// <param name="debtUsd">The open amounts of the license's deferred renewals.</param>
    /// <param name="walletUsd">The balance minus the reserved amount.</param>
    /// <param name="card">The default payment method.</param>
    /// <param name="lastDecline">Code of this card's last decline; null for none.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static RenewalForecast OfPayment(
        DateTimeOffset? expiresAt, RenewalPrice price, decimal debtUsd, decimal walletUsd, SavedCard? card, string? lastDecline,
        RenewalPolicy policy)
    {
        if (price.NeedsConsent)
        {
            var agreed = price with { NeedsConsent = false };
            return OfPayment(expiresAt, agreed, debtUsd, walletUsd, card, lastDecline, policy).HeldBy(PaymentSource.PriceConsent);
        }

        var source = PaymentSource.Of(price, debtUsd, walletUsd, card, policy);
        var cardObstacle = card?.ExpiresAt <= expiresAt ? CardExpires : lastDecline;
        return new RenewalForecast(source.With, source.With is PaidWith.Card ? cardObstacle : source.Obstacle)
        {
            DebtsUsd = source.DebtsUsd,
        };
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
