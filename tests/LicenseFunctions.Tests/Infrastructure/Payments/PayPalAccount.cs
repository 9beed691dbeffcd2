using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using PayPalStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>A stand-in account of PayPal, with the gateway, the vault and the webhooks that use it.</summary>
internal sealed class PayPalAccount : IAsyncDisposable
{
    private readonly HttpClient http;
    private readonly PayPalClient client;
    private readonly PayPalCertificates certificates;

    private PayPalAccount(StandIn standIn, PayPalSettings settings, TimeProvider clock, HttpMessageHandler handler)
    {
        http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        Settings = settings;
        StandIn = standIn;
        client = new PayPalClient(http, settings, clock, NullLogger<PayPalClient>.Instance);
        certificates = new PayPalCertificates(http, settings, clock);
        Gateway = new PayPalGateway(client, settings, clock, NullLogger<PayPalGateway>.Instance);
        Vault = new PayPalVault(client, settings);
        Events = new PayPalEvents(client, settings, Impatient);
        Webhooks = new PayPalWebhooks(settings, certificates, Events, clock);
        Statement = new PayPalStatement(client, settings, Impatient);
    }

    /// <summary>Pauses between tries take no time.</summary>
    private static readonly TimeProvider Impatient = new ImpatientClock();

    private sealed class ImpatientClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }

    public PayPalSettings Settings { get; }

    public PayPalEvents Events { get; }

    public PayPalStatement Statement { get; }

    public StandIn StandIn { get; }

    public PayPalGateway Gateway { get; }

    public PayPalVault Vault { get; }

    public PayPalWebhooks Webhooks { get; }

    public static async Task<PayPalAccount> OpenAsync(
        Func<PayPalSettings, PayPalSettings>? change = null, TimeProvider? standInClock = null, StandInOptions? options = null,
        HttpMessageHandler? handler = null)
    {
        var standIn = await StandIn.StartAsync(options, standInClock, TestContext.Current.CancellationToken);
        var settings = new PayPalSettings(
            standIn.Options.ClientId, standIn.Options.ClientSecret, standIn.Options.WebhookId, standIn.BaseAddress,
            new Uri("https://licenses.example.com/app/payment-methods"));
        return new PayPalAccount(standIn, change?.Invoke(settings) ?? settings, TimeProvider.System, handler ?? new SocketsHttpHandler());
    }

    /// <summary>A charge of 30 dollars to an account that was saved at the stand-in.</summary>
    public ChargeRequest Charge(string behavior = "")
    {
        var (customer, token) = StandIn.SavedAccount(behavior);
        return new ChargeRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), 3000, "usd", customer, token, "License renewal")
        {
            DebtsMinor = 50,
            Attempt = 1,
            IsNameSigned = true,
        };
    }

    /// <summary>A gateway that signs with other secrets than that with which it signs in.</summary>
    public PayPalGateway GatewayThatSigns(string secret, params string[] earlier) => new(
        client, Settings with { ClientSecret = secret, EarlierSecrets = earlier }, TimeProvider.System, NullLogger<PayPalGateway>.Instance);

    /// <summary>The invoice_id of an order.</summary>
    public string InvoiceOf(string orderId) => (string)StandIn.Account.Order(orderId)["purchase_units"]![0]!["invoice_id"]!;

    /// <summary>The two writes of a charge, the second with this key.</summary>
    public async Task<IntentSnapshot> PayAsync(ChargeRequest charge, string key = "attempt 1")
    {
        var created = await Gateway.CreateIntentAsync(charge, $"order {charge.RenewalId}", TestContext.Current.CancellationToken);
        return await Gateway.ConfirmIntentAsync(
            created.IntentId!, charge, $"{key} {charge.RenewalId}", TestContext.Current.CancellationToken);
    }

    /// <summary>Adds an event to the list of the stand-in's events.</summary>
    public void Publish(string body)
    {
        lock (StandIn.Account.Gate) StandIn.Account.State.Events.Add(JsonNode.Parse(body)!.AsObject());
    }

    /// <summary>An event of the stand-in as its webhook sends it.</summary>
    public string Body(string eventId)
    {
        lock (StandIn.Account.Gate)
            return StandIn.Account.State.Events.Single(made => (string?)made["id"] == eventId).ToJsonString();
    }

    public PayPalSignature Sign(string body, string? webhookId = null)
    {
        var headers = StandIn.Webhooks.Sign(body, webhookId);
        return new PayPalSignature(
            headers["PAYPAL-TRANSMISSION-ID"], headers["PAYPAL-TRANSMISSION-TIME"], headers["PAYPAL-TRANSMISSION-SIG"],
            headers["PAYPAL-CERT-URL"], headers["PAYPAL-AUTH-ALGO"]);
    }

    /// <summary>The latest event of that type, as the webhook endpoint reads it.</summary>
    public async Task<PaymentEvent> LatestAsync(string type)
    {
        var body = Body(StandIn.EventsOf(type)[^1]);
        return (await Webhooks.ReadAsync(
            System.Text.Encoding.UTF8.GetBytes(body), Sign(body), TestContext.Current.CancellationToken)).Value;
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        certificates.Dispose();
        http.Dispose();
        await StandIn.DisposeAsync();
    }
}
