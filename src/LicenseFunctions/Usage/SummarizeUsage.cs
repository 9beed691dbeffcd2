using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Usage;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <param name="Totals">Null if there was no usage.</param>
/// <param name="TopLicenses">The licenses with the most signals.</param>
public sealed record UsageSummary(
    DateTime From, DateTime To, UsageGroup? Totals, IReadOnlyList<UsageGroup> TopLicenses,
    IReadOnlyList<UsageGroup> Countries, IReadOnlyList<UsageGroup> Masters);

/// <summary>Summarizes the usage of all licenses, for operators.</summary>
public sealed class SummarizeUsage(LicenseDatabase database, UsageRollupStore rollups, TimeProvider time)
{
    private const int MaxLicenses = 10;
    private const int MaxMasters = 100;

    /// <remarks>The CSV contains all groups of one kind: by=license (the default), country or master.</remarks>
    public async Task<IResult> RunAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var parsed = UsageSpan.Of(request.Query["from"], request.Query["to"], request.Query["bucket"], time.GetUtcNow());
        if (parsed.Refusal is { } refusal)
            return refusal.ToResult();
        var by = request.Query["by"].ToString() is { Length: > 0 } named ? named : "license";
        if (by is not ("license" or "country" or "master"))
            return new Refusal(RefusalKind.Invalid, "INVALID_QUERY", "by must be license, country or master.", "by").ToResult();

        return await database.ReadRecentAsync(token => ReadAsync(parsed.Value, by, request.PrefersCsv(), token), cancellationToken);
    }

    private async Task<IResult> ReadAsync(UsageSpan span, string by, bool asCsv, CancellationToken cancellationToken)
    {
        if (asCsv)
            return new CsvResult<UsageGroup>(await rollups.GroupsAsync(by, span.From, span.To, null, cancellationToken));
        return Results.Json(
            new UsageSummary(
                span.From, span.To,
                await rollups.GroupsAsync("all", span.From, span.To, 1, cancellationToken) is [var all] ? all : null,
                await rollups.GroupsAsync("license", span.From, span.To, MaxLicenses, cancellationToken),
                await rollups.GroupsAsync("country", span.From, span.To, null, cancellationToken),
                await rollups.GroupsAsync("master", span.From, span.To, MaxMasters, cancellationToken)),
            Json.Options);
    }
}
