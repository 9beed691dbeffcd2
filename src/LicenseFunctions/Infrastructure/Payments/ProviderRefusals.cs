using Licensing;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>Refusals of requests that a payment provider did not execute.</summary>
internal static class ProviderRefusals
{
    public static readonly Refusal Unavailable = new(
        RefusalKind.Unavailable, "PAYMENT_PROVIDER_UNAVAILABLE", "The payment provider is not available.",
        Hint: "Try again in a minute; nothing was changed.");

    public static readonly Refusal Refused = new(
        RefusalKind.Conflict, "PAYMENT_PROVIDER_REFUSED", "The payment provider refused the request. Nothing was changed.",
        Hint: "Repeating the request is useless. The log has the provider's reason.");
}
