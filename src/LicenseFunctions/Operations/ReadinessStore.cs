using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Operations;

public sealed class ReadinessStore(LicenseDatabase database)
{
    private const string NotInstalled = "select unnest(@names) except select name from schema_migrations order by 1 limit 1";

    /// <returns>What is missing; null if the app is ready.</returns>
    public async Task<string?> MissingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenAsync(cancellationToken);
            var missing = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
                NotInstalled, new { names = Migrations.InstalledNames }, cancellationToken: cancellationToken));
            return missing is null ? null : $"The schema lacks {missing}.";
        }
        catch (PostgresException none) when (none.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return "The schema isn't installed.";
        }
        catch (NpgsqlException)
        {
            return "The database doesn't answer.";
        }
    }
}
