using System.Net;
using Licensing;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Tells refusals that a repetition can't change from outages.</summary>
internal static class StripeRefusals
{
    public static readonly Refusal KeyRejected = new(
        RefusalKind.Failed, "PAYMENT_PROVIDER_KEY_REJECTED",
        "The payment provider rejects the key of this backend. Nothing was changed.",
        Hint: "Repeating the request is useless. An operator must check STRIPE_SECRET_KEY.");

    /// <summary>The customer was deleted at Stripe, or belongs to another account.</summary>
    public static readonly Refusal CustomerMissing = new(
        RefusalKind.Conflict, "PAYMENT_CUSTOMER_MISSING", "The payment provider doesn't know the customer. Nothing was changed.");

    public static Refusal Of(StripeException refused) => refused switch
    {
        { StripeError: { Code: "resource_missing", Param: "customer" } } => CustomerMissing,
        { HttpStatusCode: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden } => KeyRejected,
        // 409 is a key or an object in use.
        { HttpStatusCode: HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests } =>
            ProviderRefusals.Unavailable,
        { HttpStatusCode: >= HttpStatusCode.BadRequest and < HttpStatusCode.InternalServerError } => ProviderRefusals.Refused,
        _ => ProviderRefusals.Unavailable,
    };

    /// <summary>
    /// Whether the request was certainly not executed and never will be. False if Stripe rejects this backend's key: an operator corrects
    /// it.
    /// </summary>
    public static bool IsFinal(StripeException refused) =>
        refused.StripeError?.Type != "idempotency_error" && (Of(refused) == ProviderRefusals.Refused || Of(refused) == CustomerMissing);
}
