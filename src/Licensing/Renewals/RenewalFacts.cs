namespace Licensing.Renewals;

/// <summary>Everything that a decision about a renewal needs, read together.</summary>
/// <param name="Renewal">The row with its latest attempt.</param>
/// <param name="License">The license as it is now.</param>
/// <param name="PriceUsd">The master's active price now; null for none. <see cref="RenewalPrice"/> says what is charged.</param>
/// <param name="LastPaidUsd">
/// What the customer's last renewal cost; before the first, the price at subscribing. Null if that is not known.
/// </param>
/// <param name="WalletUsd">The balance minus the reserved amount.</param>
/// <param name="Card">The default payment method.</param>
/// <param name="IsAnotherAwaited">
/// Another renewal of the license waits for the provider or the bank (<see cref="RenewalStatuses.IsAwaitingProvider"/>), or is for
/// another expiry than the present one and has an intent that is not canceled yet (<see cref="Renewal.HasIntentLeft"/>). Or this renewal
/// <see cref="HasOtherCharge"/>.
/// </param>
public sealed record RenewalFacts(
    Renewal Renewal,
    RenewalLicense License,
    decimal? PriceUsd,
    decimal? LastPaidUsd,
    decimal WalletUsd,
    SavedCard? Card,
    bool IsAnotherAwaited = false)
{
    /// <summary>US dollars: the open amounts of the license's deferred renewals.</summary>
    public decimal DebtUsd { get; init; }

    /// <summary>
    /// A provider reported another charge of this renewal, or a charge of a renewal of its license that doesn't exist: nothing more is
    /// charged until an operator has decided about it.
    /// </summary>
    public bool HasOtherCharge { get; init; }

    /// <summary>
    /// Providers whose events were missed, because this backend was stopped or the database was restored. SQL: unread_providers.
    /// </summary>
    public IReadOnlyList<string> UnreadProviders { get; init; } = [];

    /// <summary>
    /// Of <see cref="UnreadProviders"/>, those whose events have been unread for six hours, and which the customer has never used. SQL:
    /// overdue_providers.
    /// </summary>
    public IReadOnlyList<string> OverdueProviders { get; init; } = [];

    /// <summary>When the renewal's attempts began.</summary>
    public IReadOnlyList<DateTimeOffset> AttemptsAt { get; init; } = [];

    /// <summary>An attempt of the renewal with <see cref="Card"/> was declined permanently, and the card has not changed since.</summary>
    public bool IsCardDeclined { get; init; }

    /// <summary>
    /// The method to try once after a permanent decline of <see cref="Card"/>; null if the customer has not allowed it, or has no other.
    /// </summary>
    public SavedCard? NextCard { get; init; }

    /// <summary>The payment method to charge.</summary>
    public SavedCard? ChargedCard =>
        NextCard is not null && (IsCardDeclined || IsDeclined(Renewal.Attempt)) ? NextCard : Card;

    /// <summary>Whether <see cref="ChargedCard"/> takes the place of the default one.</summary>
    public bool IsNextCardCharged => ChargedCard != Card;

    /// <summary>What pays.</summary>
    public PaymentSource Source(RenewalPolicy policy) => PaymentSource.Of(Price(policy), DebtUsd, WalletUsd, ChargedCard, policy);

    // An attempt that was declined since the facts were read.
    private bool IsDeclined(RenewalAttempt? attempt) =>
        attempt is { Status: AttemptStatus.HardDeclined } && Card is { } card && !card.IsOtherThan(attempt);

    /// <inheritdoc cref="RenewalPrice.Of"/>
    public RenewalPrice Price(RenewalPolicy policy) => RenewalPrice.Of(
        Renewal.AmountUsd, Renewal.IsPriceFrozen, Renewal.PriceAccepted, PriceUsd, LastPaidUsd, policy);
}

/// <summary>What renewals need to know about a license.</summary>
/// <param name="ExpiresAt">The current token's expiry; null for never.</param>
/// <param name="AutoRenew">metadata.auto_renew of the current token.</param>
/// <param name="Block">
/// Null if it is served, or suspended for its expiry alone. <see cref="RenewalPolicy.BlockOf"/> says whether it is renewed.
/// </param>
public sealed record RenewalLicense(DateTimeOffset? ExpiresAt, bool AutoRenew, RenewalBlock? Block = null)
{
    /// <summary>A charge of the license is disputed, and the dispute is not decided: no card is charged automatically.</summary>
    public bool IsDisputed { get; init; }

    /// <summary>The license has no token, so nothing can be extended.</summary>
    public bool IsGone { get; init; }
}

/// <summary>The customer's default payment method.</summary>
/// <param name="ChangedAt">When the bank last changed its number or expiry; null if never.</param>
/// <param name="LastFour">The last digits, for mails.</param>
public sealed record SavedCard(
    Guid PaymentMethodId, string Provider, string CustomerId, string PaymentId, int? ExpiryMonth = null, int? ExpiryYear = null,
    DateTimeOffset? ChangedAt = null, string? LastFour = null)
{
    /// <returns>Null if one of the ids is missing: such a card can't be charged.</returns>
    public static SavedCard? Of(
        Guid? paymentMethodId, string? provider, string? customerId, string? paymentId, int? expiryMonth, int? expiryYear,
        DateTimeOffset? changedAt, string? lastFour = null) =>
        paymentMethodId is { } method && provider is not null && customerId is not null && paymentId is not null
            ? new SavedCard(method, provider, customerId, paymentId, expiryMonth, expiryYear, changedAt, lastFour)
            : null;

    /// <summary>
    /// When the card becomes invalid (start of the month after the printed one, UTC); null if no month is printed, or an impossible one.
    /// SQL: default_cards.
    /// </summary>
    public DateTimeOffset? ExpiresAt => EndOf(ExpiryMonth, ExpiryYear);

    /// <inheritdoc cref="ExpiresAt"/>
    public static DateTimeOffset? EndOf(int? expiryMonth, int? expiryYear) =>
        expiryMonth is { } month and >= 1 and <= 12 && expiryYear is { } year and >= 2000 and <= 8999
            ? new DateTimeOffset(year, month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1)
            : null;

    /// <summary>
    /// Whether a charge may have another outcome than the attempt: it is another card, or the same card with new details.
    /// </summary>
    public bool IsOtherThan(RenewalAttempt attempt) =>
        PaymentId != attempt.Request.PaymentId || Provider != attempt.Provider || ChangedAt > attempt.FirstSentAt;
}
