using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;

namespace StandaloneHost;

/// <summary>Resolves <c>%NAME%</c> in attributes from the settings, as the Functions host does, and contains some defaults.</summary>
internal static partial class Settings
{
    /// <summary>
    /// Defaults: log levels (host.json overrides them), the queue, and the schedules. The Functions host has no such defaults: there, each
    /// must be an app setting. If one is missing, the function fails.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string?> Defaults = new Dictionary<string, string?>
    {
        // At level Information, each of these logs at least one line for every request, query or outgoing call.
        ["Logging:LogLevel:Microsoft"] = "Warning",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:System"] = "Warning",
        ["USAGE_QUEUE"] = "usage-records",
        ["OUTBOX_SCHEDULE"] = "*/5 * * * * *",
        ["RECONCILE_SCHEDULE"] = "30 */5 * * * *",
        ["RENEWAL_SCHEDULE"] = "0 */15 * * * *",
        ["LEASE_SCHEDULE"] = "40 * * * * *",
        ["SUM_SCHEDULE"] = "*/10 * * * * *",
        ["SCAN_SCHEDULE"] = "0 * * * * *",
        ["WATCH_SCHEDULE"] = "30 7 * * * *",
        ["HEALTH_SCHEDULE"] = "20 * * * * *",
        ["RETENTION_SCHEDULE"] = "0 20 3 * * *",
    };

    /// <exception cref="StartRefusedException">A setting is missing.</exception>
    public static string Resolve(string function, string text, IConfiguration settings, string example) =>
        Placeholder().Replace(text, match => settings[match.Groups[1].Value] is { Length: > 0 } value
            ? value
            : throw new StartRefusedException(
                $"Function {function}: setting {match.Groups[1].Value} is missing. Example: {match.Groups[1].Value}={example}"));

    [GeneratedRegex("%([^%]+)%")]
    private static partial Regex Placeholder();
}
