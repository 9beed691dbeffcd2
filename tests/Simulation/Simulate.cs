using System.Diagnostics;
using System.Globalization;

namespace Simulation;

/// <summary><c>./dev simulate [--schedules N] [--seed S]</c>: runs many schedules, or repeats one and prints its steps.</summary>
internal static class Simulate
{
    public static int Run(string[] arguments)
    {
        var schedules = Option(arguments, "--schedules");
        var seed = Option(arguments, "--seed");
        if (seed is { } first && schedules is null) return Replay(first);
        return RunMany(first: seed ?? 1, schedules ?? 100_000);
    }

    /// <returns>The seeds of the failed schedules, with the violated rules.</returns>
    public static IReadOnlyList<(int Seed, IReadOnlyList<string> Violations)> Failing(
        int first, int schedules, Sabotage sabotage = Sabotage.None)
    {
        var failing = new System.Collections.Concurrent.ConcurrentBag<(int, IReadOnlyList<string>)>();
        Parallel.For(first, first + schedules, seed =>
        {
            if (Schedule.Run(seed, sabotage) is { Count: > 0 } violations) failing.Add((seed, violations));
        });
        return [.. failing.OrderBy(one => one.Item1)];
    }

    private static int RunMany(int first, int schedules)
    {
        using var self = Process.GetCurrentProcess();
        var watch = Stopwatch.StartNew();
        var failing = Failing(first, schedules);
        // Processor time depends less on other load on the machine than elapsed time.
        Console.WriteLine($"{schedules} schedules from seed {first} in {watch.Elapsed.TotalSeconds:0.0} s "
            + $"({self.TotalProcessorTime.TotalSeconds:0.0} s of processor time), "
            + $"{schedules / watch.Elapsed.TotalMinutes:0} per minute, {failing.Count} failed");
        foreach (var (seed, violations) in failing.Take(40)) Console.WriteLine($"  ./dev simulate --seed {seed}: {violations[0]}");
        return failing.Count == 0 ? 0 : 1;
    }

    private static int Replay(int seed)
    {
        var trace = new List<string>();
        var violations = Schedule.Run(seed, trace: trace);
        foreach (var line in trace) Console.WriteLine(line);
        Console.WriteLine($"seed {seed}: {trace.Count} steps, {violations.Count} rules violated");
        return violations.Count == 0 ? 0 : 1;
    }

    private static int? Option(string[] arguments, string name) =>
        Array.IndexOf(arguments, name) is >= 0 and var at && at + 1 < arguments.Length
            ? int.Parse(arguments[at + 1], CultureInfo.InvariantCulture)
            : null;
}
