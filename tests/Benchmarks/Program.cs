using Benchmarks;

// One file a bench; each prints its table beside the limit measured in the same run.
Dictionary<string, Func<BenchContext, Task<int>>> benches = new(StringComparer.Ordinal)
{
    ["detect"] = DetectBench.RunAsync,
    ["detect-accuracy"] = DetectAccuracyBench.RunAsync,
    ["health"] = HealthBench.RunAsync,
    ["ingest"] = IngestBench.RunAsync,
    ["kill"] = KillBench.RunAsync,
    ["renewals"] = RenewalsBench.RunAsync,
    ["scale"] = ScaleBench.RunAsync,
    ["start"] = StartBench.RunAsync,
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
    worst = Math.Max(worst, await benches[name](context));
}

return worst;
