using LicenseFunctions.Renewals;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Applies a provider's event to payment methods or renewals. The inbox row is committed with the effect.</summary>
public sealed class ApplyEvent(ApplyPaymentEvent renewals, PaymentMethodStore methods)
{
    public Task RunAsync(PaymentEvent received, CancellationToken cancellationToken) =>
        received.Fact is PaymentFact.MethodSaved or PaymentFact.MethodDetached
            ? methods.ApplyAsync(received, cancellationToken)
            : renewals.RunAsync(received, cancellationToken);
}
