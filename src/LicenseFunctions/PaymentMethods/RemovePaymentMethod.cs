using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>
/// Removes a payment method at its provider, then in the database. If the process crashes in between, the provider's event completes the
/// removal. If the provider doesn't answer, nothing changes.
/// </summary>
public sealed class RemovePaymentMethod(PaymentMethodStore store, StripeCards cards, PayPalServices payPal)
{
    public async Task<Outcome<Guid>> RunAsync(Guid userId, Guid paymentMethodId, Actor by, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(userId, paymentMethodId, cancellationToken) is not var (provider, paymentId))
            return PaymentMethodNotFound.Refusal;
        var isPayPal = provider == PaymentProviders.PayPal && payPal.Vault is not null;
        var removed = isPayPal
            ? await payPal.Vault!.DeleteAsync(paymentId, cancellationToken)
            : await cards.DetachAsync(paymentId, cancellationToken);
        if (removed.Refusal is { } refusal)
            return refusal;
        await store.RemoveAsync(
            userId, isPayPal ? PaymentProviders.PayPal : PaymentProviders.Stripe, paymentId, by, cancellationToken);
        return paymentMethodId;
    }
}

internal static class PaymentMethodNotFound
{
    public static readonly Refusal Refusal = new(
        RefusalKind.NotFound, "PAYMENT_METHOD_NOT_FOUND", "You have no such payment method.");
}
