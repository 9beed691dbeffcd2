using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Licenses;
using Licensing;

namespace LicenseFunctions.Validation;

/// <param name="Entries">What happened, the newest first.</param>
/// <param name="Waiting">Devices that were refused within 30 days and are not registered.</param>
public sealed record DeviceHistoryList(
    Guid SubscriptionId, IReadOnlyList<DeviceHistoryEntry> Entries, IReadOnlyList<WaitingDevice> Waiting);

/// <param name="What">
/// ADDED, REPLACED (it took the slot of the other one), KEPT (the subscriber chose it instead), REMOVED, RENAMED or REFUSED.
/// </param>
/// <param name="By">SUBSCRIBER, OPERATOR or SYSTEM.</param>
/// <param name="Network">Null if it is not known from where.</param>
/// <param name="Times">How often it was refused; 1 for everything else.</param>
public sealed record DeviceHistoryEntry(
    DateTimeOffset At, string What, string By, NamedDevice Device, NamedDevice? Other, string? Network, string? CountryCode, string? City,
    int Times);

public sealed record NamedDevice(Guid? DeviceId, string? Name, string EaInstanceId, long Mt5AccountNumber);

/// <param name="HasSuspended">The license was suspended because of it.</param>
public sealed record WaitingDevice(
    Guid AlertId, string EaInstanceId, long Mt5AccountNumber, string? CountryCode, string? City, DateTimeOffset RefusedAt, int Refusals,
    bool HasSuspended);

/// <summary>Lists what happened to the devices of a license: who was added, replaced, removed and refused, when and from where.</summary>
public sealed class ListDeviceHistory(LicenseDatabase database, DeviceStore store, TimeProvider time, IGeolocator? geolocator = null)
{
    private const int MostEntries = 100;

    public Task<Outcome<DeviceHistoryList>> RunAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync<Outcome<DeviceHistoryList>>(async token =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(database, subscriptionId, subscriberId, token))
                return LicenseNotFound.Refusal;
            var (changes, refusals) = await store.ChangesAsync(subscriptionId, MostEntries, token);
            var entries = changes.Select(Change).Concat(refusals.Select(Refusal)).OrderByDescending(entry => entry.At).Take(MostEntries);
            var waiting = RefusedDevice.Waiting(refusals, time.GetUtcNow());
            return new DeviceHistoryList(subscriptionId, [.. entries], [.. waiting.Select(Waiting)]);
        }, cancellationToken);

    private DeviceHistoryEntry Change(DeviceChangeRow row)
    {
        var location = row.Network is { } network ? geolocator?.LocateHere(IPAddress.Parse(network)) : null;
        return new DeviceHistoryEntry(
            new DateTimeOffset(row.At, TimeSpan.Zero), What(row.Action), By(row.ActorKind),
            new NamedDevice(row.DeviceId, row.Name, row.EaInstanceId, row.Mt5AccountNumber),
            row is { OtherEaInstanceId: { } ea, OtherMt5AccountNumber: { } account }
                ? new NamedDevice(null, row.OtherName, ea, account)
                : null,
            row.Network, location?.Country, location?.City, 1);
    }

    // Without the network: the device may be a stranger's.
    private static DeviceHistoryEntry Refusal(RefusedDevice one) => new(
        one.RefusedAt, "REFUSED", "SYSTEM", new NamedDevice(null, null, one.Claim.EaInstanceId, one.Claim.Mt5AccountNumber), null, null,
        one.CountryCode, one.City, one.Refusals);

    private static WaitingDevice Waiting(RefusedDevice one) => new(
        one.AlertId, one.Claim.EaInstanceId, one.Claim.Mt5AccountNumber, one.CountryCode, one.City, one.RefusedAt, one.Refusals,
        one.HasSuspended);

    private static string What(string action) => action switch
    {
        "device.replaced" => "REPLACED",
        "device.kept" => "KEPT",
        "device.removed" => "REMOVED",
        "device.renamed" => "RENAMED",
        _ => "ADDED",
    };

    private static string By(string actor) => actor switch
    {
        "owner" => "SUBSCRIBER",
        "operator" => "OPERATOR",
        _ => "SYSTEM",
    };
}
