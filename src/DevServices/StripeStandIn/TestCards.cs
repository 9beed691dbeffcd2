namespace StripeStandIn;

/// <summary>A card's behavior. Stripe's test cards have one by name; an admin can set it for any saved card.</summary>
/// <param name="Decline">The decline code of a charge; null if it is paid.</param>
/// <param name="Authentication">Whether the bank requires the customer's authentication.</param>
public sealed record CardBehavior(
    string Brand,
    string Last4,
    string? Decline = null,
    string? Advice = null,
    Authentication Authentication = Authentication.Never,
    bool DeclinesOnAttach = false,
    string? Dispute = null,
    string Funding = "credit");

public enum Authentication
{
    Never,

    /// <summary>Required, except off session if the card was set up with authentication.</summary>
    UnlessSetUp,

    /// <summary>Required for every payment, also off session.</summary>
    Always,
}

/// <summary>Stripe's test PaymentMethods, https://docs.stripe.com/testing.</summary>
public static class TestCards
{
    public static readonly IReadOnlyDictionary<string, CardBehavior> ByName = new Dictionary<string, CardBehavior>
    {
        ["pm_card_visa"] = new("visa", "4242"),
        ["pm_card_visa_debit"] = new("visa", "5556", Funding: "debit"),
        ["pm_card_mastercard"] = new("mastercard", "4444"),
        ["pm_card_mastercard_debit"] = new("mastercard", "8210", Funding: "debit"),
        ["pm_card_amex"] = new("amex", "8431"),
        ["pm_card_discover"] = new("discover", "1117"),
        ["pm_card_diners"] = new("diners", "0004"),
        ["pm_card_jcb"] = new("jcb", "0505"),
        ["pm_card_unionpay"] = new("unionpay", "0005"),
        ["pm_card_chargeCustomerFail"] = new("visa", "0341", "generic_decline"),
        ["pm_card_chargeDeclined"] = Declined("0002", "generic_decline"),
        ["pm_card_visa_chargeDeclined"] = Declined("0002", "generic_decline"),
        ["pm_card_chargeDeclinedInsufficientFunds"] = Declined("9995", "insufficient_funds"),
        ["pm_card_visa_chargeDeclinedInsufficientFunds"] = Declined("9995", "insufficient_funds"),
        ["pm_card_chargeDeclinedLostCard"] = Declined("9987", "lost_card"),
        ["pm_card_visa_chargeDeclinedLostCard"] = Declined("9987", "lost_card"),
        ["pm_card_chargeDeclinedStolenCard"] = Declined("9979", "stolen_card"),
        ["pm_card_visa_chargeDeclinedStolenCard"] = Declined("9979", "stolen_card"),
        ["pm_card_chargeDeclinedExpiredCard"] = Declined("0069", "expired_card"),
        ["pm_card_chargeDeclinedIncorrectCvc"] = Declined("0127", "incorrect_cvc"),
        ["pm_card_chargeDeclinedProcessingError"] = Declined("0119", "processing_error"),
        ["pm_card_radarBlock"] = Declined("0019", "fraudulent"),
        ["pm_card_authenticationRequired"] = new("visa", "3184", Authentication: Authentication.Always),
        ["pm_card_authenticationRequiredOnSetup"] = new("visa", "3155", Authentication: Authentication.UnlessSetUp),
        ["pm_card_authenticationRequiredSetupForOffSession"] = new("visa", "3155", Authentication: Authentication.UnlessSetUp),
        ["pm_card_createDispute"] = new("visa", "0259", Dispute: "fraudulent"),
        ["pm_card_createDisputeProductNotReceived"] = new("visa", "2685", Dispute: "product_not_received"),
    };

    private static CardBehavior Declined(string last4, string declineCode) => new("visa", last4, declineCode, DeclinesOnAttach: true);
}
