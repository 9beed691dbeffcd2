using System.Globalization;
using System.Text.Json;
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

    /// <summary>
    /// The types of events that have an effect here. The webhook endpoint at Stripe needs these; a request to Stripe names at most 20.
    /// </summary>
    public static readonly IReadOnlyList<string> Types =
    [
        "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.requires_action", "payment_intent.processing",
        "payment_intent.canceled",
        "charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed",
        "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "setup_intent.succeeded", "payment_method.automatically_updated", "payment_method.updated", "payment_method.detached",
    ];

    private static readonly Refusal NotStripe = new(RefusalKind.Invalid, "BAD_SIGNATURE",
        "The body isn't signed by this account's webhook secret, or was signed too long ago.", "Stripe-Signature");

    /// <summary>Verifies and maps one event. If it only names a card, the card is read from Stripe, outside any transaction.</summary>
    /// <param name="body">The request's body, unchanged: the signature covers it.</param>
    /// <param name="signature">The Stripe-Signature header.</param>
    /// <exception cref="StripeException">The card can't be read from Stripe. Stripe will send the event again.</exception>
    public async Task<Outcome<PaymentEvent>> ReadAsync(string body, string? signature, CancellationToken cancellationToken) =>
        IsSigned(body, signature)
            ? await MapAsync(StripeEventBody.Read(body, clock.GetUtcNow()), cancellationToken)
            : NotStripe;

    /// <summary>Maps an event that was signed, or that Stripe's own list contains.</summary>
    /// <exception cref="StripeException">The card can't be read from Stripe.</exception>
    internal async Task<PaymentEvent> MapAsync(StripeEventBody made, CancellationToken cancellationToken)
    {
        var fact = await CardAsync(made, cancellationToken) ?? Fact(made);
        return new PaymentEvent(PaymentProviders.Stripe, made.Id, made.Type, made.CreatedAt, fact);
    }

    private bool IsSigned(string body, string? signature)
    {
        if (string.IsNullOrEmpty(signature))
            return false;
        foreach (var secret in settings.WebhookSecrets)
        {
            try
            {
                EventUtility.ValidateSignature(
                    body, signature, secret, (long)Tolerance.TotalSeconds, clock.GetUtcNow().ToUnixTimeSeconds());
                return true;
            }
            catch (Exception wrong) when (wrong is StripeException or FormatException or OverflowException)
            {
                // While the secret is rotated, another one may match.
            }
        }

        return false;
    }

    private async Task<PaymentFact?> CardAsync(StripeEventBody made, CancellationToken cancellationToken) => made.Type switch
    {
        "setup_intent.succeeded" when made.Subject.Reference("payment_method") is { } paymentId =>
            await cards.ReadAsync(paymentId, made.Subject.Part("metadata").Id(StripeMetadata.UserId), cancellationToken),
        "payment_method.automatically_updated" or "payment_method.updated" when made.Subject.Text("id") is { } paymentId =>
            await cards.ReadAsync(paymentId, userId: null, cancellationToken),
        "payment_method.detached" when made.Subject.Text("id") is { } paymentId => new PaymentFact.MethodDetached(paymentId),
        _ => null,
    };

    // Only the fields that are used are read, so that a field of another API version doesn't make an event unreadable.
    private static PaymentFact Fact(StripeEventBody made) => made.Type switch
    {
        "payment_intent.succeeded" or "payment_intent.payment_failed" or "payment_intent.requires_action" or "payment_intent.processing"
            or "payment_intent.canceled" => OfIntent(made, made.Subject),
        _ => StripeReversals.Of(made) ?? new PaymentFact.Ignored(),
    };

    private static PaymentFact OfIntent(StripeEventBody made, JsonElement subject)
    {
        if (subject.Text("id") is not { } id || subject.Text("status") is not { } status
            || (status == "succeeded" && subject.Whole("amount_received") is null))
            return made.Type == "payment_intent.succeeded"
                ? new PaymentFact.Unreadable(subject.Text("id") ?? made.Id)
                : new PaymentFact.Ignored();
        var snapshot = StripeOutcomes.Of(new PaymentIntent
        {
            Id = id,
            Status = status,
            Currency = subject.Text("currency"),
            AmountReceived = subject.Whole("amount_received") ?? 0,
            // Before the API version of November 2022, the intent had a list of charges.
            LatestChargeId = subject.Reference("latest_charge") ?? FirstCharge(subject),
            CancellationReason = subject.Text("cancellation_reason"),
            LastPaymentError = subject.Part("last_payment_error") is { ValueKind: JsonValueKind.Object } error
                ? new StripeError
                {
                    Code = error.Text("code"),
                    DeclineCode = error.Text("decline_code"),
                    AdviceCode = error.Text("advice_code"),
                    Message = error.Text("message"),
                }
                : null,
        });
        if (snapshot.Outcome is ChargeOutcome.Unknown)
            return made.Type == "payment_intent.succeeded" ? new PaymentFact.Unreadable(id) : new PaymentFact.Ignored();
        var metadata = subject.Part("metadata");
        return new PaymentFact.IntentChanged(
            snapshot, metadata.Id(StripeMetadata.RenewalId), metadata.Id(StripeMetadata.SubscriptionId),
            metadata.Id(StripeMetadata.UserId),
            long.TryParse(metadata.Text(StripeMetadata.DebtsMinor), CultureInfo.InvariantCulture, out var debts) ? debts : 0);
    }

    private static string? FirstCharge(JsonElement intent) =>
        intent.Part("charges").Part("data") is { ValueKind: JsonValueKind.Array } charges && charges.GetArrayLength() > 0
            ? charges[0].Text("id")
            : null;
}
