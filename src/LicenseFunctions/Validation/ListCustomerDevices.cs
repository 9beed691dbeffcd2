using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Validation;

/// <summary>A device of one of a customer's licenses.</summary>
/// <param name="Master">The name of the license's master.</param>
/// <param name="Network">The last network that it was seen from within 30 days.</param>
/// <param name="UsageCount">Usage records within 30 days.</param>
public sealed record CustomerDevice(
    Guid SubscriptionId, string Master, string? Name, string EaInstanceId, long Mt5AccountNumber, string? Network, string? CountryCode,
    string? City, DateTimeOffset? FirstSeen, DateTimeOffset LastSeen, bool InUse, long UsageCount);

/// <param name="Devices">Those of the page's licenses, the latest use first.</param>
/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record CustomerDeviceList(IReadOnlyList<CustomerDevice> Devices, Guid? Next);

/// <summary>A license, named by its master.</summary>
public sealed record NamedLicense(Guid SubscriptionId, string Master);

/// <summary>Lists the devices of all licenses of a customer. The pages are pages of licenses.</summary>
public sealed class ListCustomerDevices(LicenseDatabase database, DeviceStore store, ListDevices list)
{
    private const int MostLicenses = 100;

    public async Task<Outcome<CustomerDeviceList>> RunAsync(
        Guid userId, IQueryCollection query, bool asCsv, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var (limit, after) = (parameters.Number("limit", 1, MostLicenses, 25), parameters.After());
        if (parameters.Refusal is { } wrong)
            return wrong;
        if (!await database.ReadLatestAsync(token => store.HasUserAsync(userId, token), cancellationToken))
            return CustomerNotFound.Refusal;
        if (!asCsv)
            return await PageAsync(userId, after, limit, cancellationToken);

        var (devices, next) = (new List<CustomerDevice>(), after);
        do
        {
            var page = await PageAsync(userId, next, MostLicenses, cancellationToken);
            devices.AddRange(page.Devices);
            next = page.Next;
        }
        while (next is not null && devices.Count < ListQuery.MostCsvRows);
        return new CustomerDeviceList([.. devices.Take(ListQuery.MostCsvRows)], null);
    }

    private Task<CustomerDeviceList> PageAsync(Guid userId, Guid? after, int limit, CancellationToken cancellationToken) =>
        database.ReadLatestAsync(async token =>
        {
            var licenses = await store.LicensesOfAsync(userId, after, limit + 1, token);
            var devices = new List<CustomerDevice>();
            foreach (var license in licenses.Take(limit))
            {
                var found = await list.ReadAsync(license.SubscriptionId, token);
                devices.AddRange(found.Devices.Select(device => Of(license, device)));
            }

            return new CustomerDeviceList(
                [.. devices.OrderByDescending(device => device.LastSeen)],
                licenses.Count > limit ? licenses[limit - 1].SubscriptionId : null);
        }, cancellationToken);

    private static CustomerDevice Of(NamedLicense license, ListedDevice device) => new(
        license.SubscriptionId, license.Master, device.Name, device.EaInstanceId, device.Mt5AccountNumber,
        device.Networks is [var latest, ..] ? latest.Network : null, device.CountryCode, device.City, device.FirstSeen, device.LastSeen,
        device.InUse, device.UsageCount);
}
