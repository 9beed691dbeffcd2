using LicenseFunctions.Infrastructure.Payments.Stripe;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Starts saving a card: creates the user's customer at the provider, and a setup that only the browser can complete.</summary>
public sealed class StartCardSetup(PaymentMethodStore store, StripeCards cards)
{
    public async Task<Outcome<CardSetup>> RunAsync(Guid userId, CancellationToken cancellationToken)
    {
        var known = await store.FindCustomerAsync(userId, PaymentProviders.Stripe, cancellationToken);
        if (known is not null)
            return await cards.StartSetupAsync(known, userId, cancellationToken);
        var created = await cards.CreateCustomerAsync(userId, cancellationToken);
        if (created.Refusal is { } refusal)
            return refusal;
        return await store.AddCustomerAsync(userId, PaymentProviders.Stripe, created.Value, cancellationToken) is { } customer
            ? await cards.StartSetupAsync(customer, userId, cancellationToken)
            : new Refusal(RefusalKind.NotFound, "USER_NOT_FOUND", "There is no such user.");
    }
}
