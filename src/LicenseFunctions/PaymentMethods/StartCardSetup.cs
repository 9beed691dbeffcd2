using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>Starts saving a card: creates the user's customer at the provider, and a setup that only the browser can complete.</summary>
public sealed class StartCardSetup(PaymentMethodStore store, StripeCards cards)
{
    // The provider's write rate is shared with renewals and other users.
    private const int MostPerHour = 5;

    public async Task<Outcome<CardSetup>> RunAsync(Guid userId, CancellationToken cancellationToken)
    {
        if (cards.NotOffered is { } notOffered)
            return notOffered;
        // Counted before the call, so that requests at the same time can't all pass.
        var started = await store.CountSetupAsync(userId, MostPerHour, TimeSpan.FromHours(1), cancellationToken);
        if (started.Refusal is { } refusal)
            return refusal;
        var outcome = await StartAsync(userId, cancellationToken);
        if (outcome.Refusal is not null)
            await store.UncountSetupAsync(userId, started.Value, cancellationToken);
        return outcome;
    }

    private async Task<Outcome<CardSetup>> StartAsync(Guid userId, CancellationToken cancellationToken)
    {
        var known = await store.FindCustomerAsync(userId, PaymentProviders.Stripe, cancellationToken);
        if (known is not null)
        {
            var started = await cards.StartSetupAsync(known, userId, cancellationToken);
            if (started.Refusal != StripeRefusals.CustomerMissing)
                return started;
        }

        var created = await cards.CreateCustomerAsync(userId, replaces: known, cancellationToken);
        if (created.Refusal is { } refusal)
            return refusal;
        return await store.AddCustomerAsync(userId, PaymentProviders.Stripe, created.Value, replaces: known, cancellationToken)
            is { } customer
            ? await cards.StartSetupAsync(customer, userId, cancellationToken)
            : CustomerNotFound.Refusal;
    }
}
