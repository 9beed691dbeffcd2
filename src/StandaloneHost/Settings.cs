using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;

namespace StandaloneHost;

/// <summary>Binding texts with <c>%NAME%</c>, which the host resolves from the application's settings, and some defaults.</summary>
internal static partial class Settings
{
    /// <summary>
    /// What a start without settings uses: log levels (host.json's go over them), a queue, schedules. The Functions host has no such
    /// defaults: there each stands among the app settings, and a missing one fails the function.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string?> Defaults = new Dictionary<string, string?>
    {
        // At Information each of these says a line, or more, for every request, query or call that goes out.
        ["Logging:LogLevel:Microsoft"] = "Warning",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:System"] = "Warning",
        ["USAGE_QUEUE"] = "usage-records",
        ["OUTBOX_SCHEDULE"] = "*/5 * * * * *",
        ["RECONCILE_SCHEDULE"] = "30 */5 * * * *",
        ["RENEWAL_SCHEDULE"] = "0 */15 * * * *",
        ["SCAN_SCHEDULE"] = "0 * * * * *",
        ["WATCH_SCHEDULE"] = "30 7 * * * *",
        ["HEALTH_SCHEDULE"] = "20 * * * * *",
        ["RETENTION_SCHEDULE"] = "0 20 3 * * *",
    };

    /// <exception cref="StartRefusedException">A name isn't set.</exception>
    public static string Resolve(string function, string text, IConfiguration settings, string example) =>
        Placeholder().Replace(text, match => settings[match.Groups[1].Value] is { Length: > 0 } value
            ? value
            : throw new StartRefusedException(
                $"Function {function}: setting {match.Groups[1].Value} is missing. Example: {match.Groups[1].Value}={example}"));

    [GeneratedRegex("%([^%]+)%")]
    private static partial Regex Placeholder();
}
