using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <summary>A detection policy as a JSON file: <see cref="DetectionPolicy"/> defines its fields, their units and ranges.</summary>
public static class DetectionPolicyFile
{
    /// <summary>
    /// Reads a policy. Missing fields keep their default. It does not check ranges; <see cref="DetectionPolicy.Faults"/> does.
    /// </summary>
    /// <exception cref="JsonException">The file is not a policy in JSON, or it has an unknown field.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public static DetectionPolicy Read(string path) =>
        JsonSerializer.Deserialize<DetectionPolicy>(File.ReadAllText(path), SuspicionStore.Json)
        ?? throw new JsonException("The file has no policy.");

    /// <summary>A policy with some fields replaced.</summary>
    /// <param name="pairs">Such as people_minutes=25, with the names and units of the file.</param>
    /// <returns>Each fault completes a sentence that begins with the setting's name.</returns>
    public static (DetectionPolicy Policy, IReadOnlyList<string> Faults) With(DetectionPolicy policy, IReadOnlyList<string> pairs)
    {
        var fields = JsonSerializer.SerializeToNode(policy, SuspicionStore.Json)!.AsObject();
        var faults = new List<string>();
        foreach (var (n, pair) in pairs.Index())
        {
            if (pair.Split('=', StringSplitOptions.TrimEntries) is not [var name, { Length: > 0 } value])
            {
                faults.Add($"has a part that is not name=value, number {n + 1}");
            }
            else if (!fields.ContainsKey(name))
            {
                faults.Add($"has a name that the policy does not have, number {n + 1}");
            }
            else if (Replaced(policy, name, value) is null)
            {
                faults.Add($"has a value of {name} that can't be read");
            }
            else
            {
                fields[name] = Value(value);
            }
        }

        var changed = fields.Deserialize<DetectionPolicy>(SuspicionStore.Json)!;
        return (changed, [.. faults, .. changed.Faults().Select(fault => $"is a policy in which {fault}")]);
    }

    /// <summary>The fields in which two policies differ, as name=value pairs of the second.</summary>
    public static IEnumerable<(string Name, string Before, string After)> Differences(DetectionPolicy before, DetectionPolicy after)
    {
        var (first, second) = (JsonSerializer.SerializeToNode(before, SuspicionStore.Json)!.AsObject(),
            JsonSerializer.SerializeToNode(after, SuspicionStore.Json)!.AsObject());
        return from field in first
               where !JsonNode.DeepEquals(field.Value, second[field.Key])
               select (field.Key, field.Value!.ToString(), second[field.Key]!.ToString());
    }

    private static DetectionPolicy? Replaced(DetectionPolicy policy, string name, string value)
    {
        var fields = JsonSerializer.SerializeToNode(policy, SuspicionStore.Json)!.AsObject();
        fields[name] = Value(value);
        try
        {
            return fields.Deserialize<DetectionPolicy>(SuspicionStore.Json);
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonValue Value(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? JsonValue.Create(number)
            : JsonValue.Create(text);
}
