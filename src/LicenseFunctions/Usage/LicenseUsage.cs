using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing.Usage;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Bucket">hour or day (UTC).</param>
/// <param name="Places">The networks of the devices, sorted by number of sessions.</param>
public sealed record LicenseUsageReply(
    Guid SubscriptionId, DateTime From, DateTime To, string Bucket, UsageTotals Totals,
    IReadOnlyList<UsageBucket> Buckets, IReadOnlyList<UsageNetwork> Places);

/// <summary>Reports the usage of a license by hour or by day.</summary>
public sealed class LicenseUsage(LicenseDatabase database, UsageRollupStore rollups, TimeProvider time)
{
    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public async Task<IResult> RunAsync(Guid subscriptionId, Guid? subscriberId, HttpRequest request, CancellationToken cancellationToken)
    {
        var parsed = UsageSpan.Of(request.Query["from"], request.Query["to"], request.Query["bucket"], time.GetUtcNow());
        if (parsed.Refusal is { } refusal)
            return refusal.ToResult();
        // The newest data, because the owner of the license is checked with it.
        return await database.ReadLatestAsync(
            token => ReadAsync(subscriptionId, subscriberId, parsed.Value, request.PrefersCsv(), token), cancellationToken);
    }

    private async Task<IResult> ReadAsync(
        Guid subscriptionId, Guid? subscriberId, UsageSpan span, bool asCsv, CancellationToken cancellationToken)
    {
        if (await rollups.TotalsAsync(subscriptionId, subscriberId, span.From, span.To, cancellationToken) is not { } totals)
            return LicenseNotFound.Refusal.ToResult();

        var buckets = await rollups.BucketsAsync(subscriptionId, span.From, span.To, span.Step, cancellationToken);
        if (asCsv)
            return new CsvResult<UsageBucket>(buckets);
        return Results.Json(
            new LicenseUsageReply(
                subscriptionId, span.From, span.To, span.Step.TotalDays < 1 ? "hour" : "day", totals,
                buckets,
                await rollups.NetworksAsync(subscriptionId, span.From, span.To, cancellationToken)),
            Json.Options);
    }
}
