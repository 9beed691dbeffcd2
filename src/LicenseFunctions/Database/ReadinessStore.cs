using Dapper;
using Npgsql;

namespace LicenseFunctions.Database;

public sealed class ReadinessStore(LicenseDatabase database)
{
    private const string SchemaExists = "select to_regclass('license_usage_log') is not null";

    /// <returns>What is missing, or null where all is there.</returns>
    public async Task<string?> MissingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenAsync(cancellationToken);
            return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(SchemaExists, cancellationToken: cancellationToken))
                ? null
                : "The schema isn't installed.";
        }
        catch (NpgsqlException)
        {
            return "The database doesn't answer.";
        }
    }
}
