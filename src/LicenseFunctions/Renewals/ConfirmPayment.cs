using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>What the browser needs to let the customer confirm a payment with the bank (3-D Secure).</summary>
/// <param name="PaymentMethod">The provider's id of the card that the bank asks about.</param>
public sealed record PaymentConfirmation(string PaymentIntentId, string ClientSecret, string PublishableKey, string PaymentMethod)
{
    /// <summary>Keeps the secret out of logs.</summary>
    public override string ToString() => PaymentIntentId;
}

/// <summary>Gives the owner the intent that the bank wants confirmed. The result comes as the provider's event.</summary>
public sealed class ConfirmPayment(RenewalReads reads, IEnumerable<IPaymentGateway> gateways, StripeSettings settings)
{
    private static readonly Refusal NothingToConfirm =
        new(RefusalKind.NotFound, "NOTHING_TO_CONFIRM", "No payment of this license waits to be confirmed.");

    private static readonly Refusal ProviderUnavailable = new(
        RefusalKind.Unavailable, "PAYMENT_PROVIDER_UNAVAILABLE", "The payment provider doesn't answer as it should.",
        Hint: "Try again in a minute; nothing was charged.");

    public async Task<Outcome<PaymentConfirmation>> RunAsync(Guid userId, Guid subscriptionId, CancellationToken cancellationToken)
    {
        var waiting = await reads.FindToConfirmAsync(userId, subscriptionId, cancellationToken);
        if (waiting is null || gateways.FirstOrDefault(gateway => gateway.Provider == waiting.Provider) is not { } gateway)
            return NothingToConfirm;
        var intent = await gateway.GetIntentAsync(waiting.IntentId, cancellationToken);
        return intent switch
        {
            { Outcome: ChargeOutcome.Unknown } or { ClientSecret: null } => ProviderUnavailable,
            { Outcome: ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing } => NothingToConfirm,
            _ => new PaymentConfirmation(waiting.IntentId, intent.ClientSecret, settings.PublishableKey!, waiting.PaymentId),
        };
    }
}
