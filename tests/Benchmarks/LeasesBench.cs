using System.Globalization;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Compares license checks with and without signed leases: two backends over one database with 100,000 licenses, which are loaded in turn.
/// </summary>
/// <remarks>
/// In production, a device checks every 5 minutes and gets a new lease every 18 hours: at one of 216 checks. Here, each device checks about
/// every 10 seconds. So leases last five hours, and the age of the first ones is spread: about one check of 200 stores and signs a new one.
/// </remarks>
internal static class LeasesBench
{
    private const int DefaultRounds = 15;
    private const int Seconds = 2;
    private const double LowestRatio = 0.95;

    private const string Seed = """
        with leased as (
            update license_devices
            set first_seen_at = now() - interval '30 days', days_seen = 7, lease_id = uuid_generate_v4(),
                lease_issued_at = date_trunc('second', now() - random() * interval '75 minutes')
            returning device_id, subscription_id, lease_id, lease_issued_at)
        insert into license_leases (lease_id, subscription_id, device_id, issued_at, expires_at)
        select lease_id, subscription_id, device_id, lease_issued_at, lease_issued_at + interval '5 hours' from leased;
        update license_devices set lease_expires_at = lease_issued_at + interval '5 hours';
        vacuum full license_devices;
        vacuum analyze;
        """;

    public static async Task<int> RunAsync(BenchContext context)
    {
        var rounds = context.Arguments is [var wanted] ? int.Parse(wanted, CultureInfo.InvariantCulture) : DefaultRounds;
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_leases");
        await using (var source = NpgsqlDataSource.Create(database))
        {
            foreach (var statement in Seed.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
                await ValidateBench.ExecuteAsync(source, statement);
        }

        var folder = Directory.CreateTempSubdirectory("bench-leases-");
        try
        {
            var lua = Path.Combine(folder.FullName, "validate.lua");
            // Otherwise each run would check the same devices.
            await File.WriteAllTextAsync(lua, "math.randomseed(os.time())\n" + ValidateBench.Lua);
            return await MeasureAsync(database, lua, rounds);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<int> MeasureAsync(string database, string lua, int rounds)
    {
        await using var without = await Backend.StartAsync(database);
        await using var with = await Backend.StartAsync(
            database, ("LEASE_SIGNING_KEYS", Convert.ToBase64String([.. Enumerable.Range(1, 32).Select(n => (byte)n)])),
            ("LEASE_MAX_HOURS", "5"), ("PUBLIC_URL", "https://licenses.example.com"));
        // As in production, where each device has checked before: each lease of a device is signed once in a process.
        Console.WriteLine("… checking each license once with each");
        await ValidateBench.CheckAllAsync(without);
        await ValidateBench.CheckAllAsync(with);
        await ValidateBench.RequireValidAsync(without);
        await ValidateBench.RequireValidAsync(with, withLease: true);
        await LoadAsync(without, 3);
        await LoadAsync(with, 3);

        Task<Load> LoadAsync(Backend backend, int seconds) =>
            LoadGenerators.WrkAsync(new Uri(backend.Address, "/api/v1/licenses/validate"), seconds, lua);
        await using var source = NpgsqlDataSource.Create(database);
        var before = await CountAsync(source);
        List<double> ratios = [];
        double checks = 0;
        for (var round = 1; round <= rounds; round++)
        {
            // Each twice and in this order, because the machine becomes slower and faster.
            Load[] loads =
            [
                await LoadAsync(without, Seconds), await LoadAsync(with, Seconds),
                await LoadAsync(with, Seconds), await LoadAsync(without, Seconds),
            ];
            var (plain, leased) = (loads[0].PerSecond + loads[3].PerSecond, loads[1].PerSecond + loads[2].PerSecond);
            ratios.Add(leased / plain);
            checks += leased * Seconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"round {round}: without {plain / 2:N0}/s, with leases {leased / 2:N0}/s, ratio {ratios[^1]:N3}"));
        }

        await ValidateBench.RequireValidAsync(with, withLease: true);
        var issued = await CountAsync(source) - before;
        var ratio = ratios.Order().ElementAt(rounds / 2);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"checks with leases, of those without: median {ratio:N3} ({(ratio >= LowestRatio ? "at least" : "BELOW")} {LowestRatio}); "
            + $"{issued:N0} new leases, one for every {checks / Math.Max(1, issued):N0} checks"));
        return ratio >= LowestRatio ? 0 : 1;
    }

    private static async Task<long> CountAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select count(*) from license_leases");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
