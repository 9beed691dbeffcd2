using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Usage;
using Licensing.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using NpgsqlTypes;

namespace Benchmarks;

/// <summary>
/// Ingests usage from JSON in memory to committed rows over one connection, in ten messages of 1,000 records as the queue delivers them.
/// Compares it with the bare insert of the same rows and with one call of record_license_usage per record, in three equal databases and
/// alternating. Then sums the records, as the timer does. With 10,000 licenses, each record changes its own row of sums.
/// </summary>
internal static class IngestBench
{
    /// <summary>
    /// Numbers of licenses: that of the labeled corpus, and 10,000, with which every record of a batch belongs to another device, the worst
    /// case.
    /// </summary>
    private const int CorpusLicenses = 160;

    private const int BatchSize = 1_000;
    private const int BatchesARound = 10;
    private const int Rounds = 7;
    private const int CallsARound = 500;

    private static readonly string[] Ways = ["ours", "bare", "calls"];

    public static async Task<int> RunAsync(BenchContext context)
    {
        var worst = 0;
        Console.WriteLine("licenses  duplicates  ingest/s   bare/s   of bare (0.7)   with sums   calls/s   x calls (8)");
        foreach (var licenses in context.Arguments.Length > 0 ? [int.Parse(context.Arguments[0], CultureInfo.InvariantCulture)]
            : new[] { CorpusLicenses, 10_000 })
        {
            foreach (var duplicates in new[] { 0, 10, 100 })
            {
                var (ours, summed, bare, calls) = await MeasureAsync(context, licenses, duplicates);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{licenses,8}  {duplicates,8} %  {ours,8:N0} {bare,8:N0}   {ours / bare,13:F2}   "
                    + $"{summed / bare,9:F2}   {calls,7:N0}   {ours / calls,11:F1}"));
                if (ours < 0.7 * bare || ours < 8 * calls) worst = 1;
            }
        }

        return worst;
    }

    private static async Task<(double Ours, double Summed, double Bare, double Calls)> MeasureAsync(
        BenchContext context, int licenses, int duplicates)
    {
        await using var server = NpgsqlDataSource.Create(DatabaseSettings.FromUri(context.DatabaseUrl));
        var databases = new Dictionary<string, NpgsqlDataSource>();
        try
        {
            foreach (var way in Ways)
                databases[way] = await NewDatabaseAsync(server, context, way, licenses);
            return await MeasureAsync(databases, duplicates);
        }
        finally
        {
            foreach (var (way, source) in databases)
            {
                await source.DisposeAsync();
                await ExecuteAsync(server, $"drop database if exists ingest_{way} with (force)");
            }
        }
    }

    /// <returns>Records per second. Summed includes the time of the sums.</returns>
    private static async Task<(double Ours, double Summed, double Bare, double Calls)> MeasureAsync(
        Dictionary<string, NpgsqlDataSource> databases, int duplicates)
    {
        var devices = await DevicesAsync(databases["ours"]);
        var random = new Random(1);
        var clock = TimeProvider.System;
        var start = clock.GetUtcNow().UtcDateTime.AddHours(-1);
        var sent = new List<UsageRecord>();
        List<UsageRecord> Batch()
        {
            var batch = new List<UsageRecord>(BatchSize);
            for (var i = 0; i < BatchSize; i++)
            {
                if (sent.Count > 0 && random.Next(100) < duplicates)
                    batch.Add(sent[random.Next(sent.Count)]);
                else
                {
                    var device = devices[(sent.Count + i) % devices.Length];
                    batch.Add(device with { RecordId = Guid.NewGuid(), LoggedAt = start.AddMilliseconds(20 * (sent.Count + i)) });
                }
            }

            if (duplicates < 100 || sent.Count == 0) sent.AddRange(batch);
            return batch;
        }

        var database = new LicenseDatabase(databases["ours"]);
        var store = new UsageStore(database);
        var ingest = new IngestUsage(store, new QuarantineStore(database), new ProcessCounts(), clock);
        var sum = new SumUsage(store, clock, NullLogger<SumUsage>.Instance);
        await using var bare = await databases["bare"].OpenConnectionAsync();
        await using var calls = await databases["calls"].OpenConnectionAsync();
        var speeds = Ways.Append("summed").ToDictionary(way => way, _ => new List<double>());
        for (var round = -1; round < Rounds; round++)
        {
            var batches = Enumerable.Range(0, BatchesARound).Select(_ => Batch()).ToList();
            var json = batches.ConvertAll(Json);
            var columns = batches.ConvertAll(Columns);
            var turns = new (string Way, int Records, Func<Task> Run)[]
            {
                ("ours", BatchesARound * BatchSize, () => ingest.RunAsync([.. json], "queue", CancellationToken.None)),
                ("bare", BatchesARound * BatchSize, async () =>
                {
                    foreach (var batch in columns)
                        await InsertAsync(bare, batch);
                }),
                ("calls", CallsARound, async () =>
                {
                    foreach (var record in batches[0].Take(CallsARound))
                        await CallAsync(calls, record);
                }),
            };
            foreach (var (way, records, run) in round % 2 == 0 ? turns : turns.Reverse())
            {
                var began = Stopwatch.GetTimestamp();
                await run();
                // The first round fills caches and plans, and compiles the code.
                if (round >= 0) speeds[way].Add(records / Stopwatch.GetElapsedTime(began).TotalSeconds);
                if (way != "ours") continue;
                await sum.RunAsync(CancellationToken.None);
                if (round >= 0) speeds["summed"].Add(records / Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
        }

        return (Median(speeds["ours"]), Median(speeds["summed"]), Median(speeds["bare"]), Median(speeds["calls"]));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static async Task<NpgsqlDataSource> NewDatabaseAsync(NpgsqlDataSource server, BenchContext context, string way, int licenses)
    {
        await ExecuteAsync(server, $"drop database if exists ingest_{way} with (force)");
        await ExecuteAsync(server, $"create database ingest_{way}");
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl))
        {
            Database = $"ingest_{way}",
            MaxAutoPrepare = 100,
        }.ConnectionString);
        await new Migrations(source).RunAsync(_ => { }, CancellationToken.None);
        await ExecuteAsync(source, $"""
            insert into users (email, role) values ('master@example.test', 'master');
            insert into users (email, role) select 's' || i || '@example.test', 'subscriber' from generate_series(1, {licenses}) i;
            insert into subscriptions (subscription_id, subscriber_id, master_id)
            select md5(email)::uuid, user_id, (select user_id from users where role = 'master') from users where role = 'subscriber';
            insert into license_tokens (subscription_id, token_hash)
            select subscription_id, encode(sha256(subscription_id::text::bytea), 'hex') from subscriptions order by subscription_id;
            insert into license_devices (
                subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
            select subscription_id, (1000 + slot) || '|EA-' || slot, 'EA-' || slot, 1000 + slot, '198.51.100.4', slot,
                   now() - interval '1 day', now() - interval '1 day'
            from subscriptions, generate_series(1, 2) slot order by subscription_id;
            """);
        await ExecuteAsync(source, "vacuum analyze");
        return source;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Each device once, in an order that mixes the licenses.</summary>
    private static async Task<UsageRecord[]> DevicesAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(
            """
            select t.token_hash, d.subscription_id, d.ea_instance_id, d.mt5_account_number
            from license_devices d join license_tokens t using (subscription_id)
            order by md5(d.device_key || d.subscription_id)
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var devices = new List<UsageRecord>();
        while (await reader.ReadAsync())
        {
            var address = RandomNumberGenerator.GetBytes(4);
            address[0] = 10;
            devices.Add(new UsageRecord(Guid.Empty, default, reader.GetString(0), reader.GetGuid(1), new System.Net.IPAddress(address),
                reader.GetString(2),
                reader.GetInt64(3), "DE", "Frankfurt", 50.11, 8.68, 3, 2, 1, 40, 300));
        }

        return [.. devices];
    }

    private static ReadOnlyMemory<byte> Json(List<UsageRecord> batch) =>
        Encoding.UTF8.GetBytes("[" + string.Join(",", batch.Select(record => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        {"record_id":"{{record.RecordId}}","logged_at":"{{record.LoggedAt:O}}","token_hash":"{{record.TokenHash}}",
        "subscription_id":"{{record.SubscriptionId}}","ip_address":"{{record.IpAddress}}",
        "ea_instance_id":"{{record.EaInstanceId}}","mt5_account_number":{{record.Mt5AccountNumber}},
        "country_code":"{{record.CountryCode}}","city":"{{record.City}}","latitude":{{record.Latitude}},"longitude":{{record.Longitude}},
        "signals_received":{{record.SignalsReceived}},"signals_executed":{{record.SignalsExecuted}},
        "signals_rejected":{{record.SignalsRejected}},"avg_latency_ms":{{record.AvgLatencyMs}},
        "session_duration_sec":{{record.SessionDurationSec}}}
        """))) + "]");

    private const string Insert = """
        insert into license_usage_log (
            log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code, city,
            latitude, longitude, signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec)
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        on conflict (logged_at, log_id) do nothing
        """;

    private static (object Values, NpgsqlDbType Type)[] Columns(List<UsageRecord> batch) =>
    [
        (batch.Select(record => record.RecordId).ToArray(), NpgsqlDbType.Uuid),
        (batch.Select(record => record.LoggedAt).ToArray(), NpgsqlDbType.TimestampTz),
        (batch.Select(record => record.TokenHash).ToArray(), NpgsqlDbType.Text),
        (batch.Select(record => record.SubscriptionId).ToArray(), NpgsqlDbType.Uuid),
        (batch.Select(record => record.IpAddress).ToArray(), NpgsqlDbType.Inet),
        (batch.Select(record => record.EaInstanceId).ToArray(), NpgsqlDbType.Text),
        (batch.Select(record => record.Mt5AccountNumber).ToArray(), NpgsqlDbType.Bigint),
        (batch.Select(record => record.CountryCode).ToArray(), NpgsqlDbType.Text),
        (batch.Select(record => record.City).ToArray(), NpgsqlDbType.Text),
        (batch.Select(record => record.Latitude).ToArray(), NpgsqlDbType.Double),
        (batch.Select(record => record.Longitude).ToArray(), NpgsqlDbType.Double),
        (batch.Select(record => record.SignalsReceived).ToArray(), NpgsqlDbType.Integer),
        (batch.Select(record => record.SignalsExecuted).ToArray(), NpgsqlDbType.Integer),
        (batch.Select(record => record.SignalsRejected).ToArray(), NpgsqlDbType.Integer),
        (batch.Select(record => record.AvgLatencyMs).ToArray(), NpgsqlDbType.Integer),
        (batch.Select(record => record.SessionDurationSec).ToArray(), NpgsqlDbType.Integer),
    ];

    private static async Task InsertAsync(NpgsqlConnection connection, (object Values, NpgsqlDbType Type)[] columns)
    {
        await using var command = new NpgsqlCommand(Insert, connection);
        foreach (var (values, type) in columns)
            command.Parameters.Add(new NpgsqlParameter { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type });
        await command.ExecuteNonQueryAsync();
    }

    private const string Call = "select record_license_usage($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    private static async Task CallAsync(NpgsqlConnection connection, UsageRecord record)
    {
        await using var command = new NpgsqlCommand(Call, connection)
        {
            Parameters =
            {
                new() { Value = record.TokenHash, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = record.SubscriptionId },
                new() { Value = record.IpAddress, NpgsqlDbType = NpgsqlDbType.Inet },
                new() { Value = record.EaInstanceId, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = record.Mt5AccountNumber },
                new() { Value = record.SignalsReceived },
                new() { Value = record.SignalsExecuted },
                new() { Value = record.SignalsRejected },
                new() { Value = record.AvgLatencyMs },
            },
        };
        await command.ExecuteScalarAsync();
    }
}
