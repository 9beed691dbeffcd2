using System.Globalization;

namespace Benchmarks;

/// <summary>
/// Measures the time from the process's start to its first answer with status 200, with a migrated database: of the package that is
/// deployed, which is compiled ahead of time, and of the build's output, which `./dev run` starts.
/// </summary>
internal static class StartBench
{
    private const int Rounds = 7;
    private const int MostMilliseconds = 700;

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_start");
        List<double> packaged = [], times = [], baseline = [];
        for (var round = 0; round < Rounds; round++)
        {
            await using (var backend = await Backend.StartAsync(BenchContext.Package, database, []))
                packaged.Add(backend.StartedIn.TotalMilliseconds);
            await using (var backend = await Backend.StartAsync(database))
                times.Add(backend.StartedIn.TotalMilliseconds);
            if (context.Baseline is null)
                continue;
            await using var other = await Backend.StartAsync(context.Baseline, database, []);
            baseline.Add(other.StartedIn.TotalMilliseconds);
        }

        Print($"package: start to first 200 ({MostMilliseconds})", packaged);
        Print("build's output: start to first 200", times);
        if (context.Baseline is not null)
            Print("baseline: start to first 200", baseline);
        Console.WriteLine("memory under load: see validate");
        return packaged[Rounds / 2] <= MostMilliseconds ? 0 : 1;
    }

    private static void Print(string what, List<double> times)
    {
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {times[Rounds / 2]:N0} ms (of {Rounds}: {times[0]:N0} to {times[^1]:N0})"));
    }
}
