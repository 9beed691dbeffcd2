using Microsoft.Extensions.Configuration;
using StripeStandIn;

// StripeStandIn --urls http://127.0.0.1:12111 [--secret-key sk_test_…] [--publishable-key pk_test_…]
//               [--webhook-url http://127.0.0.1:8080/api/v1/stripe/webhook --webhook-secret whsec_…] [--latency-ms 0]
//               [--writes-per-second 0] [--state FILE] [--demo-customers true]
var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
var defaults = new StandInOptions();
await using var standIn = await StandIn.StartAsync(defaults with
{
    Url = settings["urls"] ?? defaults.Url,
    SecretKey = settings["secret-key"] ?? defaults.SecretKey,
    PublishableKey = settings["publishable-key"] ?? defaults.PublishableKey,
    WebhookSecret = settings["webhook-secret"] ?? defaults.WebhookSecret,
    WebhookUrl = settings["webhook-url"] is { } url ? new Uri(url) : null,
    Latency = TimeSpan.FromMilliseconds(settings.GetValue("latency-ms", 0)),
    StateFile = settings["state"],
    DemoCustomers = settings.GetValue("demo-customers", false),
    WritesPerSecond = settings.GetValue("writes-per-second", 0),
});
Console.WriteLine($"stripe stand-in listening on {standIn.BaseAddress}");
await standIn.WaitAsync(CancellationToken.None);
