using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Rows that a sweep left out because it could not read or change them. Operators see them on the System page and in a metric.
/// </summary>
public sealed class SkippedRows(LicenseDatabase database, TimeProvider time, ILogger<SkippedRows> log)
{
    /// <summary>Whether one row is the cause, so that the same statement succeeds for the others: a value, a rule or a lock.</summary>
    public static bool ConcernsOneRow(PostgresException failure) =>
        failure.SqlState == PostgresErrorCodes.LockNotAvailable
        || IsCausedByData(failure)
        || failure.SqlState[..2] is "40"; // transaction rollback

    /// <summary>Whether a value or a rule is the cause, so that the statement fails immediately again.</summary>
    public static bool IsCausedByData(PostgresException failure) =>
        failure.SqlState[..2] is "22" or "23" or "P0"; // data exception, integrity constraint violation, raised by a trigger

    private sealed record ReportedRow(string Source, Guid RowId, string Reason);

    private const string Add = """
        insert into skipped_rows as r (source, row_id, reason)
        select * from unnest(@sources, @ids, @reasons)
        on conflict (source, row_id) do update set reason = excluded.reason, last_seen_at = now(),
            first_seen_at = case when r.last_seen_at < now() - interval '1 day' then now() else r.first_seen_at end
        returning source, row_id, reason, first_seen_at = now() as is_new
        """;

    private sealed record AddedRow(string Source, Guid RowId, string Reason, bool IsNew);

    /// <summary>Records a row. It is logged when it is new. If it can't be recorded, it is only logged.</summary>
    /// <param name="source">The sweep: a label of the metric <c>skipped_rows</c>.</param>
    /// <param name="rowId">The row's id, usually that of the license.</param>
    public async Task ReportAsync(string source, Guid rowId, Exception failure, CancellationToken cancellationToken)
    {
        try
        {
            await AddAsync([new ReportedRow(source, rowId, $"{failure.GetType().Name}: {failure.Message}")], cancellationToken);
        }
#pragma warning disable CA1031 // The report must not stop the sweep that it reports about.
        catch (Exception unavailable) when (unavailable is not OperationCanceledException)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "Skipped {Source} {RowId}; it could not be recorded: {Error}", source, rowId, unavailable.Message);
        }
    }

    // All prices, cards and wallets are read, so this runs less often than the sweep that asks for it.
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private long? readAt;

    private const string Unusable = "select source, row_id, reason from unusable_values limit 1000";

    /// <summary>
    /// Records the values of the platform that readers replace with others, at most once per hour. If that fails, it is only logged.
    /// </summary>
    public async Task ReportUnusableValuesAsync(CancellationToken cancellationToken)
    {
        if (readAt is { } before && time.GetElapsedTime(before) < Interval)
            return;
        try
        {
            List<ReportedRow> rows;
            await using (var session = await database.OpenAsync(cancellationToken))
            {
                rows = (await session.Connection.QueryAsync<ReportedRow>(
                    new CommandDefinition(Unusable, cancellationToken: session.Token))).AsList();
            }

            if (rows.Count > 0)
                await AddAsync(rows, cancellationToken);
            readAt = time.GetTimestamp();
        }
#pragma warning disable CA1031 // The report must not stop the sweep that asks for it.
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "Values of the platform that can't be used could not be read");
        }
    }

    private async Task AddAsync(List<ReportedRow> rows, CancellationToken cancellationToken)
    {
        var added = await database.InStatementAsync((connection, token) => connection.QueryAsync<AddedRow>(new CommandDefinition(Add, new
        {
            sources = rows.ConvertAll(row => row.Source),
            ids = rows.ConvertAll(row => row.RowId),
            reasons = rows.ConvertAll(row => row.Reason.Length > 500 ? row.Reason[..500] : row.Reason),
        }, cancellationToken: token)), cancellationToken);
        foreach (var row in added.Where(row => row.IsNew))
            log.LogWarning("Skipped {Source} {RowId}: {Reason}", row.Source, row.RowId, row.Reason);
    }
}
