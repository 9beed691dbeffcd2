using System.Diagnostics;
using System.Globalization;
using Dapper;
using Npgsql;

namespace Benchmarks.Survive;

/// <summary>
/// `licensectl migrate` runs repeatedly, with nothing to change, beside a transaction that reads all tables and views. Owners list their
/// licenses meanwhile.
/// </summary>
internal sealed class MigrationBesideReader : Disturbance
{
    private const string Unchanged = "nothing changed";

    // As pg_dump does.
    private const string LockAll = """
        do $$
        declare name text;
        begin
            for name in select oid::regclass from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') loop
                execute format('lock table %s in access share mode', name);
            end loop;
        end $$
        """;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private Guid license;

    public override string Name => "migrate";

    public override TimeSpan Length => TimeSpan.FromSeconds(30);

    public override async Task PrepareAsync(SurviveSite site) => license = await site.AddAsync(new AddedLicense(TimeSpan.FromDays(20)));

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        await using var reader = await site.Source.OpenConnectionAsync();
        var read = ReadAsync(reader, length);
        var lists = Task.WhenAll(ListAsync(site, 0, read), ListAsync(site, 1, read));
        var (runs, slowest) = (0, TimeSpan.Zero);
        while (!read.IsCompleted)
        {
            var started = Stopwatch.GetTimestamp();
            var output = await MigrateAsync(site);
            if (!output.Contains(Unchanged, StringComparison.Ordinal))
                site.Fault($"licensectl migrate: {output.ReplaceLineEndings(" ")}");
            var took = Stopwatch.GetElapsedTime(started);
            (runs, slowest) = (runs + 1, took > slowest ? took : slowest);
            await Task.Delay(1_000);
        }

        await read;
        await lists;
        return string.Create(CultureInfo.InvariantCulture,
            $"{runs} runs beside one reader, the slowest in {slowest.TotalSeconds:N1} s, start of the process included");
    }

    private static async Task ReadAsync(NpgsqlConnection reader, TimeSpan length)
    {
        await reader.ExecuteAsync("begin;" + LockAll);
        await Task.Delay(length);
        await reader.ExecuteAsync("commit");
    }

    private async Task ListAsync(SurviveSite site, int process, Task read)
    {
        var owner = SurviveSite.Bearer("subscriber", await site.OwnerAsync(license));
        while (!read.IsCompleted)
        {
            var asked = Stopwatch.GetTimestamp();
            var (status, _) = await site.SendAsync(process, HttpMethod.Get, "/api/v1/licenses", owner);
            if (status != 200 || Stopwatch.GetElapsedTime(asked) > Limit)
                site.Fault($"an owner's list: {status} after {Stopwatch.GetElapsedTime(asked).TotalSeconds:N0} s");
            await Task.Delay(500);
        }
    }

    private static async Task<string> MigrateAsync(SurviveSite site)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "licensectl.dll"), "migrate"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DATABASE_URL"] = site.ConnectionString;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output + await errors;
    }
}
