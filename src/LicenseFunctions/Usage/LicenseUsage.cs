using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing.Usage;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Bucket">hour or day (UTC).</param>
/// <param name="Places">Where it was used from, the most used first.</param>
public sealed record LicenseUsageReply(
    Guid SubscriptionId, DateTime From, DateTime To, string Bucket, UsageTotals Totals,
    IReadOnlyList<UsageBucket> Buckets, IReadOnlyList<UsagePlace> Places);

/// <summary>How a license was used, hour by hour or day by day.</summary>
public sealed class LicenseUsage(UsageRollupStore rollups, TimeProvider time)
{
    /// <param name="ownerId">Whose the license has to be; null for an operator.</param>
    public async Task<IResult> RunAsync(Guid subscriptionId, Guid? ownerId, HttpRequest request, CancellationToken cancellationToken)
    {
        var asked = UsageSpan.Of(request.Query["from"], request.Query["to"], request.Query["bucket"], time.GetUtcNow());
        if (asked.Refusal is { } refusal) return refusal.ToResult();
        var span = asked.Value;
        if (await rollups.TotalsAsync(subscriptionId, ownerId, span.From, span.To, cancellationToken) is not { } totals)
            return LicenseNotFound.Refusal.ToResult();

        var buckets = rollups.BucketsAsync(subscriptionId, span.From, span.To, span.Step, cancellationToken);
        if (request.PrefersCsv()) return new CsvResult<UsageBucket>(buckets);
        return Results.Json(
            new LicenseUsageReply(
                subscriptionId, span.From, span.To, span.Step.TotalDays < 1 ? "hour" : "day", totals,
                await buckets.ToListAsync(cancellationToken),
                await rollups.PlacesAsync(subscriptionId, span.From, span.To, cancellationToken)),
            Json.Options);
    }
}
