using System.Data;
using Dapper;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// Installs the schema from <c>sql/</c> or brings it up to date. <c>schema_license_extensions.sql</c> does the same with psql and uses the
/// same journal, so both can be used on one database, also at the same time.
/// </summary>
public sealed class Migrations(NpgsqlDataSource source)
{
    /// <summary>The names that the journal contains if the schema is complete.</summary>
    public static readonly string[] InstalledNames = [.. Names("migrations/").Select(name => name["migrations/".Length..])];

    /// <param name="report">Called before each migration, because one may take minutes, and after views and functions are replaced.</param>
    /// <returns>Whether anything changed.</returns>
    public async Task<bool> RunAsync(Action<string> report, CancellationToken cancellationToken)
    {
        var changed = false;
        foreach (var migration in Names("migrations/"))
            changed |= await InstallAsync(migration, report, cancellationToken);
        return await RenewDefinitionsAsync(report, cancellationToken) || changed;
    }

    private async Task<bool> InstallAsync(string migration, Action<string> report, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginAsync(connection, cancellationToken);
        var name = migration["migrations/".Length..];
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
        await using var transaction = await BeginAsync(connection, cancellationToken);
        var before = await DefinitionsAsync(connection, cancellationToken);
        foreach (var file in Names("repeatable/"))
            await ExecuteFileAsync(file, connection, cancellationToken);
        if (await DefinitionsAsync(connection, cancellationToken) == before)
            return false;

        await transaction.CommitAsync(cancellationToken);
        report("replaced views and functions");
        return true;
    }

    private static async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await ExecuteFileAsync("installation/journal", connection, cancellationToken);
        return transaction;
    }

    private const string IsInstalled = "select exists (select from schema_migrations where name = @name)";

    private static Task<bool> IsInstalledAsync(string name, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(IsInstalled, new { name }, cancellationToken: cancellationToken));

    private const string Definitions = "select schema_definitions()";

    private static Task<string?> DefinitionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<string>(new CommandDefinition(Definitions, cancellationToken: cancellationToken));

    private static async Task ExecuteFileAsync(string file, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(typeof(Migrations).Assembly.GetManifestResourceStream(file)!);
        await connection.ExecuteAsync(new CommandDefinition(
            await reader.ReadToEndAsync(cancellationToken), commandTimeout: 0, cancellationToken: cancellationToken));
    }

    private static IEnumerable<string> Names(string folder) =>
        typeof(Migrations).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
}
