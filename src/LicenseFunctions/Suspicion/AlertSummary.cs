using System.Text.Json;
using Licensing;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <param name="City">Null if it is not known.</param>
/// <param name="Country">Its code.</param>
/// <param name="Mt5AccountNumber">Of a refused device, which the customer has to recognize.</param>
public sealed record NamedDevice(string? EaInstanceId, string? City, string? Country, long? Mt5AccountNumber = null);

/// <summary>
/// What an alert's description says, as a code with values, so that mails and pages can say it in the customer's language. Values that the
/// code doesn't have are null.
/// </summary>
/// <param name="Code">The detector's rule; DEVICE_REFUSED for a device that a check refused.</param>
/// <param name="Devices">How many there were; the first are named.</param>
/// <param name="Limit">What the license allows.</param>
/// <param name="Minutes">How long it was.</param>
/// <param name="Number">What the rule counts: networks, changes, new people or accounts, or km/h.</param>
public sealed record AlertSummary(
    string Code, DateTimeOffset? From, DateTimeOffset? To, int? People, int? Devices, int? Limit, int? Minutes, int? Number,
    IReadOnlyList<NamedDevice> Named)
{
    private const string DeviceRefused = "DEVICE_REFUSED";

    /// <summary>Devices that a sentence names, as the description does.</summary>
    private const int MostNamed = 4;

    /// <param name="evidence">JSON of the detector, a check, or the platform.</param>
    /// <returns>Null for evidence that is neither the detector's nor that of a refusal.</returns>
    public static AlertSummary? Of(string? evidence)
    {
        if (evidence is null)
            return null;
        try
        {
            using var json = JsonDocument.Parse(evidence);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            if (root.TryGetProperty("rule", out _))
                return root.Deserialize<Evidence>(SuspicionStore.Json) is { Devices: not null } found ? Of(found) : null;
            return (root.TryGetProperty("refused_device", out var device) || root.TryGetProperty("newcomer", out device))
                && device.Deserialize<NamedDevice>(SuspicionStore.Json) is { } refused
                ? new AlertSummary(DeviceRefused, null, null, null, 1, LimitIn(root), null, null, [refused])
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The devices of the evidence that have times. The platform's alerts may have any evidence.</summary>
    public static IReadOnlyList<AskedDevice> DevicesIn(string? evidence)
    {
        if (evidence is null)
            return [];
        try
        {
            using var json = JsonDocument.Parse(evidence);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("devices", out var devices)
                && devices.Deserialize<IReadOnlyList<EvidenceDevice?>>(SuspicionStore.Json) is { } found
                ? [.. found.OfType<EvidenceDevice>().Where(one => one.LastAt > default(DateTimeOffset)).Select(one => new AskedDevice(
                    one.EaInstanceId, one.Account, one.City, one.Country, one.FirstAt, one.LastAt))]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    // The platform's alerts have other fields. Checks of earlier versions wrote max_devices.
    private static int? LimitIn(JsonElement evidence) =>
        (evidence.TryGetProperty("device_limit", out var limit) || evidence.TryGetProperty("max_devices", out limit))
            && limit.ValueKind == JsonValueKind.Number
            && limit.TryGetInt32(out var number)
            ? number
            : null;

    public static AlertSummary Of(Evidence evidence)
    {
        double? minutes = evidence.Rule switch
        {
            Rule.PeopleAtOnce or Rule.TwoCopies => evidence.MinutesAtOnce,
            Rule.DevicesAtOnce or Rule.Relief or Rule.DeviceTurns or Rule.Turns or Rule.ClonedIdentity => evidence.Measured,
            _ => null,
        };
        return new AlertSummary(
            EnumWords.UpperOf(evidence.Rule), evidence.From, evidence.To, evidence.People, evidence.Devices.Count,
            evidence.AccountLimit ?? evidence.DeviceLimit, Round(minutes), minutes is null ? Round(evidence.Measured) : null,
            [.. evidence.Devices.Take(MostNamed).Select(device => new NamedDevice(device.EaInstanceId, device.City, device.Country))]);
    }

    private static int? Round(double? value) => value is { } number ? (int)Math.Round(number) : null;
}
