using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>The Stripe account. Without keys, no card can be charged or saved; everything else works.</summary>
/// <param name="ApiBase">Null for Stripe itself.</param>
/// <param name="WritesPerSecond">1 to 100, for this process. Stripe's limit per account is 100 per second live and 25 in test mode.</param>
/// <param name="Concurrency">1 to 256 requests at the same time. 100 writes per second of 300 ms each need 30.</param>
public sealed record StripeSettings(
    string? SecretKey, string? PublishableKey, IReadOnlyList<string> WebhookSecrets, Uri? ApiBase, int WritesPerSecond, int Concurrency)
{
    /// <summary>Stripe's slowest answers take about 20 s. After this time, the outcome is unknown and is looked up.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>How long a write may wait for the write rate before it fails unsent.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>One retry with the same key usually returns a lost answer. A second retry would exceed the caller's lease.</summary>
    public const int NetworkRetries = 1;

    public bool CanCharge => SecretKey is not null;

    public static StripeSettings Read(SettingReader reader)
    {
        var settings = new StripeSettings(
            Key(reader, "STRIPE_SECRET_KEY", "sk_test_51…", "sk_", "rk_"),
            Key(reader, "STRIPE_PUBLISHABLE_KEY", "pk_test_51…", "pk_"),
            reader.Words("STRIPE_WEBHOOK_SECRET"),
            reader.BaseAddress("STRIPE_API_BASE", "https://api.stripe.com", "https", "http"),
            reader.Whole("STRIPE_WRITES_PER_SECOND", 20, 1, 100),
            reader.Whole("STRIPE_CONCURRENCY", 32, 1, 256));
        foreach (var _ in settings.WebhookSecrets.Where(secret => !secret.StartsWith("whsec_", StringComparison.Ordinal)))
            reader.Fault(
                "STRIPE_WEBHOOK_SECRET", "is not a webhook's signing secret (two, comma-separated, while it is rotated)", "whsec_…", 0);
        if (settings is { CanCharge: true, PublishableKey: null })
            reader.Fault("STRIPE_PUBLISHABLE_KEY", "is missing, and STRIPE_SECRET_KEY is set: no card could be saved", "pk_test_51…", 0);
        if (settings is { CanCharge: true, WebhookSecrets: [] })
            reader.Fault("STRIPE_WEBHOOK_SECRET", "is missing, and STRIPE_SECRET_KEY is set: no webhook could be verified", "whsec_…", 0);
        return settings;
    }

    /// <summary>For tools that only read: the other keys are not needed, and the secret key may be a restricted one.</summary>
    public static StripeSettings ReadForTools(SettingReader reader)
    {
        var key = Key(reader, "STRIPE_SECRET_KEY", "rk_live_51…", "sk_", "rk_");
        if (key is null) reader.Fault("STRIPE_SECRET_KEY", "is missing", "rk_live_51…", 0);
        return new StripeSettings(
            key, PublishableKey: null, WebhookSecrets: [], reader.BaseAddress("STRIPE_API_BASE", "https://api.stripe.com", "https", "http"),
            WritesPerSecond: 1, Concurrency: 4);
    }

    /// <summary>Keeps keys out of logs.</summary>
    public override string ToString() => $"Stripe at {ApiBase?.ToString() ?? "its own address"}, {(CanCharge ? "with" : "without")} a key";

    private static string? Key(SettingReader reader, string name, string example, params string[] prefixes) =>
        reader.Secret(name, example) is not { } key || prefixes.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal))
            ? reader.Secret(name, example)
            : reader.Fault<string?>(name, $"doesn't begin with {string.Join(" or ", prefixes)}", example, null);
}
