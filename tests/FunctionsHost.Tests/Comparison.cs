using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace FunctionsHost.Tests;

/// <summary>
/// Compares the answers under the test host with those of the standalone application: status, headers and body must be equal, except for
/// the differences that <see cref="Permitted"/> lists with their reasons. A permitted difference that never occurs is also a fault.
/// </summary>
internal sealed partial class Comparison
{
    private const string None = "(none)";
    private const string Date = "header Date";

    private static readonly Rule[] Permitted =
    [
        new(Date, "each answer has its own time", (_, where, _, _) => where == Date),
        new("time", "read from the clock, or calculated from it, during this request or an earlier one",
            (self, _, alone, host) => self.IsSameTime(alone, host)),
        new("id", "random; each ID of one side corresponds to one ID of the other", (self, _, alone, host) => self.IsSameId(alone, host)),
        new("secret", "random: the token of a rotation, the secret of a webhook, Stripe's client secret",
            (_, where, alone, host) =>
                (where.EndsWith("token", StringComparison.Ordinal) || where == "$.secret") && alone.Length == host.Length
                || where.EndsWith("client_secret", StringComparison.Ordinal) && Secret().IsMatch(alone) && Secret().IsMatch(host)),
        new("address of the Stripe stand-in", "each side has its own stand-in",
            (_, where, alone, host) =>
                where.EndsWith("stripe_test_api", StringComparison.Ordinal) && Loopback().IsMatch(alone) && Loopback().IsMatch(host)),
        new("metric", "values of the process: time, memory, requests",
            (_, where, _, _) => where.StartsWith("metric ", StringComparison.Ordinal)),
    ];

    private readonly Dictionary<string, string> hostIds = [];
    private readonly HashSet<string> used = [];
    private readonly List<string> faults = [];

    private TimeSpan apart;

    public int Compared { get; private set; }

    public IReadOnlyList<string> Faults => faults;

    /// <summary>Permitted differences that never occurred.</summary>
    public IEnumerable<string> Unused => Permitted.Select(rule => rule.Name).Except(used);

    /// <param name="what">The request, for the message.</param>
    /// <param name="apart">How much the clock readings of the two sides may differ.</param>
    public void Add(string what, Answer alone, Answer host, TimeSpan apart)
    {
        Compared++;
        this.apart = apart;
        Check(what, "status", alone.Status.ToString(CultureInfo.InvariantCulture), host.Status.ToString(CultureInfo.InvariantCulture));
        foreach (var name in alone.Headers.Keys.Union(host.Headers.Keys, StringComparer.OrdinalIgnoreCase))
        {
            // Two correct lengths may differ, because one time may have one more digit. The bodies are compared below.
            if (name != "Content-Length" || !alone.HasCorrectContentLength || !host.HasCorrectContentLength)
                Check(what, $"header {name}", alone.Headers.GetValueOrDefault(name, None), host.Headers.GetValueOrDefault(name, None));
        }

        CheckBodies(what, alone, host);
    }

    private void CheckBodies(string what, Answer alone, Answer host)
    {
        var type = alone.Headers.GetValueOrDefault("Content-Type", "");
        if (type.StartsWith("text/plain; version=", StringComparison.Ordinal))
            CheckMetrics(what, alone.Body, host.Body);
        else if (type.Contains("json", StringComparison.Ordinal) && Parse(alone.Body) is { } left && Parse(host.Body) is { } right)
            CheckNodes(what, "$", left, right);
        else
            Check(what, "body", alone.Body, host.Body);
    }

    private void CheckNodes(string what, string path, JsonNode? alone, JsonNode? host)
    {
        switch (alone, host)
        {
            case (JsonObject left, JsonObject right) when left.Select(pair => pair.Key).SequenceEqual(right.Select(pair => pair.Key)):
                foreach (var (name, value) in left)
                    CheckNodes(what, $"{path}.{name}", value, right[name]);
                break;
            case (JsonArray left, JsonArray right) when left.Count == right.Count:
                for (var i = 0; i < left.Count; i++)
                    CheckNodes(what, $"{path}[{i}]", left[i], right[i]);
                break;
            default:
                Check(what, path, Text(alone), Text(host));
                break;
        }
    }

    /// <summary>Both sides must have the same series; the values may differ.</summary>
    private void CheckMetrics(string what, string alone, string host)
    {
        var (left, right) = (Series(alone), Series(host));
        Check(what, "names of the series",
            string.Join('\n', left.Keys.Order(StringComparer.Ordinal)), string.Join('\n', right.Keys.Order(StringComparer.Ordinal)));
        foreach (var (name, value) in left)
            Check(what, $"metric {name}", value, right.GetValueOrDefault(name, None));
    }

    private void Check(string what, string where, string alone, string host)
    {
        if (alone == host && where != Date)
            return;
        if (Array.Find(Permitted, rule => rule.Allows(this, where, alone, host)) is { } permitted)
            used.Add(permitted.Name);
        else
            faults.Add($"{what}, {where}: alone {Short(alone)}, under the host {Short(host)}");
    }

    private bool IsSameTime(string alone, string host) =>
        DateTimeOffset.TryParse(alone, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var left)
        && DateTimeOffset.TryParse(host, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var right)
        && alone.Contains('T', StringComparison.Ordinal)
        && (left - right).Duration() <= apart + (IsWholeSecond(left) && IsWholeSecond(right) ? TimeSpan.FromSeconds(1) : TimeSpan.Zero);

    private static bool IsWholeSecond(DateTimeOffset time) => time.UtcTicks % TimeSpan.TicksPerSecond == 0;

    private bool IsSameId(string alone, string host) =>
        Id().IsMatch(alone) && Id().IsMatch(host) && (hostIds.TryAdd(alone, host) || hostIds[alone] == host);

    private static Dictionary<string, string> Series(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.LastIndexOf(' ') is var space ? (Name: line[..space], Value: line[space..]) : default)
        .ToDictionary(line => line.Name, line => line.Value);

    private static JsonNode? Parse(string body)
    {
        try
        {
            return JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(JsonNode? node) => node switch
    {
        null => "null",
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => node.ToJsonString(),
    };

    private static string Short(string text) => text.Length > 300 ? text[..300] + "…" : text;

    // A GUID or a Stripe ID.
    [GeneratedRegex("^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[a-z]{2,5}_[A-Za-z0-9]{24})$")]
    private static partial Regex Id();

    [GeneratedRegex("^[a-z]+_[A-Za-z0-9]{24}_secret_[A-Za-z0-9]{25}$")]
    private static partial Regex Secret();

    [GeneratedRegex(@"^http://127\.0\.0\.1:\d+/?$")]
    private static partial Regex Loopback();

    /// <param name="Name">The value that may differ.</param>
    /// <param name="Reason">Why it may differ.</param>
    /// <param name="Allows">Receives the position of the difference and both values.</param>
    private sealed record Rule(string Name, string Reason, Func<Comparison, string, string, string, bool> Allows);
}
