using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing;

namespace LicenseFunctions.Operations;

/// <summary>
/// Writes the metrics for Prometheus. They are the same from every instance, except for counts that an instance has not written yet.
/// </summary>
public sealed class ReadMetrics(LicenseDatabase database, MetricStore store, TimerSchedules schedules, MetricsSettings settings)
{
    private static readonly Refusal WrongToken = new(RefusalKind.Unauthorized, "UNAUTHORIZED",
        "The token of the setting METRICS_TOKEN is required.", "Authorization", "Send 'Authorization: Bearer <token>'.");

    /// <param name="authorization">Value of the header; "" if it is missing.</param>
    public async Task<Outcome<string>> RunAsync(string authorization, CancellationToken cancellationToken)
    {
        if (settings.ScrapeToken is { } token && !IsSame(authorization, "Bearer " + token))
            return WrongToken;

        var rows = (await database.ReadLatestAsync(token => store.ReadAsync(settings.PerSubscription, token), cancellationToken))
            .Append(await store.ReadOnlyAsync(cancellationToken))
            .Concat(schedules.Intervals.Select(timer => new MetricRow("timer_interval_seconds", timer.Key, timer.Value.TotalSeconds)))
            .ToLookup(row => row.Name);
        var exposition = new Exposition();
        foreach (var metric in MetricCatalog.Of([.. schedules.Intervals.Keys]))
            exposition.Add(metric, rows[metric.Name].ToDictionary(row => row.Label, row => row.Value));
        return exposition.ToString();
    }

    // Compares hashes, so that the time reveals neither the token nor its length.
    private static bool IsSame(string one, string other) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(one)), SHA256.HashData(Encoding.UTF8.GetBytes(other)));
}
