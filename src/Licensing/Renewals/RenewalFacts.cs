namespace Licensing.Renewals;

/// <summary>Everything that a decision about a renewal reads, loaded together.</summary>
/// <param name="Renewal">The row with its latest attempt.</param>
/// <param name="License">The license as it is now.</param>
/// <param name="PriceUsd">The master's active price now; null for none.</param>
/// <param name="LastPaidUsd">What the customer's last renewal cost; null before the first.</param>
/// <param name="WalletUsd">Balance less what is reserved.</param>
/// <param name="Card">The default payment method.</param>
public sealed record RenewalFacts(
    Renewal Renewal,
    RenewalLicense License,
    decimal? PriceUsd,
    decimal? LastPaidUsd,
    decimal WalletUsd,
    SavedCard? Card);

/// <summary>The license, as far as renewal looks at it.</summary>
/// <param name="ExpiresAt">Of the current token; null for never.</param>
/// <param name="AutoRenew">metadata.auto_renew.</param>
/// <param name="IsRenewable">
/// The subscription is active and the license is active or suspended for expiry alone: nobody pays for a license that an
/// operator or the detector holds.
/// </param>
public sealed record RenewalLicense(DateTimeOffset? ExpiresAt, bool AutoRenew, bool IsRenewable);

/// <summary>The default payment method as the machine needs it.</summary>
/// <param name="ChangedAt">When its bank last gave it another number or expiry; null if it never did.</param>
public sealed record SavedCard(
    Guid PaymentMethodId, string Provider, string CustomerId, string PaymentId, int? ExpiryMonth = null, int? ExpiryYear = null,
    DateTimeOffset? ChangedAt = null)
{
    /// <summary>The first moment at which the card is invalid (the month after the printed one, UTC); null if none is printed.</summary>
    public DateTimeOffset? ExpiresAt => ExpiryMonth is { } month and >= 1 and <= 12 && ExpiryYear is { } year and > 0 and < 9999
        ? new DateTimeOffset(year, month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1)
        : null;

    /// <summary>Whether asking it may be answered otherwise than the attempt was: another card, or new details of the same.</summary>
    public bool IsOtherThan(RenewalAttempt attempt) =>
        PaymentId != attempt.Request.PaymentId || Provider != attempt.Provider || ChangedAt > attempt.FirstSentAt;
}
