using Licensing;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>Refusals of requests to PayPal, in addition to <see cref="ProviderRefusals"/>.</summary>
internal static class PayPalRefusals
{
    /// <summary>PayPal doesn't have the object.</summary>
    public static readonly Refusal Missing = ProviderRefusals.Refused with { Field = "id" };

    /// <summary>The period of a search has more than 10,000 transactions.</summary>
    public static readonly Refusal TooLarge = ProviderRefusals.Refused with { Field = "period" };

    public static readonly Refusal KeyRejected = new(
        RefusalKind.Failed, "PAYMENT_PROVIDER_KEY_REJECTED",
        "The payment provider rejects the credentials of this backend. Nothing was changed.",
        Hint: "Repeating the request is useless. An operator must check PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET, and the features of the "
            + "app in PayPal's dashboard: vault, transaction search and disputes.");

    /// <summary>Whether PayPal refused this request, which a repetition would not change.</summary>
    public static bool IsFinal(Refusal? refusal) => refusal == ProviderRefusals.Refused || refusal == Missing;
}
