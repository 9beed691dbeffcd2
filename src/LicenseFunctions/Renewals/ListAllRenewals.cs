using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Renewals;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Renewals;

/// <param name="Counts">The number of renewals that are not final, by status; empty except on the first page.</param>
/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record RenewalPage(IReadOnlyList<ListedRenewal> Renewals, IReadOnlyDictionary<string, int> Counts, Guid? Next);

/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record PaidPage(IReadOnlyList<PaidRenewal> Payments, Guid? Next);

/// <summary>Lists renewals by status, and payments, of all licenses; as JSON, or as CSV if the request prefers it.</summary>
public sealed class ListAllRenewals(
    LicenseDatabase database, RenewalListStore store, RenewalReads reads, RenewalPolicy policy, TimeProvider clock)
{
    private const int Page = 100;

    // Declined, or waiting for the customer, an operator or the provider.
    private const string Stuck = "stuck";

    private static readonly string[] Statuses = [.. Enum.GetValues<RenewalStatus>().Select(status => EnumWords.Of(status))];

    private static readonly string[] StuckStatuses =
    [
        .. Enum.GetValues<RenewalStatus>()
            .Where(status => !status.IsFinal() && status is not (RenewalStatus.Due or RenewalStatus.Charging))
            .Select(status => EnumWords.Of(status)),
    ];

    public async Task<IResult> RunAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var asCsv = request.PrefersCsv();
        var query = new ListQuery(request.Query);
        var status = query.OneOf("status", [Stuck, "all", .. Statuses]) ?? Stuck;
        var filter = new RenewalFilter(
            status switch { "all" => Statuses, Stuck => StuckStatuses, _ => [status] }, query.Id("user_id"), query.Id("after"));
        var limit = Limit(query, asCsv);
        if (query.Refusal is { } wrong)
            return wrong.ToResult();
        var (rows, counts) = await database.ReadLatestAsync(
            async token => (await RowsAsync(filter, limit + 1, token),
                asCsv || filter.After is not null ? new Dictionary<string, int>() : await store.CountsAsync(token)),
            cancellationToken);
        return asCsv
            ? new CsvResult<ListedRenewal>(rows.Take(limit))
            : Results.Json(
                new RenewalPage([.. rows.Take(limit)], counts, rows.Count > limit ? rows[limit - 1].RenewalId : null), Json.Options);
    }

    /// <summary>The renewals with their next attempts. One of another period than the license's next is not charged any more.</summary>
    public async Task<IReadOnlyList<ListedRenewal>> RowsAsync(RenewalFilter filter, int limit, CancellationToken cancellationToken)
    {
        var rows = await store.ListAsync(filter, limit, cancellationToken);
        var next = (await reads.NextAsync(
            [.. rows.Where(row => row.NextActionAt is not null).Select(row => row.SubscriptionId).Distinct()], cancellationToken))
            .ToDictionary(one => one.SubscriptionId);
        var now = clock.GetUtcNow();
        return
        [
            .. rows.Select(row => next.GetValueOrDefault(row.SubscriptionId) is { } found
                && row.NextActionAt is not null && found.ExpiresAt == new DateTimeOffset(row.PeriodStart, TimeSpan.Zero)
                ? row with { NextAttemptAt = found.AttemptAt(policy, now)?.UtcDateTime }
                : row),
        ];
    }

    public async Task<IResult> PaidAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var asCsv = request.PrefersCsv();
        var query = new ListQuery(request.Query);
        var filter = new PaidFilter(query.Id("user_id"), query.Time("from"), query.Time("to"), query.Id("after"));
        var limit = Limit(query, asCsv);
        if (query.Refusal is { } wrong)
            return wrong.ToResult();
        var rows = await database.ReadLatestAsync(token => store.PaidAsync(filter, limit + 1, token), cancellationToken);
        return asCsv
            ? new CsvResult<PaidRenewal>(rows.Take(limit))
            : Results.Json(new PaidPage([.. rows.Take(limit)], rows.Count > limit ? rows[limit - 1].HistoryId : null), Json.Options);
    }

    private static int Limit(ListQuery query, bool asCsv) =>
        asCsv ? query.Number("limit", 1, ListQuery.MostCsvRows, ListQuery.MostCsvRows) : query.Number("limit", 1, Page, Page);
}
