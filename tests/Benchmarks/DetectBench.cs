using System.Diagnostics;
using System.Globalization;
using DetectionCorpus;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Measures the records per second of the pure detector and of the scan from the log to alerts, with a new log and with mostly old records.
/// </summary>
internal static class DetectBench
{
    private const int Licenses = 10_000;
    private const int RecordsEach = 100; // of each license; an argument changes the number
    private const double MostSeconds = 60;
    private const double MostGrowth = 4; // of the time from the first scan to the last, when the stored states have their maximum size
    private const long MostBytes = 256L << 20;

    public static async Task<int> RunAsync(BenchContext context)
    {
        Pure();
        await using var server = NpgsqlDataSource.Create(DatabaseSettings.FromUri(context.DatabaseUrl));
        await ExecuteAsync(server, "drop database if exists detect_bench with (force)");
        await ExecuteAsync(server, "create database detect_bench");
        var address = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl))
        {
            Database = "detect_bench",
            CommandTimeout = 600,
        };
        await using var source = NpgsqlDataSource.Create(address);
        try
        {
            await new Migrations(source).RunAsync(_ => { }, CancellationToken.None);
            await ExecuteAsync(source, People);
            Console.WriteLine("new records  in the log   seconds (60)   records/s   alerts   suspended   memory MB (256)");
            var each = context.Arguments.Length > 0 ? int.Parse(context.Arguments[0], CultureInfo.InvariantCulture) : RecordsEach;
            // The same new usage before and after the log has grown: old records must not cost anything.
            var early = await ScanAsync(source, daysAgo: 10, days: 1, 1);
            var all = await ScanAsync(source, daysAgo: 8, days: 5, each);
            var late = await ScanAsync(source, daysAgo: 2, days: 1, 1);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"the last scan takes {late.Seconds / early.Seconds:0.0} times as long as the first ({MostGrowth})"));
            return all.Seconds < MostSeconds && late.Seconds < MostGrowth * early.Seconds && all.Bytes < MostBytes ? 0 : 1;
        }
        finally
        {
            NpgsqlConnection.ClearAllPools();
            await ExecuteAsync(server, "drop database if exists detect_bench with (force)");
        }
    }

    private static void Pure()
    {
        var corpus = Corpus.Generate(Corpus.ReportSeed, Corpus.Recordings[0], 2);
        var began = Stopwatch.GetTimestamp();
        Baselines.Detector(corpus, new DetectionPolicy());
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"pure detector, one record per call: {corpus.Rows.Count / seconds:N0} records/s"));
    }

    private static async Task<(double Seconds, long Bytes)> ScanAsync(NpgsqlDataSource source, int daysAgo, int days, int each)
    {
        await ExecuteAsync(source, string.Create(CultureInfo.InvariantCulture,
            $"select ensure_usage_partitions(now() - interval '{daysAgo + 1} days', now())"));
        await ExecuteAsync(source, string.Create(CultureInfo.InvariantCulture,
            $"set bench.days_ago = {daysAgo}; set bench.days = {days}; set bench.each = {each};") + Usage);
        await ExecuteAsync(source, "analyze license_usage_log");
        var database = new LicenseDatabase(source);
        var settings = new SuspicionSettings(new DetectionPolicy(), "operators@example.com", null, []);
        var suspensions = new SuspensionStore(database, new LicenseInvalidation(), TimeProvider.System);
        var scan = new ScanUsage(
            new SuspicionStore(database), suspensions, settings, new SignedLinks([], TimeProvider.System),
            new SkippedRows(database, TimeProvider.System, NullLogger<SkippedRows>.Instance), TimeProvider.System,
            NullLogger<ScanUsage>.Instance);

        GC.Collect();
        using var stop = new CancellationTokenSource();
        var memory = PeakAsync(stop.Token);
        var began = Stopwatch.GetTimestamp();
        var counts = new ScanCounts(0, 0, 0, 0);
        for (var tick = await scan.RunAsync(CancellationToken.None); tick.Licenses > 0; tick = await scan.RunAsync(CancellationToken.None))
            counts += tick;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await stop.CancelAsync();
        var bytes = await memory;
        await using var total = source.CreateCommand("select count(*) from license_usage_log");
        var log = (long)(await total.ExecuteScalarAsync())!;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{counts.Records,11:N0}  {log,10:N0}   {seconds,12:F1}   {counts.Records / seconds,9:N0}   {counts.Alerts,6:N0}   ")
            + string.Create(CultureInfo.InvariantCulture, $"{counts.Suspended,9:N0}   {bytes >> 20,9:N0}"));
        return (seconds, bytes);
    }

    private static async Task<long> PeakAsync(CancellationToken stop)
    {
        var peak = 0L;
        using var process = Process.GetCurrentProcess();
        while (!stop.IsCancellationRequested)
        {
            process.Refresh();
            peak = Math.Max(peak, process.WorkingSet64);
            await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
        }

        return peak;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
    }

    private static readonly string People = string.Create(CultureInfo.InvariantCulture, $"""
        insert into users (user_id, email, role)
        select ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 's' || i || '@x.test', 'subscriber'
        from generate_series(1, {Licenses}) i;
        insert into users (user_id, email, role) values ('10000000-0000-4000-8000-000000000000', 'm@x.test', 'master');
        insert into subscriptions (subscription_id, subscriber_id, master_id)
        select ('20000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
               ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
               '10000000-0000-4000-8000-000000000000' from generate_series(1, {Licenses}) i;
        insert into license_tokens (subscription_id, token_hash)
        select subscription_id, encode(sha256(subscription_id::text::bytea), 'hex') from subscriptions;
        """);

    // Two devices for each license, three for one in a hundred. Records are spread evenly over the days; an arrival has 1,000 licenses.
    private static readonly string Usage = string.Create(CultureInfo.InvariantCulture, $"""
        with new_usage as (
            insert into license_usage_log
                (log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, session_duration_sec)
            select uuid_generate_v4(),
                   now() - current_setting('bench.days_ago')::int * interval '1 day'
                     + (n + i / {Licenses}.0) * current_setting('bench.days')::int * interval '1 day' / current_setting('bench.each')::int,
                   encode(sha256(id::text::bytea), 'hex'), id, ('198.' || d || '.' || i % 250 || '.' || i / 250 % 250)::inet,
                   'EA-' || i || '-' || d, 1000000 + i * 10 + d, 3600
            from (select i, n, ('20000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid as id,
                         n % case when i % 100 = 0 then 3 else 2 end as d
                  from generate_series(1, {Licenses}) i, generate_series(0, current_setting('bench.each')::int - 1) n) as one
            returning subscription_id, logged_at
        )
        insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
        select array_agg(subscription_id), array_agg(earliest_at), array_agg(latest_at)
        from (select subscription_id, min(logged_at) as earliest_at, max(logged_at) as latest_at,
                     row_number() over (order by subscription_id) / 1000 as batch
              from new_usage group by subscription_id) as licenses
        group by batch
        """);
}
