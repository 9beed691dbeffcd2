using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Validation;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Sends license checks of known devices of 100,000 licenses over 16 connections to the package that is deployed. Compares them with
/// pgbench, which runs the same SQL for one license per statement (prepared, over TCP, 16 clients), with a route that uses no database,
/// and with the cache enabled.
/// </summary>
/// <remarks>
/// The rounds alternate because the machine is noisy; the table shows medians. pgbench can't hash, so its statement hashes the token by
/// sha256(), which takes half a microsecond of PostgreSQL's time.
/// </remarks>
internal static class ValidateBench
{
    private const int Licenses = 100_000;
    private const int First = 100_001;
    private const int DefaultRounds = 5;
    private const int Seconds = 5;

    private const string Seed = """
        insert into users (email, role) select 's' || n || '@bench.test', 'subscriber' from generate_series(100001, 200000) n;
        insert into users (email, role) values ('m@bench.test', 'master');
        insert into subscriptions (subscriber_id, master_id)
        select s.user_id, m.user_id from users s, users m where s.role = 'subscriber' and m.role = 'master';
        with numbered as (select subscription_id, 100000 + row_number() over () as n from subscriptions),
        tokens as (
            insert into license_tokens (subscription_id, token_hash, expires_at)
            select subscription_id, encode(sha256(('bench-' || n)::bytea), 'hex'), now() + interval '20 days' from numbered)
        insert into license_devices
            (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
        select subscription_id, n || '|EA-' || n, 'EA-' || n, n, '127.0.0.1', 1, now() - interval '1 day', now() from numbered;
        vacuum analyze;
        """;

    public const string Lua = """
        request = function()
          local n = math.random(100001, 200000)
          local body = '{"ea_instance_id":"EA-' .. n .. '","mt5_account_number":' .. n .. '}'
          return 'POST /api/v1/licenses/validate HTTP/1.1\r\nHost: bench\r\nAuthorization: License bench-' .. n ..
            '\r\nContent-Type: application/json\r\nContent-Length: ' .. #body .. '\r\n\r\n' .. body
        end
        """;

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await NewDatabaseAsync(context, "bench_validate");
        var folder = Directory.CreateTempSubdirectory("bench-validate-");
        try
        {
            var lua = Path.Combine(folder.FullName, "validate.lua");
            var sql = Path.Combine(folder.FullName, "validate.sql");
            await File.WriteAllTextAsync(lua, Lua);
            await File.WriteAllTextAsync(sql, "\\set n random(100001, 200000)\n" + LicenseCheckStore.Read
                .Replace("$1::text[]", "array[encode(sha256(('bench-' || :n::text)::bytea), 'hex')]", StringComparison.Ordinal)
                .Replace("$2::text[]", "array[:n::text || '|EA-' || :n::text]", StringComparison.Ordinal)
                    .Replace("\n", " ", StringComparison.Ordinal) + ";\n");
            return await MeasureAsync(database, context.Baseline, lua, sql, context.Arguments is [var rounds]
                ? int.Parse(rounds, CultureInfo.InvariantCulture) : DefaultRounds);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>A new migrated database with the licenses.</summary>
    public static async Task<string> NewDatabaseAsync(BenchContext context, string name)
    {
        await using (var server = NpgsqlDataSource.Create(DatabaseSettings.FromUri(context.DatabaseUrl)))
        {
            await ExecuteAsync(server, $"drop database if exists {name} with (force)");
            await ExecuteAsync(server, $"create database {name}");
        }

        var database = new NpgsqlConnectionStringBuilder(
            DatabaseSettings.FromUri(context.DatabaseUrl))
        { Database = name }.ConnectionString;
        await using var source = NpgsqlDataSource.Create(database);
        await new Migrations(source).RunAsync(_ => { }, CancellationToken.None);
        Console.WriteLine($"… seeding {Licenses} licenses");
        foreach (var statement in Seed.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
            await ExecuteAsync(source, statement);
        return database;
    }

    private static async Task<int> MeasureAsync(string database, string? baseline, string lua, string sql, int rounds)
    {
        await using var other = baseline is null ? null : await Backend.StartAsync(baseline, database, []);
        await using var plain = await Backend.StartAsync(BenchContext.Package, database, []);
        await using var cached = await Backend.StartAsync(BenchContext.Package, database, [("VALIDATION_CACHE_SECONDS", "2")]);
        Uri check(Backend backend) => new(backend.Address, "/api/v1/licenses/validate");
        await LoadGenerators.WrkAsync(check(plain), 8, lua);
        // In production every device sends checks all day, so the cache contains every license. A load of a few seconds would mostly send
        // first checks.
        Console.WriteLine($"… checking each of the {Licenses:N0} licenses once, so that the cache contains them");
        await CheckAllAsync(cached);
        await RequireValidAsync(plain);
        await AwaitScoresAsync(database);

        if (other is not null)
            await LoadGenerators.WrkAsync(check(other), 8, lua);

        List<Load> pgbench = [], validate = [], cache = [], healthz = [], before = [];
        for (var round = 1; round <= rounds; round++)
        {
            pgbench.Add(await LoadGenerators.PgbenchAsync(database, sql, Seconds));
            validate.Add(await LoadGenerators.WrkAsync(check(plain), Seconds, lua));
            if (other is not null)
                before.Add(await LoadGenerators.WrkAsync(check(other), Seconds, lua));
            cache.Add(await LoadGenerators.WrkAsync(check(cached), Seconds, lua));
            healthz.Add(await LoadGenerators.WrkAsync(new Uri(plain.Address, "/healthz"), 2));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"round {round}: pgbench {pgbench[^1].PerSecond:N0}/s (p99 {pgbench[^1].P99Milliseconds:N1} ms), "
                + $"validate {validate[^1].PerSecond:N0}/s (p99 {validate[^1].P99Milliseconds:N1} ms), "
                + $"with the cache {cache[^1].PerSecond:N0}/s (p99 {cache[^1].P99Milliseconds:N1} ms)"));
        }

        await RequireValidAsync(plain);
        await RequireValidAsync(cached);
        Console.WriteLine($"{"",-34} {"requests/s",12} {"p50 ms",8} {"p99 ms",8} {"of pgbench",11}");
        Print("pgbench, the same SQL", pgbench, pgbench);
        Print("validate", validate, pgbench);
        if (other is not null)
            Print("validate, the baseline", before, pgbench);
        Print("validate, VALIDATION_CACHE_SECONDS=2", cache, pgbench);
        Print("/healthz (no database)", healthz, pgbench);
        Console.WriteLine($"memory under load (160): {plain.PeakMegabytes} MB, with the cache (256): {cached.PeakMegabytes} MB");
        if (other is not null)
            Console.WriteLine($"memory of the baseline under load: {other.PeakMegabytes} MB");
        return 0;
    }

    private static void Print(string name, List<Load> loads, List<Load> limit) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-34} {Median(loads, load => load.PerSecond),12:N0} {Median(loads, load => load.P50Milliseconds),8:N2} "
            + $"{Median(loads, load => load.P99Milliseconds),8:N2} "
            + $"{Median([.. loads.Zip(limit)], pair => pair.First.PerSecond / pair.Second.PerSecond),11:N2}"));

    private static double Median<T>(List<T> values, Func<T, double> of)
    {
        var ordered = values.Select(of).Order().ToList();
        return ordered[ordered.Count / 2];
    }

    /// <summary>
    /// Waits for the first pass over all licenses, which takes seconds of both processors and happens once in the life of an installation.
    /// </summary>
    public static async Task AwaitScoresAsync(string database)
    {
        Console.WriteLine("… waiting until the health of all licenses is scored, as it is in production");
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(
            "select (select count(*) from license_health where scored_at is not null) < (select count(*) from subscriptions)");
        while ((bool)(await command.ExecuteScalarAsync())!)
            await Task.Delay(TimeSpan.FromSeconds(1));
        await ExecuteAsync(source, "vacuum analyze");
    }

    public static async Task CheckAllAsync(Backend backend)
    {
        using var client = new HttpClient { BaseAddress = backend.Address };
        await Parallel.ForEachAsync(Enumerable.Range(First, Licenses), new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (n, stop) =>
        {
            using var request = Check(n);
            using var response = await client.SendAsync(request, stop);
            response.EnsureSuccessStatusCode();
        });
    }

    // A refusal also has status 200: only accepted checks may be measured.
    public static async Task RequireValidAsync(Backend backend, bool withLease = false)
    {
        using var client = new HttpClient { BaseAddress = backend.Address };
        for (var n = First; n < First + Licenses; n += 997)
        {
            using var request = Check(n);
            using var response = await client.SendAsync(request);
            var reply = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            if ((string?)reply["code"] != "VALID" || (bool)reply["device"]!["is_new"]! || reply["lease"] is null == withLease)
                throw new InvalidOperationException("Not a valid check of a known device: " + reply);
        }
    }

    private static HttpRequestMessage Check(int n)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate")
        {
            Content = JsonContent.Create(new { ea_instance_id = $"EA-{n}", mt5_account_number = n }),
        };
        request.Headers.TryAddWithoutValidation("Authorization", $"License bench-{n}");
        return request;
    }

    public static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }
}
