using System.Data;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Connections and transactions; the one <see cref="NpgsqlDataSource"/> of the process.</summary>
public sealed class LicenseDatabase(NpgsqlDataSource source)
{
    private const int Tries = 4;

    // Here and not only at the app's start: tools, tests and benchmarks use the stores, too.
    static LicenseDatabase()
    {
        Dapper.DefaultTypeMap.MatchNamesWithUnderscores = true;
        Dapper.SqlMapper.AddTypeHandler(new JsonColumn());
    }

    public NpgsqlDataSource Source => source;

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => source.OpenConnectionAsync(cancellationToken);

    /// <summary>
    /// Runs the work in one read-committed transaction; a deadlock or a serialisation failure undid all of it, so it runs again.
    /// </summary>
    /// <remarks>The work may run several times: it holds no effect outside the database.</remarks>
    public Task<T> InTransactionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        InStatementAsync(async (connection, token) =>
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, token);
            var result = await work(connection, token);
            await transaction.CommitAsync(token);
            return result;
        }, cancellationToken);

    /// <summary>Runs one statement, a transaction by itself: again after a deadlock, as <see cref="InTransactionAsync{T}"/> does.</summary>
    public async Task<T> InStatementAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await OpenAsync(cancellationToken);
                return await work(connection, cancellationToken);
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
