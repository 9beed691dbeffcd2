using System.Diagnostics;
using System.Globalization;
using Dapper;
using Npgsql;

namespace Benchmarks.Survive;

/// <summary>`licensectl migrate` runs repeatedly, with nothing to change, beside a transaction that has read a view.</summary>
internal sealed class MigrationBesideReader : Disturbance
{
    private const string Unchanged = "nothing changed";

    public override string Name => "migrate";

    public override TimeSpan Length => TimeSpan.FromSeconds(40);

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        await using var reader = await site.Source.OpenConnectionAsync();
        var read = ReadAsync(reader, length);
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
        return string.Create(CultureInfo.InvariantCulture,
            $"{runs} runs beside one reader, the slowest in {slowest.TotalSeconds:N1} s, start of the process included");
    }

    private static async Task ReadAsync(NpgsqlConnection reader, TimeSpan length)
    {
        await reader.ExecuteAsync("begin; select count(*) from v_current_license_tokens");
        await Task.Delay(length);
        await reader.ExecuteAsync("commit");
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
