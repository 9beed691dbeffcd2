using System.Net;
using System.Text.Json;
using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <summary>An alert about a refused device.</summary>
public sealed record RefusalRow
{
    public required Guid AlertId { get; init; }
    public required Guid SubscriptionId { get; init; }
    public required string Evidence { get; init; }
    public required DateTime DetectedAt { get; init; }

    /// <summary>The license was suspended because of the device.</summary>
    public required bool HasSuspended { get; init; }

    /// <summary>The device has been admitted since.</summary>
    public required bool IsRegistered { get; init; }

    /// <summary>An operator allowed the device: it is admitted at its next check.</summary>
    public required bool IsGranted { get; init; }

    /// <summary>The customer said that it is somebody else's.</summary>
    public bool IsDenied { get; init; }
}

/// <summary>A device that a check refused, from the evidence of its alert.</summary>
/// <param name="RefusedAt">The last time.</param>
/// <param name="Refusals">How often.</param>
/// <param name="IsAdmitted">It has a slot, or gets one at its next check.</param>
/// <param name="IsDenied">The customer said that it is somebody else's.</param>
public sealed record RefusedDevice(
    Guid AlertId, Guid SubscriptionId, string Key, DeviceClaim Claim, string? CountryCode, string? City, DateTimeOffset RefusedAt,
    int Refusals, bool HasSuspended, bool IsAdmitted, bool IsDenied = false)
{
    private static readonly TimeSpan WaitsFor = TimeSpan.FromDays(30);

    /// <returns>Null if the evidence is not that of a check.</returns>
    public static RefusedDevice? Of(RefusalRow row)
    {
        try
        {
            using var evidence = JsonDocument.Parse(row.Evidence);
            var root = evidence.RootElement;
            var device = root.TryGetProperty("refused_device", out var refused) ? refused : root.GetProperty("newcomer");
            var claim = new DeviceClaim(
                device.GetProperty("ea_instance_id").GetString()!, device.GetProperty("mt5_account_number").GetInt64(),
                IPAddress.Parse(device.GetProperty("ip_address").GetString()!));
            var last = Time(root, "last_refused_at") ?? Time(device, "refused_at") ?? new DateTimeOffset(row.DetectedAt, TimeSpan.Zero);
            return new RefusedDevice(
                row.AlertId, row.SubscriptionId, root.GetProperty("device_key").GetString()!, claim, Text(device, "country"),
                Text(device, "city"), last, root.TryGetProperty("refusals", out var count) ? count.GetInt32() : 1, row.HasSuspended,
                row.IsRegistered || row.IsGranted, row.IsDenied);
        }
        catch (Exception other) when (other is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or ArgumentNullException)
        {
            return null;
        }
    }

    /// <summary>
    /// The devices that were refused within 30 days and have no slot, each once, the latest first; without those that are somebody else's.
    /// </summary>
    public static IReadOnlyList<RefusedDevice> Waiting(IReadOnlyList<RefusedDevice> refusals, DateTimeOffset now)
    {
        // Several alerts can be about one device, and the customer answered only one of them.
        var denied = refusals.Where(one => one.IsDenied).Select(one => (one.SubscriptionId, one.Key)).ToHashSet();
        return
        [
            .. refusals.Where(one => !one.IsAdmitted && now - one.RefusedAt < WaitsFor && !denied.Contains((one.SubscriptionId, one.Key)))
                .OrderByDescending(one => one.RefusedAt)
                .DistinctBy(one => (one.SubscriptionId, one.Key)),
        ];
    }

    private static DateTimeOffset? Time(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out var value) && value.TryGetDateTimeOffset(out var time) ? time : null;

    private static string? Text(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
