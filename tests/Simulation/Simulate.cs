using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Simulation;

/// <summary>
/// <c>./dev simulate [--schedules N] [--seed S] [--licenses N] [--store postgres] [--until-failure]</c>: runs many schedules, or repeats
/// one and prints its steps.
/// </summary>
internal static class Simulate
{
    public static int Run(string[] arguments)
    {
        var schedules = Option(arguments, "--schedules");
        var seed = Option(arguments, "--seed");
        var untilFailure = arguments.Contains("--until-failure");
        var isPostgres = Array.IndexOf(arguments, "--store") is >= 0 and var at && arguments[at + 1] == "postgres";
        if (seed is { } first && schedules is null)
        {
            using var postgres = isPostgres ? PostgresWorld.Create() : null;
            return Replay(first, postgres, Option(arguments, "--licenses"));
        }

        return RunMany(first: seed ?? 1, schedules ?? (isPostgres ? 200 : 100_000), untilFailure, isPostgres);
    }

    /// <summary>Runs schedules side by side; over PostgreSQL, each thread has its own database.</summary>
    /// <returns>The seeds of the failed schedules, with the violated rules.</returns>
    public static IReadOnlyList<(int Seed, IReadOnlyList<string> Violations)> Failing(
        int first, int schedules, Sabotage sabotage = Sabotage.None, bool untilFailure = false, bool overPostgres = false)
    {
        var failing = new ConcurrentBag<(int, IReadOnlyList<string>)>();
        var last = first - 1;
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            using var postgres = overPostgres ? PostgresWorld.Create() : null;
            while (!(untilFailure && !failing.IsEmpty) && Interlocked.Increment(ref last) is var seed && seed < first + schedules)
                if (Schedule.Run(seed, sabotage, postgres: postgres) is { Count: > 0 } violations) failing.Add((seed, violations));
        });
        return [.. failing.OrderBy(one => one.Item1)];
    }

    private static int RunMany(int first, int schedules, bool untilFailure, bool isPostgres)
    {
        using var self = Process.GetCurrentProcess();
        var watch = Stopwatch.StartNew();
        var failing = Failing(first, schedules, untilFailure: untilFailure, overPostgres: isPostgres);
        // Processor time depends less on other load on the machine than elapsed time.
        Console.WriteLine($"{schedules} schedules from seed {first} in {watch.Elapsed.TotalSeconds:0.0} s "
            + $"({self.TotalProcessorTime.TotalSeconds:0.0} s of processor time), "
            + $"{schedules / watch.Elapsed.TotalMinutes:0} per minute, {failing.Count} failed");
        var command = isPostgres ? "./dev simulate --store postgres" : "./dev simulate";
        foreach (var (seed, violations) in failing.Take(10)) Console.WriteLine($"  {command} --seed {seed}: {violations[0]}");
        return failing.Count == 0 ? 0 : 1;
    }

    private static int Replay(int seed, PostgresWorld? postgres, int? licenses)
    {
        var trace = new List<string>();
        var violations = Schedule.Run(seed, trace: trace, postgres: postgres, licenses: licenses);
        foreach (var line in trace) Console.WriteLine(line);
        Console.WriteLine($"seed {seed}: {trace.Count} steps, {violations.Count} rules violated");
        return violations.Count == 0 ? 0 : 1;
    }

    private static int? Option(string[] arguments, string name) =>
        Array.IndexOf(arguments, name) is >= 0 and var at && at + 1 < arguments.Length
            ? int.Parse(arguments[at + 1], CultureInfo.InvariantCulture)
            : null;
}
