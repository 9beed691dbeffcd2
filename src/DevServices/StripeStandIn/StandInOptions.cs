namespace StripeStandIn;

/// <summary>The options of a stand-in account.</summary>
public sealed record StandInOptions
{
    /// <summary>The only valid secret key; others get a 401, as at Stripe.</summary>
    public string SecretKey { get; init; } = "sk_test_standin";

    /// <summary>The browser's key; it may only confirm an intent whose client secret it has.</summary>
    public string PublishableKey { get; init; } = "pk_test_standin";

    public string WebhookSecret { get; init; } = "whsec_standin";

    /// <summary>The address to which events are posted; null if events are available only from /v1/events.</summary>
    public Uri? WebhookUrl { get; init; }

    public string ApiVersion { get; init; } = "2026-10-28.endive";

    /// <summary>The delay of every answer of /v1.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>Limit of writes per second; a write above it gets a 429. 0 for no limit. Stripe: 100 live, 25 in test mode.</summary>
    public int WritesPerSecond { get; init; }

    /// <summary>Whether the customers of the demo's database, cus_demo_…, are created at their first use.</summary>
    public bool DemoCustomers { get; init; }

    /// <summary>The file that keeps the account between runs; null for memory only.</summary>
    public string? StateFile { get; init; }

    /// <summary>The address to listen on; port 0 for a free one.</summary>
    public string Url { get; init; } = "http://127.0.0.1:0";
}
