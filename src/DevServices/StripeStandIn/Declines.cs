using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>Stripe's message for each decline code: https://docs.stripe.com/declines/codes.</summary>
public static class Declines
{
    /// <summary>Codes that are also the error code; for all others it is card_declined.</summary>
    private static readonly HashSet<string> OwnCode =
        ["expired_card", "incorrect_cvc", "incorrect_number", "incorrect_zip", "invalid_cvc", "invalid_expiry_month", "invalid_expiry_year",
            "invalid_number", "processing_error", "authentication_required"];

    private static readonly HashSet<string> Known =
    [
        .. OwnCode, "approve_with_id", "call_issuer", "card_not_supported", "card_velocity_exceeded", "currency_not_supported",
        "do_not_honor", "do_not_try_again", "duplicate_transaction", "fraudulent", "generic_decline", "highest_risk_level",
        "incorrect_pin", "insufficient_funds", "invalid_account", "invalid_amount", "invalid_pin", "issuer_not_available", "lost_card",
        "merchant_blacklist", "mobile_device_authentication_required", "new_account_information_available", "no_action_taken",
        "not_permitted", "offline_pin_required", "online_or_offline_pin_required", "pickup_card", "pin_try_exceeded",
        "reenter_transaction", "restricted_card", "revocation_of_all_authorizations", "revocation_of_authorization",
        "security_violation", "service_not_allowed", "stolen_card", "stop_payment_order", "testmode_decline",
        "transaction_not_allowed", "try_again_later", "withdrawal_count_limit_exceeded",
    ];

    public static bool IsKnown(string declineCode) => Known.Contains(declineCode);

    public static string CodeOf(string declineCode) => OwnCode.Contains(declineCode) ? declineCode : "card_declined";

    public static string MessageOf(string declineCode) => declineCode switch
    {
        "insufficient_funds" => "Your card has insufficient funds.",
        "expired_card" => "Your card has expired.",
        "incorrect_cvc" => "Your card's security code is incorrect.",
        "incorrect_number" => "Your card number is incorrect.",
        "processing_error" => "An error occurred while processing your card. Try again in a little bit.",
        "card_not_supported" => "Your card is not supported.",
        "authentication_required" => "Your card was declined. This transaction requires authentication.",
        _ => "Your card was declined.",
    };

    /// <summary>The default advice code.</summary>
    public static string? AdviceOf(string declineCode) => declineCode switch
    {
        "insufficient_funds" or "processing_error" or "try_again_later" or "issuer_not_available" or "reenter_transaction" =>
            "try_again_later",
        "lost_card" or "stolen_card" or "pickup_card" or "fraudulent" => "do_not_try_again",
        "incorrect_cvc" or "incorrect_number" or "expired_card" => "confirm_card_data",
        _ => null,
    };

    /// <summary>The fields that a card error and last_payment_error share.</summary>
    public static JsonObject Fields(string declineCode, string? advice, string? chargeId)
    {
        var fields = new JsonObject { ["decline_code"] = declineCode };
        if ((advice ?? AdviceOf(declineCode)) is { } given)
            fields["advice_code"] = given;
        if (chargeId is not null)
            fields["charge"] = chargeId;
        return fields;
    }

    public static StripeErrorException Failure(string declineCode, string? advice, string? chargeId) =>
        new(402, "card_error", MessageOf(declineCode), CodeOf(declineCode)) { More = Fields(declineCode, advice, chargeId) };
}
