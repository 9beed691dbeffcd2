using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;

namespace LicenseFunctions.Validation;

/// <param name="DeviceCount">Devices listed.</param>
/// <param name="MaxDevices">Slots of the license, with the extra ones.</param>
/// <param name="SlotsUsed">Slots that devices have, with the extra ones. A device that never sent a check has none.</param>
/// <param name="SlotsGranted">Extra slots: devices that an operator admitted beyond the limit.</param>
public sealed record DeviceList(
    Guid SubscriptionId, int DeviceCount, int MaxDevices, int SlotsUsed, int SlotsFree, int SlotsGranted,
    IReadOnlyList<ListedDevice> Devices);

/// <param name="DeviceId">Null for a device that is in the usage log but never sent a check.</param>
/// <param name="IpAddress">Its last address. Country and city are its last known location.</param>
/// <param name="UsageCount">Usage records within 30 days.</param>
/// <param name="HasExtraSlot">An operator admitted it beyond the limit, so its removal frees no slot for another device.</param>
/// <param name="FreesSlot">Whether another device can get a slot when this one is removed.</param>
/// <param name="Networks">The networks that it was seen from within 30 days, the latest first.</param>
public sealed record ListedDevice(
    Guid? DeviceId, string? Name, string EaInstanceId, long Mt5AccountNumber, string? IpAddress, string? CountryCode, string? City,
    DateTimeOffset? FirstSeen, DateTimeOffset LastSeen, bool InUse, long UsageCount, bool HasExtraSlot, bool FreesSlot,
    IReadOnlyList<ListedNetwork> Networks);

/// <param name="Network">An IPv4 address or the /64 of an IPv6 one.</param>
public sealed record ListedNetwork(string Network, string? CountryCode, string? City, DateTimeOffset LastSeen, long UsageCount);

/// <summary>Lists the devices of a license, each once, with its use in the last 30 days.</summary>
public sealed class ListDevices(LicenseDatabase database, DeviceStore store, LastSeen lastSeen, DeviceSettings settings, TimeProvider time)
{
    private static readonly TimeSpan Recent = TimeSpan.FromDays(30);

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public Task<Outcome<DeviceList>> RunAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync<Outcome<DeviceList>>(
            async token => await LicenseVisibility.IsVisibleAsync(database, subscriptionId, subscriberId, token)
                ? await ReadAsync(subscriptionId, token)
                : LicenseNotFound.Refusal,
            cancellationToken);

    internal async Task<DeviceList> ReadAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var (rows, networks) = await store.ListAsync(subscriptionId, now - Recent, cancellationToken);
        // A check's network is not an address. With DEVICE_IDENTITY=ip_ea_account, it would look like another device.
        var checkedFrom = networks.ToLookup(network => network.DeviceId);
        var byKey = checkedFrom[null].ToLookup(network => Key(network.EaInstanceId, network.Mt5AccountNumber, network.IpAddress));
        var slotsUsed = rows.Count(row => row.Slot is not null);
        var freesSlot = DeviceAdmission.FreeSlots(slotsUsed - 1, settings.Policy.MaxDevices) > 0;
        // Several rows have one key if DEVICE_IDENTITY was changed after they were written.
        var known = rows.ToLookup(row => Key(row.EaInstanceId, row.Mt5AccountNumber, row.IpAddress));
        var devices = rows.Where(row => row.RemovedAt is null)
            .Select(row => Registered(
                row, checkedFrom[row.DeviceId].Concat(byKey[Key(row.EaInstanceId, row.Mt5AccountNumber, row.IpAddress)]), freesSlot, now))
            .Concat(byKey
                .Where(group => known[group.Key].All(row => group.Max(one => one.LastSeen) > row.RemovedAt))
                .Select(group => OnlyUsed(group, now)))
            .OrderByDescending(device => device.LastSeen)
            .ToList();
        var slotsGranted = rows.Count(row => row.BeyondLimit);
        return new DeviceList(
            subscriptionId, devices.Count, settings.Policy.MaxDevices + slotsGranted, slotsUsed + slotsGranted,
            DeviceAdmission.FreeSlots(slotsUsed, settings.Policy.MaxDevices), slotsGranted, devices);
    }

    /// <param name="freesSlot">Whether the removal of a device with a slot frees one.</param>
    private ListedDevice Registered(DeviceRow row, IEnumerable<DeviceNetworkRow> networks, bool freesSlot, DateTimeOffset now)
    {
        var current = lastSeen.Unwritten(row.DeviceId) is { } sighting && sighting.At > row.LastSeenAt
            ? new DeviceNetworkRow
            {
                EaInstanceId = row.EaInstanceId,
                Mt5AccountNumber = row.Mt5AccountNumber,
                UsageCount = 0,
                IpAddress = sighting.Address.ToString(),
                LastSeen = sighting.At.UtcDateTime,
            }
            : new DeviceNetworkRow
            {
                EaInstanceId = row.EaInstanceId,
                Mt5AccountNumber = row.Mt5AccountNumber,
                UsageCount = 0,
                IpAddress = row.IpAddress,
                LastSeen = row.LastSeenAt,
            };
        return OnlyUsed(networks.Append(current), now) with
        {
            DeviceId = row.DeviceId,
            Name = row.Name,
            FirstSeen = Utc(row.FirstSeenAt),
            HasExtraSlot = row.BeyondLimit,
            FreesSlot = freesSlot && row.Slot is not null,
        };
    }

    private static ListedDevice OnlyUsed(IEnumerable<DeviceNetworkRow> rows, DateTimeOffset now)
    {
        var newestFirst = rows.OrderByDescending(row => row.LastSeen).ToList();
        var location = newestFirst.Find(row => row.CountryCode is not null);
        var networks = newestFirst
            .Where(row => row.IpAddress is not null)
            .GroupBy(row => Network.Of(IPAddress.Parse(row.IpAddress!)))
            .Select(group => new ListedNetwork(
                group.Key,
                group.FirstOrDefault(row => row.CountryCode is not null)?.CountryCode,
                group.FirstOrDefault(row => row.City is not null)?.City,
                Utc(group.First().LastSeen), group.Sum(row => row.UsageCount)))
            .ToList();
        var latest = newestFirst[0];
        var seen = Utc(latest.LastSeen);
        return new ListedDevice(
            null, null, latest.EaInstanceId, latest.Mt5AccountNumber, latest.IpAddress, location?.CountryCode, location?.City,
            null, seen, now - seen < DeviceAdmission.ActiveWithin, newestFirst.Sum(row => row.UsageCount),
            HasExtraSlot: false, FreesSlot: false, networks);
    }

    private string Key(string ea, long account, string? address) =>
        new DeviceClaim(ea, account, address is null ? IPAddress.None : IPAddress.Parse(address)).Key(settings.Policy.Identity);

    private static DateTimeOffset Utc(DateTime time) => new(time, TimeSpan.Zero);
}
