using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LicenseFunctions.Health;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Usage;
using LicenseFunctions.Validation;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Runs the product's reads over databases of several sizes and prints the pages that PostgreSQL reads for each. A read that grows with the
/// database reads more than it returns. The listed licenses have one record every five minutes for 30 days from each of two devices; the
/// others have 100 records, or the number after <c>--records</c>. The plans are written to a file.
/// </summary>
internal static partial class GrowthBench
{
    private const int Busy = 50;
    private const int RecordsOfOthers = 100;
    private const string RecordsOption = "--records";

    /// <summary>The read that grows with the number of users, because the index of the platform's addresses is all that it has.</summary>
    private const string PartOfAMail = "search by a part of a mail";

    /// <summary>The greatest ratio of pages (8 KB) between the largest and the smallest database; indexes get more levels.</summary>
    private const double MostGrowth = 2;
    private const int FewPages = 200;

    private sealed record Reading(long Pages, double Milliseconds);

    public static async Task<int> RunAsync(BenchContext context)
    {
        var option = Array.IndexOf(context.Arguments, RecordsOption);
        var records = option < 0 ? RecordsOfOthers : int.Parse(context.Arguments[option + 1], CultureInfo.InvariantCulture);
        var named = option < 0 ? context.Arguments : context.Arguments[..option];
        var sizes = named.Length > 0 ? named.Select(size => int.Parse(size, CultureInfo.InvariantCulture)).ToArray() : [10_000, 100_000];
        var plans = Path.Combine(Path.GetTempPath(), "growth-plans.txt");
        await File.WriteAllTextAsync(plans, "");
        var readings = new List<Dictionary<string, Reading>>();
        foreach (var size in sizes)
            readings.Add(await MeasureAsync(context, size, records, plans));

        Console.WriteLine($"{"pages read, and milliseconds",-34}"
            + string.Concat(sizes.Select(size => string.Create(CultureInfo.InvariantCulture, $"{size,14:N0} licenses"))));
        var worst = 0;
        foreach (var what in readings[0].Keys)
        {
            var grows = readings[^1][what].Pages > Math.Max(FewPages, MostGrowth * readings[0][what].Pages);
            if (grows && what != PartOfAMail) worst = 1;
            Console.WriteLine($"{what,-34}"
                + string.Concat(readings.Select(size => string.Create(
                    CultureInfo.InvariantCulture, $"{size[what].Pages,12:N0} {size[what].Milliseconds,10:N1}")))
                + (grows ? "  grows" : ""));
        }

        Console.WriteLine($"plans: {Path.GetFileName(plans)} in the folder for temporary files");
        return worst;
    }

    private static async Task<Dictionary<string, Reading>> MeasureAsync(BenchContext context, int licenses, int records, string file)
    {
        const string Name = "bench_growth";
        await using var server = NpgsqlDataSource.Create(DatabaseSettings.FromUri(context.DatabaseUrl));
        await ValidateBench.ExecuteAsync(server, $"drop database if exists {Name} with (force)");
        await ValidateBench.ExecuteAsync(server, $"create database {Name}");
        var address = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl)) { Database = Name };
        try
        {
            await using (var source = NpgsqlDataSource.Create(address.ConnectionString))
            {
                await new Migrations(source).RunAsync(_ => { }, CancellationToken.None);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… seeding {licenses:N0} licenses"));
                await SeedAsync(source, Seed(licenses, records));
            }

            return await ReadAsync(address, licenses, file);
        }
        finally
        {
            NpgsqlConnection.ClearAllPools();
            await ValidateBench.ExecuteAsync(server, $"drop database if exists {Name} with (force)");
        }
    }

    // In one session, because the first statement turns off its triggers. The gauges are then counted as after a restore.
    private static async Task SeedAsync(NpgsqlDataSource source, string statements)
    {
        await using (var connection = await source.OpenConnectionAsync())
        {
            foreach (var statement in statements.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
            {
                await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
                await command.ExecuteNonQueryAsync();
            }
        }

        var metrics = new MetricStore(new LicenseDatabase(source));
        await metrics.CorrectGaugesAsync(CancellationToken.None);
        await metrics.AddAsync([], CancellationToken.None);
    }

    /// <summary>auto_explain sends the plan of each statement as a notice.</summary>
    private static async Task<Dictionary<string, Reading>> ReadAsync(NpgsqlConnectionStringBuilder address, int licenses, string file)
    {
        address.Options = "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 -c auto_explain.log_analyze=on "
            + "-c auto_explain.log_timing=off -c auto_explain.log_buffers=on -c auto_explain.log_level=notice";
        using var plans = new Notices();
        using var loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(plans));
        var builder = new NpgsqlDataSourceBuilder(address.ConnectionString).UseLoggerFactory(loggers);
        await using var source = builder.Build();
        var database = new LicenseDatabase(source);
        var readings = new Dictionary<string, Reading>();
        async Task Add(string what, Func<Task> read)
        {
            // The first run fills the caches of the session.
            await read();
            plans.Take();
            var began = Stopwatch.GetTimestamp();
            await read();
            var milliseconds = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            var taken = plans.Take();
            readings[what] = new Reading(taken.Sum(PagesOf), milliseconds);
            await File.AppendAllTextAsync(file, $"== {licenses} licenses, {what}\n{string.Join("\n\n", taken)}\n\n");
        }

        var (license, subscriber) = await OneAsync(source);
        var list = new LicenseListStore(database, new ListSettings(TimeSpan.FromDays(3), TimeSpan.FromHours(72)));
        var rollups = new UsageRollupStore(database);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await Add("check", () => CheckAsync(source));
        await Add($"operator's list, {Busy} licenses", () => list.ListAsync(new LicenseFilter(null), Busy, CancellationToken.None));
        await Add("search by mail", () => list.ListAsync(
            new LicenseFilter(null, Search: $"s{licenses - 1:0000000}@bench.test"), Busy, CancellationToken.None));
        await Add(PartOfAMail, () => list.ListAsync(
            new LicenseFilter(null, Search: $"{licenses - 1:0000000}@bench"), Busy, CancellationToken.None));
        await Add("customer's list", () => list.ListAsync(new LicenseFilter(subscriber), Busy, CancellationToken.None));
        await Add("page of a license", () => list.FindAsync(license, null, CancellationToken.None));
        await Add("its devices", () => new DeviceStore(database).ListAsync(license, now.AddDays(-30), CancellationToken.None));
        await Add("its usage of a week", () => rollups.TotalsAsync(license, null, now.AddDays(-7), now, CancellationToken.None));
        await Add("its health", () => new HealthStore(database).DetailsAsync(license, CancellationToken.None));
        await Add("open alerts", async () =>
        {
            var open = new AlertFilter(["OPEN"], null, null, null, null);
            await new AlertStore(database).ListAsync(open, AlertOrder.Queue, null, Busy, CancellationToken.None);
            await new AlertStore(database).TotalAsync(open, CancellationToken.None);
        });
        await Add("feed of events", () => new EventStore(database).ListAsync(0, 100, CancellationToken.None));
        await Add("scan: an hour of one license", async () =>
        {
            await using var connection = await source.OpenConnectionAsync();
            await SuspicionStore.ReadUsageAsync(
                connection, [new ArrivedUsage(license, now.AddHours(-1), now)], (_, _) => { }, CancellationToken.None);
        });
        await Add("health: what has changed", async () =>
        {
            var health = new HealthStore(database);
            await health.CompareAsync(ScoreLicenses.Compared, CancellationToken.None);
            await health.MarkAsync(CancellationToken.None);
        });
        await Add("/metrics", () => new MetricStore(database).ReadAsync(perSubscription: false, CancellationToken.None));
        return readings;
    }

    /// <summary>Npgsql logs the notices of all connections.</summary>
    private sealed class Notices : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> texts = new();

        public string[] Take()
        {
            var taken = texts.ToArray();
            texts.Clear();
            return taken;
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (formatter(state, exception) is var text && text.Contains("plan:", StringComparison.Ordinal))
                texts.Enqueue(text);
        }

        public void Dispose()
        {
        }
    }

    private static async Task CheckAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(LicenseCheckStore.Read);
        command.Parameters.Add(new() { Value = new[] { "t7" } });
        command.Parameters.Add(new() { Value = new[] { "7|EA-1" } });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<(Guid License, Guid Subscriber)> OneAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(
            """
            select subscription_id, subscriber_id from subscriptions join license_tokens using (subscription_id) where token_hash = 't7'
            """);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetGuid(0), reader.GetGuid(1));
    }

    /// <summary>The pages of the plan's first node, which include those of the others.</summary>
    private static long PagesOf(string plan) =>
        Buffers().Match(plan) is { Success: true } line
            ? Count().Matches(line.Value).Sum(count => long.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture))
            : 0;

    [GeneratedRegex(@"Buffers: [^\n]*")]
    private static partial Regex Buffers();

    [GeneratedRegex(@"(?:hit|read)=(\d+)")]
    private static partial Regex Count();

    private static string Seed(int licenses, int records) => string.Create(CultureInfo.InvariantCulture, $"""
        set session_replication_role = replica;
        insert into users (user_id, email, role)
        select md5('u' || i)::uuid, 's' || lpad(i::text, 7, '0') || '@bench.test', 'subscriber' from generate_series(1, {licenses}) i;
        insert into users (user_id, email, role) values (md5('m')::uuid, 'm@bench.test', 'master');
        insert into subscriptions (subscription_id, subscriber_id, master_id)
        select md5('s' || i)::uuid, md5('u' || i)::uuid, md5('m')::uuid from generate_series(1, {licenses}) i;
        insert into license_tokens (subscription_id, token_hash, expires_at, last_used_at)
        select md5('s' || i)::uuid, 't' || i, now() + i % 60 * interval '1 day', now() from generate_series(1, {licenses}) i;
        insert into license_devices
            (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
        select md5('s' || i)::uuid, i || '|EA-' || d, 'EA-' || d, i, '198.51.100.1', d, now() - interval '1 day', now()
        from generate_series(1, {licenses}) i, generate_series(1, 2) d;
        insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, status)
        select md5('s' || i)::uuid, md5('u' || i)::uuid, 'MULTIPLE_IPS', 'MEDIUM',
               case when i <= 1000 or i % 100 = 0 then 'OPEN' else 'RESOLVED' end
        from generate_series(10, {licenses}, 10) i;
        insert into license_usage_log (
            log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code,
            signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec)
        select gen_random_uuid(), used.at, 't' || i, md5('s' || i)::uuid, '198.51.100.1', 'EA-' || d, i, 'DE', 10, 9, 0, 20, 300
        from (select i, d, now() - n * interval '5 minutes' as at
              from generate_series(1, {Busy}) i, generate_series(1, 2) d, generate_series(0, 30 * 288 - 1) n
              union all
              select i, 1, now() - (n + i % 7) * interval '7 hours'
              from generate_series({Busy + 1}, {licenses}) i, generate_series(0, {records - 1}) n) as used
        order by used.at;
        insert into usage_rollups
        select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'), ea_instance_id, mt5_account_number,
               usage_network(ip_address), country_code, count(*), sum(session_duration_sec), sum(signals_received), sum(signals_executed),
               sum(signals_rejected), sum(avg_latency_ms::bigint * signals_received), sum(signals_received)
        from license_usage_log group by 1, 2, 3, 4, 5, 6;
        insert into license_health (subscription_id, score, status, scored_at, due_at, platform_facts)
        select s.subscription_id, 90, 'ACTIVE', now(), now() + interval '1 hour', platform_facts_hash(
                   subscription_state_of(s.state)::text, is_subscription_active(s.is_active), s.paused_reason, t.token_id,
                   t.is_active is true, t.revoked_reason, t.expires_at)
        from subscriptions s join v_current_license_tokens t using (subscription_id);
        insert into license_events (subscription_id, type, data, position, sequence)
        select md5('s' || i)::uuid, 'license.renewed', jsonb_build_object(), i, 1 from generate_series(1, {licenses}) i;
        vacuum analyze;
        """);
}
