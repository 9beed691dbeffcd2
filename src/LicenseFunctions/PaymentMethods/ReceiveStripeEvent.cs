using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Verifies a webhook and applies it to cards or renewals. The inbox row is committed with the effect.</summary>
public sealed class ReceiveStripeEvent(StripeWebhooks webhooks, ApplyPaymentEvent apply, PaymentMethodStore methods)
{
    /// <param name="body">The request's body, unchanged.</param>
    /// <param name="signature">The Stripe-Signature header.</param>
    public async Task<Outcome<EventReceipt>> RunAsync(string body, string? signature, CancellationToken cancellationToken)
    {
        var read = await webhooks.ReadAsync(body, signature, cancellationToken);
        if (read.Refusal is { } refusal)
            return refusal;
        await ApplyAsync(read.Value, cancellationToken);
        return new EventReceipt(read.Value.EventId);
    }

    /// <summary>Applies an event that Stripe's own list contains, as if a webhook had delivered it.</summary>
    internal async Task ApplyListedAsync(StripeEventBody listed, CancellationToken cancellationToken) =>
        await ApplyAsync(await webhooks.MapAsync(listed, cancellationToken), cancellationToken);

    private Task ApplyAsync(PaymentEvent received, CancellationToken cancellationToken) =>
        received.Fact is PaymentFact.MethodSaved or PaymentFact.MethodDetached
            ? methods.ApplyAsync(received, cancellationToken)
            : apply.RunAsync(received, cancellationToken);
}

/// <summary>The answer to a webhook. It is the same for a new event and for a repeated one.</summary>
public sealed record EventReceipt(string Received);
