using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <summary>Lists charges with an unknown outcome, with what an operator needs to find them in the provider's dashboard.</summary>
public sealed class ListUnknownCharges(RenewalReads reads, RenewalGateways gateways, ILogger<ListUnknownCharges> log)
{
    public async Task<IReadOnlyList<UnknownCharge>> RunAsync(int limit, CancellationToken cancellationToken) =>
    [
        .. (await reads.UnknownAsync(limit, cancellationToken)).Select(one => one.Charge with
        {
            InvoiceId = InvoiceId(one.Charge, one.Request),
        }),
    ];

    private string? InvoiceId(UnknownCharge charge, string request)
    {
        if (charge.Provider is not { } provider || gateways.Find(provider) is not { } gateway)
            return null;
        try
        {
            return gateway.NameOf(JsonSerializer.Deserialize<ChargeRequest>(request, RowJson.Options)!);
        }
#pragma warning disable CA1031 // One request that can't be read must not hide the other charges.
        catch (Exception unreadable)
#pragma warning restore CA1031
        {
            log.LogWarning(unreadable, "The request of renewal {RenewalId} could not be read", charge.RenewalId);
            return null;
        }
    }
}
