using Licensing.Renewals;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Maps Stripe's answers about a charge or its intent.</summary>
internal static class StripeCharges
{
    public static bool IsIntent(string id) => id.StartsWith("pi_", StringComparison.Ordinal);

    public static ChargeLookup Of(Charge charge) => new ChargeLookup.Found(
        charge.Id, charge.PaymentIntentId, charge.Status == "succeeded", charge.AmountCaptured, charge.Currency,
        Id(charge.Metadata, StripeMetadata.RenewalId), Id(charge.Metadata, StripeMetadata.SubscriptionId));

    public static ChargeLookup Of(PaymentIntent intent) => new ChargeLookup.Found(
        intent.LatestChargeId ?? intent.Id, intent.Id, intent.Status == "succeeded", intent.AmountReceived, intent.Currency,
        Id(intent.Metadata, StripeMetadata.RenewalId), Id(intent.Metadata, StripeMetadata.SubscriptionId));

    private static Guid? Id(Dictionary<string, string>? metadata, string key) =>
        Guid.TryParse(metadata?.GetValueOrDefault(key), out var id) ? id : null;
}
