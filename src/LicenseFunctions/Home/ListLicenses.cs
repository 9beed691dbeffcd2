using LicenseFunctions.Health;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Home;

/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record LicensePage(IReadOnlyList<ListedLicense> Licenses, Guid? Next);

/// <summary>
/// Lists the licenses of a subscriber, or, for operators, of all subscribers. What has changed since a license was scored is scored now, so
/// that a list shows the score of the license's page. If that fails or takes too long, the list has the stored scores.
/// </summary>
public sealed class ListLicenses(LicenseDatabase database, LicenseListStore store, ScoreLicenses score, ILogger<ListLicenses> log)
{
    // A part of the request's database time: the list itself needs the rest.
    private static readonly TimeSpan LongestScoring = TimeSpan.FromSeconds(1);

    private const int MaxPage = 100;
    private const int LongestSearch = 100;

    // A filter by EXPIRED includes the licenses in their grace.
    private static readonly IReadOnlyList<string> Statuses =
        [.. EnumWords.AllUpper<LicenseStatus>().Except([EnumWords.UpperOf(LicenseStatus.Grace)])];

    /// <param name="subscriberId">The subscriber of the licenses; null for all subscribers.</param>
    public async Task<IResult> RunAsync(HttpRequest request, Guid? subscriberId, CancellationToken cancellationToken)
    {
        var asCsv = request.PrefersCsv();
        var page = await PageAsync(
            request.Query, asCsv ? ListQuery.MostCsvRows : 50, asCsv ? ListQuery.MostCsvRows : MaxPage, subscriberId, cancellationToken);
        if (page.Refusal is not null)
            return page.ToResult();
        // A file has more rows than can be scored in a request.
        return asCsv
            ? new CsvResult<ListedLicense>(page.Value.Licenses.Select(WithoutMovingEnd))
            : Results.Json(
                page.Value with { Licenses = await WithPresentScoresAsync(page.Value.Licenses, cancellationToken) }, Json.Options);
    }

    // Until a check is refused, the end of close-only moves with the time. A file is read later.
    private static ListedLicense WithoutMovingEnd(ListedLicense license) =>
        license.CloseOnlySince is null ? license with { CloseOnlyUntil = null } : license;

    private async Task<Outcome<LicensePage>> PageAsync(
        IQueryCollection query, int limit, int most, Guid? subscriberId, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        limit = parameters.Number("limit", 1, most, limit);
        var (customer, after) = (parameters.Id("user_id", "the id of a customer"), parameters.After());
        if (parameters.Refusal is { } wrong)
            return wrong;
        var status = Text(query, "status")?.ToUpperInvariant();
        if (status is not null && !Statuses.Contains(status))
            return Invalid("status", "status must be one of " + string.Join(", ", Statuses) + ".");
        var search = Text(query, "search")?.Trim().ToLowerInvariant();
        if (search?.Length > LongestSearch)
            return Invalid("search", $"search must have at most {LongestSearch} characters.");

        var filter = new LicenseFilter(subscriberId, search, status, after, customer);
        var rows = await database.ReadLatestAsync(token => store.ListAsync(filter, limit + 1, token), cancellationToken);
        return rows.Count > limit
            ? new LicensePage([.. rows.Take(limit)], rows[limit - 1].SubscriptionId)
            : new LicensePage(rows, null);
    }

    public async Task<Outcome<ListedLicense>> FindAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        await database.ReadLatestAsync(token => store.FindAsync(subscriptionId, subscriberId, token), cancellationToken) is { } license
            ? (await WithPresentScoresAsync([license], cancellationToken)).Single()
            : LicenseNotFound.Refusal;

    private async Task<IReadOnlyList<ListedLicense>> WithPresentScoresAsync(
        IReadOnlyList<ListedLicense> licenses, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LongestScoring);
        try
        {
            var scores = await score.ScoreOutdatedAsync([.. licenses.Select(license => license.SubscriptionId)], limit.Token);
            return
            [
                .. licenses.Select(license =>
                    scores.TryGetValue(license.SubscriptionId, out var present) ? license with { HealthScore = present } : license),
            ];
        }
#pragma warning disable CA1031 // A list with stored scores is better than no list.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "A list shows stored scores, because the present ones could not be computed");
            return licenses;
        }
    }

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static Refusal Invalid(string field, string detail) => new(RefusalKind.Invalid, "INVALID_QUERY", detail, field);
}
