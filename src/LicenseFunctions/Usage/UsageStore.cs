using System.Data;
using System.Diagnostics;
using System.Net;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Usage;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Usage;

/// <param name="Accepted">Number of new records.</param>
/// <param name="UnknownTokens">Indexes in the batch, from 0, of records whose token no license has.</param>
/// <param name="ForeignTokens">Indexes in the batch, from 0, of records whose token belongs to another license.</param>
public sealed record StoredUsage(int Accepted, IReadOnlyList<int> UnknownTokens, IReadOnlyList<int> ForeignTokens);

/// <summary>Stores usage records.</summary>
public sealed class UsageStore(LicenseDatabase database)
{
    private const string Store = """
        select accepted, unknown_tokens, foreign_tokens
        from store_license_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                                 opened => $17, closed => $18)
        """;

    /// <summary>
    /// Stores the new records of a batch and their keys in unsummed_usage, in one statement. Duplicates change nothing.
    /// </summary>
    public Task<StoredUsage> StoreAsync(IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => StoreAsync(connection, records, token), cancellationToken);

    // Npgsql and not Dapper: typed arrays avoid boxing each value. The parameters have numbers, because Npgsql would parse the text in
    // every call to number names.
    private static async Task<StoredUsage> StoreAsync(
        NpgsqlConnection connection, IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Store, connection);
        void Add<T>(NpgsqlDbType type, Func<UsageRecord, T> column)
        {
            var values = new T[records.Count];
            for (var i = 0; i < values.Length; i++)
                values[i] = column(records[i]);
            command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type });
        }

        Add(NpgsqlDbType.Uuid, record => record.RecordId);
        Add(NpgsqlDbType.TimestampTz, record => record.LoggedAt);
        Add(NpgsqlDbType.Text, record => record.TokenHash);
        Add(NpgsqlDbType.Uuid, record => record.SubscriptionId);
        Add<IPAddress>(NpgsqlDbType.Inet, record => record.IpAddress);
        Add(NpgsqlDbType.Text, record => record.EaInstanceId);
        Add(NpgsqlDbType.Bigint, record => record.Mt5AccountNumber);
        Add(NpgsqlDbType.Text, record => record.CountryCode);
        Add(NpgsqlDbType.Text, record => record.City);
        Add(NpgsqlDbType.Double, record => record.Latitude);
        Add(NpgsqlDbType.Double, record => record.Longitude);
        Add(NpgsqlDbType.Integer, record => record.SignalsReceived);
        Add(NpgsqlDbType.Integer, record => record.SignalsExecuted);
        Add(NpgsqlDbType.Integer, record => record.SignalsRejected);
        Add(NpgsqlDbType.Integer, record => record.AvgLatencyMs);
        Add(NpgsqlDbType.Integer, record => record.SessionDurationSec);
        Add(NpgsqlDbType.Integer, record => record.Opened);
        Add(NpgsqlDbType.Integer, record => record.Closed);

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new StoredUsage(reader.GetInt32("accepted"), Indexes(reader, "unknown_tokens"), Indexes(reader, "foreign_tokens"));
    }

    private const string Sum = "select sum_license_usage(@most, @skipLocked, @oneByOne)";

    // After another session has kept a token or device locked for a second, its lock is not waited for again within this time.
    private static readonly TimeSpan SkipLockedFor = TimeSpan.FromSeconds(30);

    private long skipLockedSince = long.MinValue;

    /// <summary>
    /// Writes the sums, the times of last use and the arrivals of stored records, in one statement. Tokens and devices that another session
    /// has locked delay it by a second at most; then their time of last use is not written.
    /// </summary>
    /// <param name="most">The approximate number of records. At least one stored batch is summed.</param>
    /// <param name="oneByOne">Write each time of last use separately, and leave out those that the database refuses.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The number of records; 0 if none was left.</returns>
    public async Task<int> SumAsync(int most, bool oneByOne, CancellationToken cancellationToken)
    {
        var since = Interlocked.Read(ref skipLockedSince);
        if (since != long.MinValue && Stopwatch.GetElapsedTime(since) < SkipLockedFor)
            return await SumAsync(most, skipLocked: true, oneByOne, cancellationToken);
        try
        {
            return await SumAsync(most, skipLocked: false, oneByOne, cancellationToken);
        }
        catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            Interlocked.Exchange(ref skipLockedSince, Stopwatch.GetTimestamp());
            return await SumAsync(most, skipLocked: true, oneByOne, cancellationToken);
        }
    }

    private Task<int> SumAsync(int most, bool skipLocked, bool oneByOne, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<int>(
            new CommandDefinition(Sum, new { most, skipLocked, oneByOne }, cancellationToken: token)), cancellationToken);

    private const string EnsurePartitions = "select ensure_usage_partitions(@from, @to)";

    /// <summary>Creates the missing partitions of a span, in a separate transaction because it locks the table.</summary>
    public Task EnsurePartitionsAsync(DateTime from, DateTime to, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(EnsurePartitions, new { from, to }, cancellationToken: token)), cancellationToken);

    // PostgreSQL counts from 1.
    private static int[] Indexes(NpgsqlDataReader reader, string column) =>
        Array.ConvertAll(reader.GetFieldValue<int[]>(column), index => index - 1);
}
