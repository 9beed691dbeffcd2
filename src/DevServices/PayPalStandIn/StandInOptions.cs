namespace PayPalStandIn;

/// <summary>The options of a stand-in account.</summary>
public sealed record StandInOptions
{
    public string ClientId { get; init; } = "client_standin";

    public string ClientSecret { get; init; } = "secret_standin";

    public string WebhookId { get; init; } = "WHSTANDIN";

    /// <summary>The address to which events are posted; null if they wait until an admin delivers them.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>The delay of every answer.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>How long a transaction takes until the search has it. PayPal: three hours at most.</summary>
    public TimeSpan SearchDelay { get; init; }

    /// <summary>The largest page of a list.</summary>
    public int LargestPage { get; init; } = 500;

    /// <summary>How many transactions a search may find; it is refused if there are more.</summary>
    public int LargestSearch { get; init; } = 10_000;

    /// <summary>The file that keeps the account between runs; null for memory only.</summary>
    public string? StateFile { get; init; }

    /// <summary>The address to listen on; port 0 for a free one.</summary>
    public string Url { get; init; } = "http://127.0.0.1:0";
}
