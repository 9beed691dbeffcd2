using System.Net;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>A stand-in account, with the gateway, the webhooks and the cards that use it.</summary>
internal sealed class StripeAccount : IAsyncDisposable
{
    private StripeAccount(StandIn standIn, StripeSettings settings, TimeProvider clock)
    {
        StandIn = standIn;
        Settings = settings;
        var client = StripeRegistration.Client(settings, clock);
        Gateway = new StripeGateway(client, NullLogger<StripeGateway>.Instance);
        Cards = new StripeCards(client, settings, NullLogger<StripeCards>.Instance);
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
            standIn.Options.SecretKey, standIn.Options.PublishableKey, [standIn.Options.WebhookSecret], standIn.BaseAddress,
            WritesPerSecond: 100, Concurrency: 32);
        return new StripeAccount(standIn, change?.Invoke(settings) ?? settings, clock ?? TimeProvider.System);
    }

    /// <summary>A charge of 30 dollars to a card that was saved at the stand-in.</summary>
    public ChargeRequest Charge(string testCard = "pm_card_visa")
    {
        var (customer, method) = StandIn.SavedCard(TestCards.ByName[testCard]);
        return new ChargeRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), 3000, "usd", customer, method, "License renewal");
    }

    /// <summary>The two writes of a charge, the second with this key.</summary>
    public async Task<IntentSnapshot> PayAsync(ChargeRequest charge, string? key = null)
    {
        var created = await Gateway.CreateIntentAsync(charge, charge.RenewalId.ToString(), TestContext.Current.CancellationToken);
        return await Gateway.ConfirmIntentAsync(
            created.IntentId!, charge, key ?? Guid.NewGuid().ToString(), TestContext.Current.CancellationToken);
    }

    /// <summary>An event of the stand-in as its webhook sends it: the body and its signature.</summary>
    public (string Body, string Signature) Webhook(string eventId)
    {
        lock (StandIn.Account.Gate)
        {
            var body = StandIn.Account.Events.Single(made => made.Id() == eventId).ToJsonString();
            return (body, StripeStandIn.Webhooks.Sign(
                body, StandIn.Options.WebhookSecret, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
        }
    }

    /// <summary>The latest event of that type, as the webhook endpoint reads it.</summary>
    public async Task<PaymentEvent> LatestAsync(string type)
    {
        var (body, signature) = Webhook(StandIn.EventsOf(type)[^1]);
        return (await Webhooks.ReadAsync(body, signature, TestContext.Current.CancellationToken)).Value;
    }

    /// <summary>The request by which the browser saves a card at Stripe.</summary>
    public async Task ConfirmInBrowserAsync(CardSetup setup, string testCard = "pm_card_visa")
    {
        var status = await PostAsync(setup.PublishableKey, $"/v1/setup_intents/{setup.SetupIntentId}/confirm",
            new("payment_method", testCard), new("client_secret", setup.ClientSecret));
        Assert.Equal(HttpStatusCode.OK, status);
    }

    /// <summary>The request by which the browser confirms a payment on session. A decline does not throw.</summary>
    public Task ConfirmPaymentInBrowserAsync(IntentSnapshot intent, ChargeRequest charge) => PostAsync(
        Settings.PublishableKey!, $"/v1/payment_intents/{intent.IntentId}/confirm",
        new("payment_method", charge.PaymentId), new("client_secret", intent.ClientSecret!));

    /// <summary>A refund as an operator makes it in Stripe's dashboard.</summary>
    public Task RefundAsync(string intentId, int amount) =>
        PostAsync(Settings.SecretKey!, "/v1/refunds", new("payment_intent", intentId), new("amount", $"{amount}"));

    public int SucceededCharges => StandIn.Stats()["charges_succeeded"]!.GetValue<int>();

    private async Task<HttpStatusCode> PostAsync(string key, string path, params KeyValuePair<string, string>[] form)
    {
        using var http = new HttpClient { BaseAddress = StandIn.BaseAddress };
        http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        using var content = new FormUrlEncodedContent(form);
        return (await http.PostAsync(path, content, TestContext.Current.CancellationToken)).StatusCode;
    }

    public ValueTask DisposeAsync() => StandIn.DisposeAsync();
}
