using Microsoft.Extensions.Configuration;
using PayPalStandIn;

// PayPalStandIn --urls http://127.0.0.1:12112 [--client-id …] [--client-secret …] [--webhook-id …]
//               [--webhook-url http://127.0.0.1:8080/api/v1/paypal/webhook] [--latency-ms 0] [--state FILE]
var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
var defaults = new StandInOptions();
await using var standIn = await StandIn.StartAsync(defaults with
{
    Url = settings["urls"] ?? defaults.Url,
    ClientId = settings["client-id"] ?? defaults.ClientId,
    ClientSecret = settings["client-secret"] ?? defaults.ClientSecret,
    WebhookId = settings["webhook-id"] ?? defaults.WebhookId,
    WebhookUrl = settings["webhook-url"] is { } url ? new Uri(url) : null,
    Latency = TimeSpan.FromMilliseconds(settings.GetValue("latency-ms", 0)),
    StateFile = settings["state"],
});
Console.WriteLine($"PayPal stand-in listening on {standIn.BaseAddress}");
await standIn.WaitAsync(CancellationToken.None);
