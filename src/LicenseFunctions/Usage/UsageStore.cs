using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing.Usage;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Usage;

/// <param name="Accepted">How many records were new.</param>
/// <param name="UnknownTokens">Places, in the batch, of records whose token no license has.</param>
/// <param name="ForeignTokens">Places of records whose token is another license's.</param>
public sealed record StoredUsage(int Accepted, IReadOnlyList<int> UnknownTokens, IReadOnlyList<int> ForeignTokens);

/// <summary>Usage records on their way in.</summary>
public sealed class UsageStore(LicenseDatabase database)
{
    private const string Store = """
        select accepted, unknown_tokens, foreign_tokens
        from store_license_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """;

    /// <summary>Stores what is new of a batch, and what follows from it, in one statement; the rest changes nothing.</summary>
    public Task<StoredUsage> StoreAsync(IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => StoreAsync(connection, records, token), cancellationToken);

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

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new StoredUsage(reader.GetInt32(0), Places(reader, 1), Places(reader, 2));
    }

    private const string EnsurePartitions = "select ensure_usage_partitions($1, $2)";

    /// <summary>Makes the partitions that this span lacks. In a transaction of its own: it takes locks on the table.</summary>
    public async Task EnsurePartitionsAsync(DateTime from, DateTime to, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(EnsurePartitions, connection) { Parameters = { new() { Value = from }, new() { Value = to } } };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // PostgreSQL counts from 1.
    private static int[] Places(NpgsqlDataReader reader, int column) =>
        Array.ConvertAll(reader.GetFieldValue<int[]>(column), place => place - 1);
}
