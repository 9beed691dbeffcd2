using System.Data;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Installs the schema from <c>sql/</c> or brings it up to date. <c>schema_license_extensions.sql</c> does the same with psql and uses the
/// same journal, so both can be used on one database, also at the same time.
/// </summary>
public sealed class Migrations(NpgsqlDataSource source, TimeProvider time)
{
    public Migrations(NpgsqlDataSource source)
        : this(source, TimeProvider.System)
    {
    }

    /// <summary>The names that the journal contains if the schema is complete.</summary>
    public static readonly string[] InstalledNames = [.. Names("migrations/").Select(name => name["migrations/".Length..])];

    // Lazy, because the readiness probe of every process uses this class without reading the files.
    private static readonly Lazy<string> RepeatableFiles = new(() =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(Names("repeatable/").Select(Text))))));

    /// <param name="report">
    /// Called before each migration, because one may take minutes, after views and functions are replaced, and when a step waits.
    /// </param>
    /// <returns>Whether anything changed.</returns>
    /// <exception cref="PostgresException">A step failed, or it didn't get a lock for ten minutes (55P03).</exception>
    public async Task<bool> RunAsync(Action<string> report, CancellationToken cancellationToken)
    {
        var changed = false;
        foreach (var migration in Names("migrations/"))
        {
            var name = migration["migrations/".Length..];
            changed |= await RepeatAsync(name, () => InstallAsync(migration, name, report, cancellationToken), report, cancellationToken);
        }

        const string Definitions = "views and functions";
        changed |= await RepeatAsync(Definitions, () => RenewDefinitionsAsync(report, cancellationToken), report, cancellationToken);
        if (await WarningAsync(cancellationToken) is { } warning)
            report($"WARNING: {warning}");
        return changed;
    }

    /// <summary>Whether no migration is installed.</summary>
    public async Task<bool> IsNewAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select to_regclass('schema_migrations') is null", cancellationToken: cancellationToken));
    }

    /// <summary>Installs everything in a new database in one transaction, and rolls it back.</summary>
    /// <exception cref="PostgresException">A step failed.</exception>
    public async Task RehearseAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginAsync(connection, cancellationToken);
        foreach (var migration in Names("migrations/"))
            await ExecuteFileAsync(migration, connection, cancellationToken);
        await InstallDefinitionsAsync(connection, cancellationToken);
    }

    private const string Warning = "select usage_log_warning()";

    private async Task<string?> WarningAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Warning, cancellationToken: cancellationToken));
    }

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(10);

    /// <summary>Repeats a step that gave up waiting for a lock. Between attempts, the sessions that waited behind it continue.</summary>
    internal async Task<bool> RepeatAsync(string what, Func<Task<bool>> step, Action<string> report, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        for (var pause = FirstPause; ; pause = pause * 2 < MaxPause ? pause * 2 : MaxPause)
        {
            try
            {
                return await step();
            }
            catch (PostgresException locked)
                when (locked.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected
                && time.GetElapsedTime(began) < MaxWait)
            {
                report($"{what}: other sessions use the tables; waited {time.GetElapsedTime(began).TotalSeconds:F0} s, trying again");
                await Task.Delay(pause, time, cancellationToken);
            }
        }
    }

    private async Task<bool> InstallAsync(string migration, string name, Action<string> report, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginAsync(connection, cancellationToken);
        if (await IsInstalledAsync(name, connection, cancellationToken))
            return false;

        report($"installing {name}");
        await ExecuteFileAsync(migration, connection, cancellationToken);
        if (!await IsInstalledAsync(name, connection, cancellationToken))
        {
            throw new InvalidOperationException(
                $"sql/{migration}.sql doesn't record itself: insert into schema_migrations (name) values ('{name}');");
        }

        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    private async Task<bool> RenewDefinitionsAsync(Action<string> report, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        string before;
        await using (var transaction = await BeginAsync(connection, cancellationToken))
        {
            before = await DefinitionsAsync(connection, cancellationToken);
            if (await IsRecordedAsync(connection, before, cancellationToken))
                return false;

            await InstallDefinitionsAsync(connection, cancellationToken);
            var after = await DefinitionsAsync(connection, cancellationToken);
            if (after != before)
            {
                await RecordAsync(connection, after, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                report("replaced views and functions");
                return true;
            }
        }

        // psql has installed the same definitions before. The transaction above is rolled back, so that no catalog row changes.
        await using var recording = await BeginAsync(connection, cancellationToken);
        await RecordAsync(connection, before, cancellationToken);
        await recording.CommitAsync(cancellationToken);
        return false;
    }

    private const string IsRecorded = "select exists (select from schema_fingerprints where (files, definitions) = (@files, @definitions))";

    private static Task<bool> IsRecordedAsync(NpgsqlConnection connection, string definitions, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            IsRecorded, new { files = RepeatableFiles.Value, definitions }, cancellationToken: cancellationToken));

    private const string Record = """
        insert into schema_fingerprints (files, definitions) values (@files, @definitions)
        on conflict (only_row) do update set files = excluded.files, definitions = excluded.definitions
        """;

    private static Task<int> RecordAsync(NpgsqlConnection connection, string definitions, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Record, new { files = RepeatableFiles.Value, definitions }, cancellationToken: cancellationToken));

    /// <summary>Installs all views and functions in the caller's transaction.</summary>
    internal static async Task InstallDefinitionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var file in Names("repeatable/"))
            await ExecuteFileAsync(file, connection, cancellationToken);
    }

    /// <summary>Begins a step: takes the installers' lock and limits the waits for all others.</summary>
    internal static async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await ExecuteFileAsync("installation/journal", connection, cancellationToken);
        await ExecuteFileAsync("installation/lock_timeout", connection, cancellationToken);
        return transaction;
    }

    private const string IsInstalled = "select exists (select from schema_migrations where name = @name)";

    private static Task<bool> IsInstalledAsync(string name, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(IsInstalled, new { name }, cancellationToken: cancellationToken));

    private const string Definitions = "select schema_definitions()";

    private static async Task<string> DefinitionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Definitions, cancellationToken: cancellationToken)) ?? "";

    private static Task<int> ExecuteFileAsync(string file, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Text(file), commandTimeout: 0, cancellationToken: cancellationToken));

    internal static string Text(string file)
    {
        using var reader = new StreamReader(typeof(Migrations).Assembly.GetManifestResourceStream(file)!);
        return reader.ReadToEnd();
    }

    private static IEnumerable<string> Names(string folder) =>
        typeof(Migrations).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
}
