using System.Diagnostics;
using System.Globalization;
using Dapper;

namespace Benchmarks.Survive;

/// <summary>`licensectl migrate` runs again and again, with nothing to change, beside a transaction that has read a view.</summary>
internal sealed class MigrationBesideReader : Disturbance
{
    private const string Unchanged = "nothing changed";

    public override string Name => "migrate";

    public override TimeSpan Length => TimeSpan.FromSeconds(40);

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        await using var reader = await site.Source.OpenConnectionAsync();
        await reader.ExecuteAsync("begin; select count(*) from v_current_license_tokens");
        var began = Stopwatch.GetTimestamp();
        var (runs, slowest) = (0, TimeSpan.Zero);
        while (Stopwatch.GetElapsedTime(began) < length)
        {
            var started = Stopwatch.GetTimestamp();
            var output = await MigrateAsync(site);
            if (!output.Contains(Unchanged, StringComparison.Ordinal))
                site.Fault($"licensectl migrate: {output.ReplaceLineEndings(" ")}");
            var took = Stopwatch.GetElapsedTime(started);
            (runs, slowest) = (runs + 1, took > slowest ? took : slowest);
            await Task.Delay(1_000);
        }

        await reader.ExecuteAsync("commit");
        return string.Create(CultureInfo.InvariantCulture,
            $"{runs} runs beside one reader, the slowest in {slowest.TotalSeconds:N1} s, start of the process included");
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
