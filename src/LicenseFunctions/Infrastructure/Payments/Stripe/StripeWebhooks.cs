using Licensing;
using Licensing.Renewals;
using Stripe;
using ChargeOutcome = Licensing.Renewals.ChargeOutcome;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Verifies Stripe's events and maps them to facts.</summary>
public sealed class StripeWebhooks(StripeSettings settings, StripeCards cards, TimeProvider clock)
{
    /// <summary>Stripe's own tolerance: an older signed body may be a replay.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    private static readonly Refusal NotStripe = new(RefusalKind.Invalid, "BAD_SIGNATURE",
        "The body isn't signed by this account's webhook secret, or was signed too long ago.", "Stripe-Signature");

    /// <summary>Verifies and maps one event. If it only names a card, the card is read from Stripe, outside any transaction.</summary>
    /// <param name="body">The request's body, unchanged: the signature covers it.</param>
    /// <param name="signature">The Stripe-Signature header.</param>
    /// <exception cref="StripeException">The card can't be read from Stripe. Stripe will send the event again.</exception>
    public async Task<Outcome<PaymentEvent>> ReadAsync(string body, string? signature, CancellationToken cancellationToken)
    {
        if (Verify(body, signature) is not { } made)
            return NotStripe;
        var fact = await FactAsync(made, cancellationToken);
        return new PaymentEvent(PaymentProviders.Stripe, made.Id, made.Type, new DateTimeOffset(made.Created), fact);
    }

    private Event? Verify(string body, string? signature)
    {
        if (string.IsNullOrEmpty(signature))
            return null;
        foreach (var secret in settings.WebhookSecrets)
        {
            try
            {
                // An account may use an older API version; the fields that are read here are the same.
                return EventUtility.ConstructEvent(
                    body, signature, secret, (long)Tolerance.TotalSeconds, clock.GetUtcNow().ToUnixTimeSeconds(),
                    throwOnApiVersionMismatch: false);
            }
            catch (Exception wrong) when (wrong is StripeException or FormatException or OverflowException)
            {
                // While the secret is rotated, another one may match.
            }
        }

        return null;
    }

    private async Task<PaymentFact> FactAsync(Event made, CancellationToken cancellationToken) => (made.Type, made.Data.Object) switch
    {
        ("payment_intent.succeeded" or "payment_intent.payment_failed" or "payment_intent.requires_action" or "payment_intent.processing"
            or "payment_intent.canceled", PaymentIntent intent) => OfIntent(intent),
        ("charge.refunded", Charge { PaymentIntentId: { } intentId } charge) =>
            new PaymentFact.Refunded(intentId, charge.Amount, charge.AmountRefunded),
        ("charge.dispute.created", Dispute { PaymentIntentId: { } intentId } dispute) =>
            new PaymentFact.DisputeOpened(intentId, dispute.Reason ?? "general"),
        // An inquiry that ends without a chargeback (warning_closed) is not lost.
        ("charge.dispute.closed", Dispute { PaymentIntentId: { } intentId } dispute) =>
            new PaymentFact.DisputeClosed(intentId, Won: dispute.Status != "lost"),
        ("setup_intent.succeeded", SetupIntent { PaymentMethodId: { } paymentId } setup) =>
            await cards.ReadAsync(paymentId, setup.Metadata.Id(StripeMetadata.UserId), cancellationToken),
        ("payment_method.automatically_updated" or "payment_method.updated", PaymentMethod method) =>
            await cards.ReadAsync(method.Id, userId: null, cancellationToken),
        ("payment_method.detached", PaymentMethod method) => new PaymentFact.MethodDetached(method.Id),
        _ => new PaymentFact.Ignored(),
    };

    private static PaymentFact OfIntent(PaymentIntent intent)
    {
        var snapshot = StripeOutcomes.Of(intent);
        return snapshot.Outcome is ChargeOutcome.Unknown
            ? new PaymentFact.Ignored()
            : new PaymentFact.IntentChanged(snapshot, intent.Metadata.Id(StripeMetadata.RenewalId));
    }
}
