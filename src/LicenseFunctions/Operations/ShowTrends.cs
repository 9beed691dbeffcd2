using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Operations;

/// <param name="Days">The last days (UTC), today last.</param>
public sealed record Trends(IReadOnlyList<TrendDay> Days);

/// <summary>Shows operators what happened by day. Events are kept for 90 days, so these are the most.</summary>
public sealed class ShowTrends(LicenseDatabase database, TrendStore store, TimeProvider time)
{
    private const int Most = 90;

    private static readonly string[] Valid = [EnumWords.UpperOf(LicenseCode.Valid), EnumWords.UpperOf(LicenseCode.Grace)];

    public async Task<Outcome<Trends>> RunAsync(IQueryCollection parameters, CancellationToken cancellationToken)
    {
        var query = new ListQuery(parameters);
        var days = query.Number("days", 1, Most, 30);
        if (query.Refusal is { } refusal)
            return refusal;
        var first = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime).AddDays(1 - days);
        return new Trends(await database.ReadRecentAsync(token => store.ReadAsync(first, Valid, token), cancellationToken));
    }
}
