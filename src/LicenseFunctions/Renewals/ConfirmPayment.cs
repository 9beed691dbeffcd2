using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>What the browser needs to let the customer confirm a payment with the bank (3-D Secure).</summary>
/// <param name="PaymentMethod">The provider's ID of the card whose payment must be confirmed.</param>
public sealed record PaymentConfirmation(string PaymentIntentId, string ClientSecret, string PublishableKey, string PaymentMethod)
{
    /// <summary>Keeps the secret out of logs.</summary>
    public override string ToString() => PaymentIntentId;
}

/// <summary>Returns the intent that the customer must confirm with the bank. The result arrives as an event of the provider.</summary>
public sealed class ConfirmPayment(RenewalReads reads, IEnumerable<IPaymentGateway> gateways, StripeSettings settings)
{
    private static readonly Refusal NothingToConfirm =
        new(RefusalKind.NotFound, "NOTHING_TO_CONFIRM", "This license has no payment to confirm.");

    private static readonly Refusal ProviderUnavailable = new(
        RefusalKind.Unavailable, "PAYMENT_PROVIDER_UNAVAILABLE", "The payment provider is not available.",
        Hint: "Try again in a minute; nothing was charged.");

    public async Task<Outcome<PaymentConfirmation>> RunAsync(Guid userId, Guid subscriptionId, CancellationToken cancellationToken)
    {
        if (!await reads.IsVisibleAsync(subscriptionId, userId, cancellationToken)) return LicenseNotFound.Refusal;

        var waiting = await reads.FindToConfirmAsync(userId, subscriptionId, cancellationToken);
        if (waiting is null || gateways.FirstOrDefault(gateway => gateway.Provider == waiting.Provider) is not { } gateway)
            return NothingToConfirm;
        var intent = await gateway.GetIntentAsync(waiting.IntentId, cancellationToken);
        return intent switch
        {
            { Outcome: ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing or ChargeOutcome.Missing } =>
                NothingToConfirm,
            { Outcome: ChargeOutcome.Unknown } or { ClientSecret: null } => ProviderUnavailable,
            _ => new PaymentConfirmation(waiting.IntentId, intent.ClientSecret, settings.PublishableKey!, waiting.PaymentId),
        };
    }
}
