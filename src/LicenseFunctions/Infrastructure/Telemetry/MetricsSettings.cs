using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <param name="ScrapeToken">Bearer token that a scrape must send; null: anybody can read, for example in a private network.</param>
/// <param name="PerSubscription">Whether each license has its own time series.</param>
public sealed record MetricsSettings(string? ScrapeToken, bool PerSubscription)
{
    private const string TokenExample = "(the output of: openssl rand -hex 32)";

    public static MetricsSettings Read(SettingReader settings) => new(
        settings.Secret("METRICS_TOKEN", TokenExample) is { Length: < 16 }
            ? settings.Fault<string?>("METRICS_TOKEN", "is shorter than 16 characters: it could be guessed", TokenExample, null)
            : settings.Secret("METRICS_TOKEN", TokenExample),
        settings.Flag("METRICS_PER_SUBSCRIPTION", false));
}
