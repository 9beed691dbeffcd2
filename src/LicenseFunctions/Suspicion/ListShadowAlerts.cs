using System.Buffers.Text;
using System.Globalization;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Suspicion;

/// <param name="Policy">The setting SHADOW_DETECTION_POLICY; null if no policy is in shadow.</param>
/// <param name="Licenses">The number of licenses by difference, on all pages.</param>
/// <param name="Next">The cursor of the next page; null on the last page.</param>
public sealed record ShadowPage(
    string? Policy, IReadOnlyDictionary<string, long> Licenses, IReadOnlyList<ShadowComparison> Comparisons, string? Next);

/// <summary>Compares the alerts of the policy in force with those that the policy in shadow would have raised, for operators.</summary>
public sealed class ListShadowAlerts(LicenseDatabase database, ShadowStore store, SuspicionSettings settings)
{
    /// <summary>The differences of the view shadow_comparison.</summary>
    public static readonly IReadOnlyList<string> Differences = ["ONLY_SHADOW", "ONLY_IN_FORCE", "STRONGER", "WEAKER", "SAME"];

    /// <summary>The largest page of the list as JSON.</summary>
    public const int MaxPage = 100;

    /// <param name="most">The largest page.</param>
    public async Task<Outcome<ShadowPage>> RunAsync(IQueryCollection query, int most, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var difference = parameters.Code("difference", ["DIFFERENT", "ALL", .. Differences]) ?? "DIFFERENT";
        var limit = parameters.Number("limit", 1, most, most);
        var after = parameters.Cursor(Read);
        if (parameters.Refusal is { } wrong)
            return wrong;
        if (settings.Shadow is not { } shadow)
            return new ShadowPage(null, new Dictionary<string, long>(), [], null);

        string[] differences = difference switch
        {
            "ALL" => [.. Differences],
            "DIFFERENT" => [.. Differences.Where(one => one != "SAME")],
            _ => [difference],
        };
        var (rows, counts) = await database.ReadLatestAsync(
            async token => (
                await store.ListAsync(shadow.Key, differences, after, limit + 1, token), await store.CountAsync(shadow.Key, token)),
            cancellationToken);
        var page = rows.Take(limit).ToList();
        return new ShadowPage(
            shadow.Pairs, counts.ToDictionary(count => count.Difference, count => count.Licenses), page,
            rows.Count > limit ? Write(page[^1]) : null);
    }

    private static string Write(ShadowComparison last) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{last.FoundAt.Ticks}.{last.SubscriptionId:N}")));

    private static ShadowCursor? Read(string cursor)
    {
        var bytes = new byte[cursor.Length];
        return Base64Url.IsValid(cursor) && Base64Url.TryDecodeFromChars(cursor, bytes, out var length)
            && Encoding.ASCII.GetString(bytes, 0, length).Split('.') is [var ticks, var id]
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at < DateTime.MaxValue.Ticks
            && Guid.TryParseExact(id, "N", out var subscriptionId)
                ? new ShadowCursor(new DateTime(at, DateTimeKind.Utc), subscriptionId)
                : null;
    }
}
