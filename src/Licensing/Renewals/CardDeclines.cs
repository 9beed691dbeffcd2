using System.Collections.Frozen;

namespace Licensing.Renewals;

/// <summary>
/// What a declined card means for the renewal. Source: https://docs.stripe.com/declines/codes and
/// https://docs.stripe.com/declines/card (advice codes); the hard codes are those at which Stripe itself retries no
/// payment, and those which only another card mends.
/// </summary>
public static class CardDeclines
{
    private static readonly FrozenSet<string> AnotherCard = new[]
    {
        "incorrect_number", "lost_card", "stolen_card", "pickup_card", "revocation_of_authorization", "revocation_of_all_authorizations",
        "highest_risk_level", "transaction_not_allowed",
        "expired_card", "invalid_account", "restricted_card", "stop_payment_order",
        "card_not_supported", "currency_not_supported", "invalid_number", "invalid_expiry_month", "invalid_expiry_year", "incorrect_cvc", "invalid_cvc",
    }.ToFrozenSet();

    /// <summary>
    /// Sorts a decline: the bank's wish for the customer's presence first, then its advice, then the code. A code that
    /// isn't known is soft: asking again a few times harms nobody, ending a license does.
    /// </summary>
    /// <param name="adviceCode">do_not_try_again, try_again_later, confirm_card_data; null where the bank gave none.</param>
    /// <param name="declineCode">The bank's reason; null where the provider gave only <paramref name="code"/>.</param>
    /// <param name="code">The provider's error code, such as card_declined.</param>
    /// <param name="detail">The provider's sentence for the customer.</param>
    public static ChargeOutcome Classify(string? adviceCode, string? declineCode, string? code, string detail)
    {
        var reason = declineCode ?? code ?? "card_declined";
        if (reason == "authentication_required" || code == "authentication_required")
            return new ChargeOutcome.NeedsAuthentication("authentication_required", detail);
        var hard = adviceCode switch
        {
            // The data on file are wrong: off session nobody is there to confirm them.
            "do_not_try_again" or "confirm_card_data" => true,
            "try_again_later" => false,
            _ => AnotherCard.Contains(reason),
        };
        return hard ? new ChargeOutcome.HardDeclined(reason, detail) : new ChargeOutcome.SoftDeclined(reason, detail);
    }
}
