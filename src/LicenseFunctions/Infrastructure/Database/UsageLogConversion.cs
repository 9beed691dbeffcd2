using System.Globalization;
using Dapper;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Moves the usage log from native partitions into a hypertable of TimescaleDB, one day per transaction, while usage is stored. It can be
/// started again after an interruption; days that are copied are not copied again.
/// </summary>
public sealed class UsageLogConversion(NpgsqlDataSource source, Migrations migrations)
{
    private const int ChangesPerStep = 10_000;

    /// <param name="report">Called for each day, and when a step waits for a lock.</param>
    /// <returns>False if the usage log is a hypertable already.</returns>
    /// <exception cref="PostgresException">
    /// The extension is missing, a view of the platform uses the table, or a step didn't get a lock for ten minutes.
    /// </exception>
    public async Task<bool> RunAsync(Action<string> report, CancellationToken cancellationToken)
    {
        const string Begin = "beginning";
        if (!await migrations.RepeatAsync(
            Begin, () => ReadAsync<bool>("select begin_usage_log_conversion()", null, cancellationToken), report, cancellationToken))
            return false;

        foreach (var day in await DaysAsync(cancellationToken))
        {
            var rows = await ReadAsync<long>("select copy_usage_day(@day::date)", new { day }, cancellationToken);
            report(string.Create(CultureInfo.InvariantCulture, $"copied {day}: {rows} rows"));
        }

        while (await ReadAsync<int>("select apply_usage_changes(@ChangesPerStep)", new { ChangesPerStep }, cancellationToken)
            == ChangesPerStep)
            report("applied changes that were made in the meantime");

        await migrations.RepeatAsync("replacing the table", () => SwapAsync(cancellationToken), report, cancellationToken);
        await migrations.RepeatAsync(
            "dropping the partitions", () => ReadAsync<bool>("select drop_converted_usage_log() is null", null, cancellationToken), report,
            cancellationToken);
        return true;
    }

    private async Task<IReadOnlyList<string>> DaysAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<string>(
            new CommandDefinition("select usage_days_to_copy()::text", commandTimeout: 0, cancellationToken: cancellationToken))).AsList();
    }

    private async Task<T> ReadAsync<T>(string sql, object? parameters, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        return (await connection.ExecuteScalarAsync<T>(
            new CommandDefinition(sql, parameters, commandTimeout: 0, cancellationToken: cancellationToken)))!;
    }

    // Views refer to a table by its number, so they are installed again together with the renaming.
    private async Task<bool> SwapAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await Migrations.BeginAsync(connection, cancellationToken);
        await connection.ExecuteAsync(
            new CommandDefinition("select swap_usage_log()", commandTimeout: 0, cancellationToken: cancellationToken));
        await Migrations.InstallDefinitionsAsync(connection, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }
}
