using System.Data;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Connections and transactions over the process's only <see cref="NpgsqlDataSource"/>.</summary>
public sealed class LicenseDatabase(NpgsqlDataSource source)
{
    private const int MaxAttempts = 4;

    // In a static constructor, not at the app's start, because tools, tests and benchmarks also use the stores.
    static LicenseDatabase()
    {
        Dapper.DefaultTypeMap.MatchNamesWithUnderscores = true;
        Dapper.SqlMapper.AddTypeHandler(new JsonColumn());
    }

    public NpgsqlDataSource Source => source;

    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => source.OpenConnectionAsync(cancellationToken);

    /// <summary>
    /// Runs the work in one read-committed transaction. After a deadlock or a serialization failure, which roll everything back, it runs
    /// the work again, up to four times in total.
    /// </summary>
    /// <remarks>The work may run several times, so it must have no effect outside the database.</remarks>
    public Task<T> InTransactionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        InStatementAsync(async (connection, token) =>
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, token);
            var result = await work(connection, token);
            await transaction.CommitAsync(token);
            return result;
        }, cancellationToken);

    /// <summary>Runs one statement without an explicit transaction; repeats it as <see cref="InTransactionAsync{T}"/> does.</summary>
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
            catch (PostgresException lost) when (attempt < MaxAttempts
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
