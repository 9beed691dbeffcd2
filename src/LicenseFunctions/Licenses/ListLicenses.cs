using System.Globalization;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Licenses;

/// <param name="Next">The <c>after</c> of the next page; null on the last.</param>
public sealed record LicensePage(IReadOnlyList<ListedLicense> Licenses, Guid? Next);

/// <summary>A customer's licenses, or, for operators, those that a search finds.</summary>
public sealed class ListLicenses(LicenseListStore store)
{
    private const int MaxPage = 100;
    private const int LongestSearch = 100;
    private static readonly string[] Statuses = ["ACTIVE", "PENDING_RENEWAL", "EXPIRED", "SUSPENDED", "REVOKED"];

    private static readonly Refusal NotFound = new(
        RefusalKind.NotFound, "LICENSE_NOT_FOUND", "There is no such license, or it is not yours.", "subscription_id");

    /// <param name="ownerScope">Whose licenses; null for everybody's.</param>
    public async Task<Outcome<LicensePage>> RunAsync(IQueryCollection query, Guid? ownerScope, CancellationToken cancellationToken)
    {
        var limit = 50;
        if (Text(query, "limit") is { } size && (!int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxPage))
            return Invalid("limit", $"1 to {MaxPage} is required.");
        Guid? after = null;
        if (Text(query, "after") is { } cursor)
        {
            if (!Guid.TryParse(cursor, out var last))
                return Invalid("after", "The next of the page before is required.");
            after = last;
        }

        var status = Text(query, "status")?.ToUpperInvariant();
        if (status is not null && !Statuses.Contains(status))
            return Invalid("status", string.Join(", ", Statuses) + " is required.");
        var search = Text(query, "search")?.Trim().ToLowerInvariant();
        if (search?.Length > LongestSearch)
            return Invalid("search", $"Up to {LongestSearch} characters are searched for.");

        var rows = await store.ListAsync(new LicenseFilter(ownerScope, search, status, after), limit + 1, cancellationToken);
        return rows.Count > limit
            ? new LicensePage([.. rows.Take(limit)], rows[limit - 1].SubscriptionId)
            : new LicensePage(rows, null);
    }

    public async Task<Outcome<ListedLicense>> FindAsync(Guid subscriptionId, Guid? ownerScope, CancellationToken cancellationToken) =>
        await store.FindAsync(subscriptionId, ownerScope, cancellationToken) is { } license ? license : NotFound;

    private static string? Text(IQueryCollection query, string name) => query[name].ToString() is { Length: > 0 } text ? text : null;

    private static Refusal Invalid(string field, string detail) => new(RefusalKind.Invalid, "INVALID_QUERY", detail, field);
}
