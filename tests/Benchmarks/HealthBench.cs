using System.Diagnostics;
using System.Globalization;
using LicenseFunctions.Health;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Operations;
using Licensing.Devices;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Runs the health timer over 100,000 licenses with 10 million usage rows: first all licenses, then the changed ones. Compares it with the
/// guide's way, a few queries per license. Also measures the costs of the metrics: counting one license check, and one scrape.
/// </summary>
internal static class HealthBench
{
    private const int Licenses = 100_000;
    // Hours with usage per license within 29 days, with four records each. An argument reduces them for a quick run.
    private const int Hours = 25;
    private const int GuideSample = 1_000;
    private const double MostSeconds = 20;
    private const int Scrapes = 7;
    private const long MostBytes = 256L << 20;
    private const double MostScrapeSeconds = 1;

    private static readonly HealthSettings Settings = new(2, TimeSpan.FromDays(3));

    private static readonly RenewalPolicy Renewals = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    public static async Task<int> RunAsync(BenchContext context)
    {
        await using var server = NpgsqlDataSource.Create(DatabaseSettings.FromUri(context.DatabaseUrl));
        await ExecuteAsync(server, "drop database if exists health_bench with (force)");
        await ExecuteAsync(server, "create database health_bench");
        await using var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl))
            {
                Database = "health_bench",
                ConnectionIdleLifetime = 3600, // the CPU time of a closed connection can't be read
            });
        try
        {
            await new Migrations(source).RunAsync(_ => { }, CancellationToken.None);
            await SeedAsync(source, context.Arguments is [var hours] ? int.Parse(hours, CultureInfo.InvariantCulture) : Hours);
            return await MeasureAsync(source);
        }
        finally
        {
            NpgsqlConnection.ClearAllPools();
            await ExecuteAsync(server, "drop database if exists health_bench with (force)");
        }
    }

    private static async Task SeedAsync(NpgsqlDataSource source, int hours)
    {
        Console.WriteLine($"… seeding {Licenses:N0} licenses and {Licenses * hours * 4:N0} usage rows");
        await ExecuteAsync(source, People);
        for (var hour = 0; hour < hours; hour++)
            await ExecuteAsync(source, Use.Replace("$1", hour.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        await ExecuteAsync(source, "create index license_usage_log_subscription_id on license_usage_log (subscription_id, logged_at desc)");
        await ExecuteAsync(source, "vacuum analyze");
        await ExecuteAsync(source, "checkpoint");
    }

    private static async Task<int> MeasureAsync(NpgsqlDataSource source)
    {
        var database = new LicenseDatabase(source);
        var store = new HealthStore(database);
        var score = new ScoreLicenses(
            store, Settings, Renewals, new SkippedRows(new LicenseDatabase(source), TimeProvider.System, NullLogger<SkippedRows>.Instance));
        Console.WriteLine("what                                  licenses    seconds   CPU seconds   memory MB (256)");
        var first = await RowAsync("full pass, never scored before (20 s)", source, score);
        await ExecuteAsync(source, "vacuum analyze license_health");
        await ExecuteAsync(source, "update license_health set due_at = now()");
        var full = await RowAsync("full pass, all scored before (20 s)", source, score);
        var nothing = await RowAsync("nothing changed", source, score);
        foreach (var changed in new[] { 1_000, 10_000 })
        {
            await ExecuteAsync(source, Change.Replace("$1", changed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
            await RowAsync(string.Create(CultureInfo.InvariantCulture, $"{changed:N0} changed"), source, score);
        }

        var began = await CpuAsync(source);
        var guide = await GuideAsync(source);
        var guideCpu = (await CpuAsync(source) - began).TotalSeconds / GuideSample;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{"the guide's way, extrapolated",-36} {Licenses,9:N0} {guide * Licenses,10:F1} {guideCpu * Licenses,13:F1}"
            + $"   ({GuideSample:N0} licenses measured)"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"the guide's way takes {guide * Licenses / full.Seconds:F1} times as long as the full pass, "
            + $"and {guideCpu * Licenses / full.Cpu:F1} times its CPU"));

        began = await CpuAsync(source);
        var scrape = await ScrapeAsync(new MetricStore(database));
        var scrapeCpu = (await CpuAsync(source) - began) / Scrapes;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"one scrape of /metrics: {scrape * 1000:F0} ms, {scrapeCpu.TotalMilliseconds:F0} ms of CPU (1,000); "
            + $"counting one check: {CountNanoseconds():F0} ns"));
        return first.Seconds < MostSeconds && full.Seconds < MostSeconds && nothing.Seconds < MostSeconds / 20
            && Math.Max(first.Bytes, full.Bytes) < MostBytes && scrapeCpu.TotalSeconds < MostScrapeSeconds ? 0 : 1;
    }

    private static async Task<(double Seconds, double Cpu, long Bytes)> RowAsync(string what, NpgsqlDataSource source, ScoreLicenses score)
    {
        GC.Collect();
        using var stop = new CancellationTokenSource();
        var memory = PeakAsync(stop.Token);
        var cpu = await CpuAsync(source);
        var began = Stopwatch.GetTimestamp();
        var scored = await score.RunAsync(CancellationToken.None);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        cpu = await CpuAsync(source) - cpu;
        await stop.CancelAsync();
        var bytes = await memory;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what,-36} {scored,9:N0} {seconds,10:F2} {cpu.TotalSeconds,13:F2}   {bytes >> 20,9:N0}"));
        return (seconds, cpu.TotalSeconds, bytes);
    }

    /// <returns>Seconds per license.</returns>
    private static async Task<double> GuideAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        var licenses = new List<Guid>();
        await using (var sample = new NpgsqlCommand("select subscription_id from subscriptions order by subscription_id limit $1",
            connection)
        { Parameters = { new() { Value = GuideSample } } })
        await using (var reader = await sample.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                licenses.Add(reader.GetGuid(0));
        }

        var began = Stopwatch.GetTimestamp();
        foreach (var license in licenses)
        {
            foreach (var query in GuideQueries)
            {
                await using var command = new NpgsqlCommand(query, connection) { Parameters = { new() { Value = license } } };
                await command.PrepareAsync();
                await using var reader = await command.ExecuteReaderAsync();
                while (await reader.ReadAsync())
                {
                }
            }
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds / licenses.Count;
    }

    /// <returns>The median in seconds.</returns>
    private static async Task<double> ScrapeAsync(MetricStore store)
    {
        var seconds = new List<double>();
        for (var i = 0; i < Scrapes; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await store.ReadAsync(false, CancellationToken.None);
            seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return seconds.Order().ElementAt(seconds.Count / 2);
    }

    private static double CountNanoseconds()
    {
        const int checks = 10_000_000;
        var counts = new ProcessCounts();
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < checks; i++)
            counts.AddCheck(LicenseCode.Valid, TimeSpan.FromMicroseconds(i % 5_000));
        return Stopwatch.GetElapsedTime(began).TotalNanoseconds / checks;
    }

    /// <summary>
    /// CPU time of this process and of its PostgreSQL sessions. It varies less than the elapsed time if other programs use the machine.
    /// </summary>
    private static async Task<TimeSpan> CpuAsync(NpgsqlDataSource source)
    {
        await using var command =
            source.CreateCommand("select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'");
        await using var reader = await command.ExecuteReaderAsync();
        using var process = Process.GetCurrentProcess();
        var used = process.TotalProcessorTime;
        while (await reader.ReadAsync())
        {
            using var backend = Process.GetProcessById(reader.GetInt32(0));
            used += backend.TotalProcessorTime;
        }

        return used;
    }

    private static async Task<long> PeakAsync(CancellationToken stop)
    {
        var peak = 0L;
        using var process = Process.GetCurrentProcess();
        while (!stop.IsCancellationRequested)
        {
            process.Refresh();
            peak = Math.Max(peak, process.WorkingSet64);
            await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
        }

        return peak;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    // IDs are random, like real ones. Triggers are disabled, because no license is scored yet. Only the log's index of the license is kept,
    // because the others are not read here and take minutes to fill.
    private static readonly string People = string.Create(CultureInfo.InvariantCulture, $"""
        set session_replication_role = replica;
        drop index license_usage_log_subscription_id, license_usage_log_token_hash, license_usage_log_ip_address;
        insert into users (user_id, email, role)
        select md5('u' || i)::uuid, 'u' || i || '@x.test', 'subscriber' from generate_series(1, {Licenses}) i;
        insert into users (user_id, email, role) select md5('m' || i)::uuid, 'm' || i || '@x.test', 'master' from generate_series(0, 999) i;
        insert into master_pricing (master_id, monthly_fee_usd) select md5('m' || i)::uuid, 20 + i % 50 from generate_series(0, 999) i;
        insert into subscriptions (subscription_id, subscriber_id, master_id, created_at, state, paused_reason)
        select md5('s' || i)::uuid, md5('u' || i)::uuid, md5('m' || i % 1000)::uuid, now() - interval '200 days',
               case when i % 200 = 0 then 'SUSPENDED_ADMIN' else 'SYNCED' end::subscription_state,
               case when i % 200 = 0 then 'License suspended: x' end
        from generate_series(1, {Licenses}) i;
        insert into license_tokens (subscription_id, token_hash, expires_at, last_used_at, metadata)
        select md5('s' || i)::uuid, encode(sha256(('t' || i)::bytea), 'hex'), now() + i % 60 * interval '1 day',
               now() - case when i % 10 = 0 then interval '20 days' else interval '1 hour' end, jsonb_build_object('auto_renew', i % 4 > 0)
        from generate_series(1, {Licenses}) i;
        insert into license_devices (
            subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
        select md5('s' || i)::uuid, i || '|' || d, 'EA-' || d, i, '198.51.100.1', d, now() - interval '100 days', now() - interval '20 days'
        from generate_series(1, {Licenses}) i, generate_series(1, 2) d;
        insert into license_suspensions (subscription_id, cause, reason, previous_state)
        select md5('s' || i)::uuid, 'OPERATOR', 'License suspended: x', 'SYNCED' from generate_series(200, {Licenses}, 200) i;
        insert into user_wallets (user_id, balance_usd) select md5('u' || i)::uuid, i % 100 from generate_series(1, {Licenses}) i;
        insert into user_payment_methods (user_id, payment_provider, provider_payment_id, expiry_month, expiry_year, is_default)
        select md5('u' || i)::uuid, 'stripe', 'pm_' || i, 1 + i % 12, 2027, true from generate_series(1, {Licenses}) i where i % 3 > 0;
        insert into license_renewal_history (subscription_id, user_id, renewal_type, amount_usd, previous_expiry, status)
        select t.subscription_id, s.subscriber_id, 'auto', 20, t.expires_at - n * interval '30 days',
               case when n = 0 then 'failed' else 'success' end
        from license_tokens t join subscriptions s using (subscription_id), generate_series(0, 2) n;
        insert into suspicious_activity_alerts (subscription_id, activity_type, severity, status)
        select md5('s' || i)::uuid, 'MULTIPLE_IPS', 'MEDIUM', case when i % 100 = 0 then 'OPEN' else 'RESOLVED' end
        from generate_series(10, {Licenses}, 10) i;
        analyze;
        """);

    // One hour of usage of every license, and its sums, with the SQL of the ingest.
    private static readonly string Use = string.Create(CultureInfo.InvariantCulture, $"""
        set session_replication_role = replica;
        with stored as (
            insert into license_usage_log (
                log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code,
                signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec)
            select gen_random_uuid(), hour_at + q * interval '15 minutes', encode(sha256(('t' || i)::bytea), 'hex'), md5('s' || i)::uuid,
                   ('198.51.' || i % 250 || '.' || i / 250 % 250)::inet, 'EA-' || 1 + $1 % 2, i, 'DE', 10, 9,
                   case when i % 50 = 0 then 4 else 0 end, 20, 900
            from (select i, date_trunc('hour', now()) - ($1 * 28 + i % 28 + 1) * interval '1 hour' as hour_at
                  from generate_series(1, {Licenses}) i) as used, generate_series(0, 3) q
            returning *
        )
        insert into usage_rollups
        select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'), coalesce(ea_instance_id, ''),
               coalesce(mt5_account_number, 0), usage_network(ip_address), coalesce(country_code, 'ZZ'), count(*),
               coalesce(sum(session_duration_sec), 0), sum(signals_received), sum(signals_executed), sum(signals_rejected),
               coalesce(sum(avg_latency_ms::bigint * signals_received), 0),
               coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)
        from stored
        group by 1, 2, 3, 4, 5, 6
        """);

    // Changes the given number of licenses by one alert each, which the triggers detect.
    private const string Change = """
        insert into suspicious_activity_alerts (subscription_id, activity_type, severity)
        select subscription_id, 'MULTIPLE_IPS', 'LOW' from subscriptions order by subscriber_id limit $1
        """;

    // The queries of the guide's report for each license: status and expiry, devices, usage of the last day, alerts.
    private static readonly string[] GuideQueries =
    [
        """
        select s.state, s.is_active, t.is_active, t.expires_at, t.last_used_at
        from subscriptions s join license_tokens t on t.subscription_id = s.subscription_id where s.subscription_id = $1
        """,
        """
        select count(distinct (ip_address, ea_instance_id, mt5_account_number)) from license_usage_log
        where subscription_id = $1 and logged_at > now() - interval '30 days'
        """,
        """
        select sum(signals_received), sum(signals_executed), sum(signals_rejected), avg(avg_latency_ms), max(logged_at)
        from license_usage_log
        where subscription_id = $1 and logged_at > now() - interval '24 hours'
        """,
        "select activity_type from suspicious_activity_alerts where subscription_id = $1 and status = 'OPEN'",
    ];
}
