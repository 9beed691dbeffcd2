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
        if ((await RemoveAtProviderAsync(provider, paymentId, cancellationToken)).Refusal is { } refusal)
            return refusal;
        await store.RemoveAsync(userId, provider, paymentId, by, cancellationToken);
        return paymentMethodId;
    }

    // Without its settings, PayPal can't be asked. The account is removed here all the same, so that it is not charged when they are set
    // again.
    private Task<Outcome<string>> RemoveAtProviderAsync(string provider, string paymentId, CancellationToken cancellationToken) =>
        provider != PaymentProviders.PayPal ? cards.DetachAsync(paymentId, cancellationToken)
        : payPal.Vault is { } vault ? vault.DeleteAsync(paymentId, cancellationToken)
        : Task.FromResult<Outcome<string>>(paymentId);
}

internal static class PaymentMethodNotFound
{
    public static readonly Refusal Refusal = new(
        RefusalKind.NotFound, "PAYMENT_METHOD_NOT_FOUND", "You have no such payment method.");
}
