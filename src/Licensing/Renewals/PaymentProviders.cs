namespace Licensing.Renewals;

/// <summary>The names of payment providers, as tables and mails contain them.</summary>
public static class PaymentProviders
{
    public const string Stripe = "stripe";

    public const string PayPal = "paypal";

    /// <summary>Payments from the customer's wallet; no gateway has this name.</summary>
    public const string Wallet = "wallet";
}
