using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>One webhook: verified, translated, and handed to whoever keeps what it is about; each commits the inbox row with its effect.</summary>
public sealed class ReceiveStripeEvent(StripeWebhooks webhooks, ApplyPaymentEvent apply, PaymentMethodStore methods)
{
    /// <param name="body">As it came, byte for byte.</param>
    /// <param name="signature">The Stripe-Signature header.</param>
    public async Task<Outcome<EventReceipt>> RunAsync(string body, string? signature, CancellationToken cancellationToken)
    {
        var read = await webhooks.ReadAsync(body, signature, cancellationToken);
        if (read.Refusal is { } refusal)
            return refusal;
        if (read.Value.Fact is PaymentFact.MethodSaved or PaymentFact.MethodDetached)
            await methods.ApplyAsync(read.Value, cancellationToken);
        else
            await apply.RunAsync(read.Value, cancellationToken);
        return new EventReceipt(read.Value.EventId);
    }
}

/// <summary>The answer to a webhook: taken, whether it was new or not.</summary>
public sealed record EventReceipt(string Received);
