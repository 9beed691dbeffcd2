using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <param name="Next">Value of <c>after</c> for the next page; null on the last page.</param>
public sealed record QuarantinedPage(IReadOnlyList<QuarantinedUsage> Entries, Guid? Next);

public sealed class ListQuarantined(LicenseDatabase database, QuarantineStore quarantine)
{
    private const int MaxPage = 100;

    private static readonly IReadOnlyList<string> States = ["OPEN", "REPLAYED", "DISCARDED"];

    public async Task<IResult> RunAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var most = request.PrefersCsv() ? ListQuery.MostCsvRows : MaxPage;
        var parameters = new ListQuery(request.Query);
        var state = parameters.Code("state", States) ?? "OPEN";
        var (limit, after, code) = (parameters.Number("limit", 1, most, most), parameters.After(), parameters.Text("code"));
        if (parameters.Refusal is { } wrong)
            return wrong.ToResult();

        var entries = await database.ReadLatestAsync(
            token => quarantine.ListAsync(state, code, after, limit, token), cancellationToken);
        var page = new QuarantinedPage(entries, entries.Count == limit ? entries[^1].QuarantineId : null);
        return request.Answer(page, reply => reply.Entries);
    }
}
