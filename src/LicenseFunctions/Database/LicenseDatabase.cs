using System.Data;
using Npgsql;

namespace LicenseFunctions.Database;

/// <summary>Connections and transactions; the one <see cref="NpgsqlDataSource"/> of the process.</summary>
public sealed class LicenseDatabase(NpgsqlDataSource source)
{
    private const int Tries = 4;

    // Here and not only at the app's start: tools, tests and benchmarks use the stores, too.
    static LicenseDatabase() => Dapper.DefaultTypeMap.MatchNamesWithUnderscores = true;

    public NpgsqlDataSource Source => source;

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => source.OpenConnectionAsync(cancellationToken);

    /// <summary>
    /// Runs the work in one read-committed transaction; a deadlock or a serialisation failure undid all of it, so it runs again.
    /// </summary>
    /// <remarks>The work may run several times: it holds no effect outside the database.</remarks>
    public async Task<T> InTransactionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await OpenAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
                var result = await work(connection, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return result;
            }
            catch (PostgresException lost) when (attempt < Tries
                && lost.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
            {
                await Task.Delay(Random.Shared.Next(5, 25 * attempt), cancellationToken);
            }
        }
    }

    public Task InTransactionAsync(Func<NpgsqlConnection, CancellationToken, Task> work, CancellationToken cancellationToken) =>
        InTransactionAsync(async (connection, token) =>
        {
            await work(connection, token);
            return true;
        }, cancellationToken);
}
