using Licensing.Renewals;
using LicenseFunctions.Payments;
using Microsoft.Extensions.Logging.Abstractions;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Payments;

/// <summary>A stand-in account and what this code base has to speak to it.</summary>
internal sealed class StripeAccount : IAsyncDisposable
{
    private StripeAccount(StandIn standIn, StripeSettings settings, TimeProvider clock)
    {
        StandIn = standIn;
        Settings = settings;
        var client = PaymentsRegistration.Client(settings, clock);
        Gateway = new StripeGateway(client, NullLogger<StripeGateway>.Instance);
        Cards = new StripeCards(client, settings);
        Webhooks = new StripeWebhooks(settings, Cards, clock);
    }

    public StandIn StandIn { get; }

    public StripeSettings Settings { get; }

    public StripeGateway Gateway { get; }

    public StripeCards Cards { get; }

    public StripeWebhooks Webhooks { get; }

    public static async Task<StripeAccount> OpenAsync(
        Func<StripeSettings, StripeSettings>? change = null, TimeProvider? standInClock = null, TimeProvider? clock = null)
    {
        var standIn = await StandIn.StartAsync(clock: standInClock, cancellationToken: TestContext.Current.CancellationToken);
        var settings = new StripeSettings(
            standIn.Options.SecretKey, standIn.Options.PublishableKey, [standIn.Options.WebhookSecret], standIn.BaseAddress, WritesPerSecond: 100, Concurrency: 32);
        return new StripeAccount(standIn, change?.Invoke(settings) ?? settings, clock ?? TimeProvider.System);
    }

    /// <summary>A charge of 30 dollars to a card that was saved at the stand-in.</summary>
    public ChargeRequest Charge(string testCard = "pm_card_visa")
    {
        var (customer, method) = StandIn.SavedCard(TestCards.ByName[testCard]);
        return new ChargeRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), 3000, "usd", customer, method, "Licence renewal");
    }

    /// <summary>The two writes of a charge, the second with this key.</summary>
    public async Task<IntentSnapshot> PayAsync(ChargeRequest charge, string? key = null)
    {
        var created = await Gateway.CreateIntentAsync(charge, charge.RenewalId.ToString(), TestContext.Current.CancellationToken);
        return await Gateway.ConfirmIntentAsync(created.IntentId!, charge, key ?? Guid.NewGuid().ToString(), TestContext.Current.CancellationToken);
    }

    public int SucceededCharges => StandIn.Stats()["charges_succeeded"]!.GetValue<int>();

    public ValueTask DisposeAsync() => StandIn.DisposeAsync();
}
