using LicenseFunctions.Infrastructure.Payments.Stripe;
using Licensing;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Verifies a webhook and applies it to cards or renewals. The inbox row is committed with the effect.</summary>
public sealed class ReceiveStripeEvent(StripeWebhooks webhooks, ApplyEvent apply)
{
    /// <param name="body">The request's body, unchanged.</param>
    /// <param name="signature">The Stripe-Signature header.</param>
    public async Task<Outcome<EventReceipt>> RunAsync(string body, string? signature, CancellationToken cancellationToken)
    {
        var read = await webhooks.ReadAsync(body, signature, cancellationToken);
        if (read.Refusal is { } refusal)
            return refusal;
        await apply.RunAsync(read.Value, cancellationToken);
        return new EventReceipt(read.Value.EventId);
    }
}

/// <summary>The answer to a webhook. It is the same for a new event and for a repeated one.</summary>
public sealed record EventReceipt(string Received);
