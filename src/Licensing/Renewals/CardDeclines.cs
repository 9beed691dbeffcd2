using System.Collections.Frozen;

namespace Licensing.Renewals;

/// <summary>
/// Decides whether a declined card may be charged again. Sources: https://docs.stripe.com/declines/codes and
/// https://docs.stripe.com/declines/card (advice codes). Hard codes are those that Stripe itself never retries, and those that only
/// another card can resolve.
/// </summary>
public static class CardDeclines
{
    private static readonly FrozenSet<string> HardCodes = new[]
    {
        "incorrect_number", "lost_card", "stolen_card", "pickup_card", "revocation_of_authorization", "revocation_of_all_authorizations",
        "highest_risk_level", "transaction_not_allowed",
        "expired_card", "invalid_account", "restricted_card", "stop_payment_order",
        "card_not_supported", "currency_not_supported", "invalid_number", "invalid_expiry_month", "invalid_expiry_year",
        "incorrect_cvc", "invalid_cvc",
    }.ToFrozenSet();

    /// <summary>
    /// Checks the request for authentication first, then the bank's advice, then the code. An unknown code is soft: a few retries cost
    /// less than a license that ends without need.
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
            // The saved card data are wrong. Off session, no customer is present to confirm them.
            "do_not_try_again" or "confirm_card_data" => true,
            "try_again_later" => false,
            _ => HardCodes.Contains(reason),
        };
        return hard ? new ChargeOutcome.HardDeclined(reason, detail) : new ChargeOutcome.SoftDeclined(reason, detail);
    }
}
