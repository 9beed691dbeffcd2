using LicenseFunctions.Infrastructure.Payments.PayPal;
using Licensing;

namespace LicenseFunctions.PaymentMethods;

/// <summary>
/// Verifies a webhook of PayPal and applies it to payment methods or renewals. The inbox row is committed with the effect.
/// </summary>
public sealed class ReceivePayPalEvent(PayPalServices payPal, ApplyEvent apply)
{
    private static readonly Refusal NotConfigured = new(
        RefusalKind.NotFound, "PAYPAL_NOT_OFFERED", "PayPal is not configured.", Hint: "Set PAYPAL_CLIENT_ID.");

    /// <param name="body">The request's body, unchanged.</param>
    public async Task<Outcome<EventReceipt>> RunAsync(byte[] body, PayPalSignature signature, CancellationToken cancellationToken)
    {
        if (payPal.Webhooks is not { } webhooks) return NotConfigured;
        var read = await webhooks.ReadAsync(body, signature, cancellationToken);
        if (read.Refusal is { } refusal) return refusal;
        await apply.RunAsync(read.Value, cancellationToken);
        return new EventReceipt(read.Value.EventId);
    }
}
