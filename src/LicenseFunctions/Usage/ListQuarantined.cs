using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Usage;

/// <param name="Next">Value of <c>after</c> for the next page; null on the last page.</param>
public sealed record QuarantinedPage(IReadOnlyList<QuarantinedUsage> Entries, Guid? Next);

public sealed class ListQuarantined(LicenseDatabase database, QuarantineStore quarantine)
{
    private const int MaxPage = 100;

    public async Task<Outcome<QuarantinedPage>> RunAsync(IQueryCollection query, CancellationToken cancellationToken)
    {
        var state = query["state"].ToString() is { Length: > 0 } named ? named.ToUpperInvariant() : "OPEN";
        if (state is not ("OPEN" or "REPLAYED" or "DISCARDED"))
            return Invalid("state", "state must be OPEN, REPLAYED or DISCARDED.");
        var limit = MaxPage;
        if (query["limit"].ToString() is { Length: > 0 } size
            && (!int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxPage))
            return Invalid("limit", $"limit must be from 1 to {MaxPage}.");
        var after = Guid.Empty;
        if (query["after"].ToString() is { Length: > 0 } id && !Guid.TryParse(id, out after))
            return Invalid("after", "after must be the last quarantine_id of the previous page.");

        var code = query["code"].ToString() is { Length: > 0 } only ? only : null;
        var entries = await database.ReadLatestAsync(
            token => quarantine.ListAsync(state, code, after == Guid.Empty ? null : after, limit, token), cancellationToken);
        return new QuarantinedPage(entries, entries.Count == limit ? entries[^1].QuarantineId : null);
    }

    private static Refusal Invalid(string field, string detail) => new(RefusalKind.Invalid, "INVALID_QUERY", detail, field);
}
