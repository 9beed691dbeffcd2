using System.Globalization;

namespace Benchmarks;

/// <summary>
/// Measures the time from the process's start to its first answer with status 200, with a migrated database, and its memory.
/// </summary>
internal static class StartBench
{
    private const int Rounds = 7;

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_start");
        List<double> times = [], baseline = [];
        for (var round = 0; round < Rounds; round++)
        {
            await using (var backend = await Backend.StartAsync(database))
                times.Add(backend.StartedIn.TotalMilliseconds);
            if (context.Baseline is null)
                continue;
            await using var other = await Backend.StartAsync(context.Baseline, database, []);
            baseline.Add(other.StartedIn.TotalMilliseconds);
        }

        Print("start to first 200", times);
        if (context.Baseline is not null)
            Print("baseline: start to first 200", baseline);
        Console.WriteLine("memory under load: see validate");
        return 0;
    }

    private static void Print(string what, List<double> times)
    {
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {times[Rounds / 2]:N0} ms (of {Rounds}: {times[0]:N0} to {times[^1]:N0})"));
    }
}
