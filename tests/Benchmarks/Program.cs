using Benchmarks;
using Benchmarks.Survive;

// One file per bench. Each prints its measurements, most of them with a limit; they are also written to docs/benchmarks.md.
Dictionary<string, Func<BenchContext, Task<int>>> benches = new(StringComparer.Ordinal)
{
    ["detect"] = DetectBench.RunAsync,
    ["detect-accuracy"] = DetectAccuracyBench.RunAsync,
    ["detect-lives"] = DetectLivesBench.RunAsync,
    ["growth"] = GrowthBench.RunAsync,
    ["health"] = HealthBench.RunAsync,
    ["ingest"] = IngestBench.RunAsync,
    ["kill"] = KillBench.RunAsync,
    ["leases"] = LeasesBench.RunAsync,
    ["renewals"] = RenewalsBench.RunAsync,
    ["replica"] = ReplicaBench.RunAsync,
    ["scale"] = ScaleBench.RunAsync,
    ["start"] = StartBench.RunAsync,
    ["survive"] = SurviveBench.RunAsync,
    ["validate"] = ValidateBench.RunAsync,
    ["worker"] = WorkerBench.RunAsync,
};

var names = args.Length > 0 ? args[..1] : [.. benches.Keys];
var context = BenchContext.Of(Environment.GetEnvironmentVariable("BENCH_DATABASE_URL") ?? "", args.Length > 0 ? args[1..] : []);
if (names.Except(benches.Keys).Any() || context.DatabaseUrl.Length == 0)
{
    Console.Error.WriteLine($"./dev bench [{string.Join('|', benches.Keys)}]");
    return 1;
}

var worst = 0;
foreach (var name in names)
{
    Console.WriteLine($"== {name}");
    worst = Math.Max(worst, await RunAsync(name));
}

return worst;

async Task<int> RunAsync(string name)
{
    if (context.DatabaseUrl == BenchChild.DatabaseUrl)
        return await benches[name](context);
    var console = Console.Out;
    await using var report = new BenchReport(console);
    Console.SetOut(report);
    try
    {
        var code = await benches[name](context);
        // A comparison of two builds is not recorded: it measures another version beside this one.
        if (context.Baseline is null)
            await report.SaveAsync(name, string.Join(' ', ["bench", name, .. context.Arguments]), isWithinLimits: code == 0, context);
        return code;
    }
    finally
    {
        Console.SetOut(console);
    }
}
