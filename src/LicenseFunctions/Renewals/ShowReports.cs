using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Renewals;

/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
public sealed record Reports(DateTime From, DateTime To, IReadOnlyList<ReportRow> Rows);

/// <summary>Shows revenue, churn and the like to operators.</summary>
public sealed class ShowReports(LicenseDatabase database, ReportStore store, RenewalSettings settings, TimeProvider clock)
{
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromDays(400);
    private static readonly TimeSpan UsualPeriod = TimeSpan.FromDays(90);

    public async Task<Outcome<Reports>> RunAsync(IQueryCollection query, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var (asked, until) = (parameters.Time("from"), parameters.Time("to"));
        if (parameters.Refusal is { } wrong)
            return wrong;
        var to = until ?? clock.GetUtcNow().UtcDateTime;
        var from = asked ?? to - UsualPeriod;
        return from < to && to - from <= LongestPeriod
            ? new Reports(from, to, await database.ReadRecentAsync(
                token => store.ReadAsync(from, to, settings.Grace, token), cancellationToken))
            : new Refusal(
                RefusalKind.Invalid, "INVALID_QUERY", $"from must be before to, and at most {LongestPeriod.TotalDays:0} days.", "from",
                "from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    }
}
