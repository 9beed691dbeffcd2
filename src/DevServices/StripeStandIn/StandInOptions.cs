namespace StripeStandIn;

/// <summary>What a stand-in account is set up with.</summary>
public sealed record StandInOptions
{
    /// <summary>The only secret key that is let in; another one is answered with 401, as Stripe does.</summary>
    public string SecretKey { get; init; } = "sk_test_standin";

    /// <summary>What a browser uses; it may only confirm an intent whose client secret it holds.</summary>
    public string PublishableKey { get; init; } = "pk_test_standin";

    public string WebhookSecret { get; init; } = "whsec_standin";

    /// <summary>Where events are posted; null keeps them in /v1/events only.</summary>
    public Uri? WebhookUrl { get; init; }

    public string ApiVersion { get; init; } = "2026-10-28.endive";

    /// <summary>Every answer of /v1 takes this long.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>Writes a second above this are answered with 429; 0 = no limit. Stripe: 100 live, 25 in test.</summary>
    public int WritesPerSecond { get; init; }

    /// <summary>Whether a customer whose id begins with cus_demo_ is there as soon as it is asked for: the demo's database names them.</summary>
    public bool DemoCustomers { get; init; }

    /// <summary>Where the account is kept from one run to the next; null = in memory only.</summary>
    public string? StateFile { get; init; }

    /// <summary>The address to listen on; port 0 takes a free one.</summary>
    public string Url { get; init; } = "http://127.0.0.1:0";
}
