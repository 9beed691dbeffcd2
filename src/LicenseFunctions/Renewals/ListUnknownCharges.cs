namespace LicenseFunctions.Renewals;

/// <summary>Lists charges with an unknown outcome, with what an operator needs to find them in the provider's dashboard.</summary>
public sealed class ListUnknownCharges(RenewalReads reads, RenewalGateways gateways)
{
    public async Task<IReadOnlyList<UnknownCharge>> RunAsync(int limit, CancellationToken cancellationToken) =>
    [
        .. (await reads.UnknownAsync(limit, cancellationToken)).Select(one => one.Charge with
        {
            InvoiceId = one.Charge.Provider is { } provider ? gateways.Find(provider)?.NameOf(one.Request) : null,
        }),
    ];
}
