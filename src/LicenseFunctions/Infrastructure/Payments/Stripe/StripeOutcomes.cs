using System.Globalization;
using System.Net;
using Licensing.Renewals;
using Stripe;
using ChargeOutcome = Licensing.Renewals.ChargeOutcome;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Maps Stripe's answers to outcomes. An uncertain answer is Unknown.</summary>
internal static class StripeOutcomes
{
    private static readonly ChargeOutcome.HardDeclined Unusable = new("payment_method_unusable", "The saved card can no longer be used.");

    public static IntentSnapshot Of(PaymentIntent intent) => new(intent.Id, Outcome(intent), intent.ClientSecret);

    public static IntentSnapshot Of(StripeException refused, string? intentId)
    {
        var error = refused.StripeError;
        if (error?.PaymentIntent is { } intent && error.Code == "payment_intent_unexpected_state")
            return Of(intent);
        return new IntentSnapshot(error?.PaymentIntent?.Id ?? intentId, error switch
        {
            { Type: "card_error" } when refused.HttpStatusCode == HttpStatusCode.PaymentRequired => Declined(error),
            { Code: "resource_missing", Param: "intent" } => new ChargeOutcome.Missing(),
            // Stripe no longer knows the saved card or its customer, so a retry has no use.
            { Type: "invalid_request_error", Param: "payment_method" or "customer" } when IsClientError(refused) =>
                Unusable,
            // For a detached card, Stripe's answer has only a message, without a code or a parameter.
            { Type: "invalid_request_error", Code: null, Param: null, Message: { } sentence }
                when refused.HttpStatusCode is HttpStatusCode.BadRequest
                    && sentence.Contains("detached from a Customer", StringComparison.Ordinal) =>
                Unusable,
            { Code: "amount_too_small" or "amount_too_large" } =>
                new ChargeOutcome.HardDeclined(error.Code, "The amount can't be charged to a card."),
            // A creation charges nothing, so its refusal is certain. A refused confirmation is not: an earlier one with the same key may
            // have been executed.
            _ when intentId is null && StripeRefusals.IsFinal(refused) =>
                new ChargeOutcome.SoftDeclined("provider_refused", error?.Message ?? Reason(refused)),
            _ => new ChargeOutcome.Unknown(Reason(refused), RetryAfter(refused)),
        });
    }

    private static ChargeOutcome Outcome(PaymentIntent intent) => intent.Status switch
    {
        "succeeded" => new ChargeOutcome.Succeeded(intent.LatestChargeId ?? intent.Id, intent.AmountReceived, intent.Currency),
        "processing" => new ChargeOutcome.Processing(),
        "requires_action" => new ChargeOutcome.NeedsAuthentication("requires_action", "The bank requires the customer's confirmation."),
        "requires_payment_method" when intent.LastPaymentError is { } error => Declined(error),
        "requires_payment_method" or "requires_confirmation" => new ChargeOutcome.Unconfirmed(),
        "canceled" => new ChargeOutcome.Canceled(intent.CancellationReason ?? "canceled"),
        _ => new ChargeOutcome.Unknown($"status_{intent.Status}"),
    };

    private static ChargeOutcome Declined(StripeError error) =>
        CardDeclines.Classify(error.AdviceCode, error.DeclineCode, error.Code, error.Message ?? "Your card was declined.");

    private static bool IsClientError(StripeException refused) =>
        refused.HttpStatusCode is HttpStatusCode.BadRequest or HttpStatusCode.NotFound;

    private static string Reason(StripeException refused) =>
        ((int)refused.HttpStatusCode).ToString(CultureInfo.InvariantCulture)
        + $"_{refused.StripeError?.Code ?? refused.StripeError?.Type ?? "no_answer"}";

    private static TimeSpan? RetryAfter(StripeException refused) =>
        refused.StripeResponse?.Headers is { } headers && headers.TryGetValues("Retry-After", out var values)
            && int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
