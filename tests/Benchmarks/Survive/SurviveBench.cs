using System.Globalization;

namespace Benchmarks.Survive;

/// <summary>
/// Disturbs two processes on one PostgreSQL in different ways while both answer license checks of other customers. No such check may take
/// longer than 3 s, remain unanswered or get another verdict. Other wrong results of the disturbance count as wrong answers, too.
/// </summary>
internal static class SurviveBench
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private static readonly Disturbance[] Disturbances =
    [
        new TokenRotations(), new LockedRow(), new MigrationBesideReader(), new FrozenDatabase(), new OddRows(), new DamagedLocations(),
        new LargeQuarantine(), new WrongClock(), new SilentTimers(),
    ];

    private const string Headings = """
                                                 slowest  unanswered  wrong  recovered     slowest    slowest  memory
        disturbance    seconds  checks    503  check (3)         (0)    (0)      after    bare SQL    /readyz  MB
        """;

    private sealed record Row(Disturbance Disturbance, string Text, bool IsWithinLimits, IReadOnlyList<string> Notes);

    public static async Task<int> RunAsync(BenchContext context)
    {
        if (context.Arguments is [AheadProcess.Argument])
            return await AheadProcess.RunAsync();
        var (chosen, longest) = Read(context.Arguments);
        Console.WriteLine("… making the database");
        await SurviveSite.MakeTemplateAsync(context);
        Console.WriteLine(Headings);
        var rows = new List<Row>();
        foreach (var disturbance in chosen)
        {
            var row = await RunAsync(context, disturbance, disturbance.Length < longest ? disturbance.Length : longest);
            Console.WriteLine(row.Text);
            rows.Add(row);
        }

        Console.WriteLine();
        foreach (var row in rows)
        {
            foreach (var note in row.Notes)
                Console.WriteLine($"{row.Disturbance.Name}: {note}");
        }

        return rows.TrueForAll(row => row.IsWithinLimits) ? 0 : 1;
    }

    private static (IReadOnlyList<Disturbance> Chosen, TimeSpan Longest) Read(string[] arguments)
    {
        const string option = "--seconds";
        var at = Array.IndexOf(arguments, option);
        var longest = at < 0 ? TimeSpan.MaxValue
            : int.TryParse(arguments.ElementAtOrDefault(at + 1), CultureInfo.InvariantCulture, out var seconds) && seconds > 0
                ? TimeSpan.FromSeconds(seconds)
            : throw new InvalidOperationException($"{option} needs a number.");
        var names = at < 0 ? arguments : [.. arguments[..at], .. arguments[(at + 2)..]];
        var chosen = Disturbances.Where(disturbance => names.Length == 0 || names.Contains(disturbance.Name)).ToList();
        return names.All(name => chosen.Exists(disturbance => disturbance.Name == name))
            ? (chosen, longest)
            : throw new InvalidOperationException(
                $"./dev bench survive [{string.Join('|', Disturbances.Select(disturbance => disturbance.Name))}]… [{option} N]");
    }

    private static async Task<Row> RunAsync(BenchContext context, Disturbance disturbance, TimeSpan length)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… {disturbance.Name}, {length.TotalSeconds:N0} s"));
        await using var site = await SurviveSite.NewAsync(context, disturbance.Name);
        await disturbance.PrepareAsync(site);
        await site.StartAsync(disturbance);
        var load = await CheckLoad.StartAsync(site.Processes, site);
        var direct = DirectReads.Start(site);
        await Task.Delay(2_000);

        var probes = new Probes(site.Processes);
        var began = load.Elapsed;
        var note = await disturbance.RunAsync(site, length);
        var end = load.Elapsed;
        var recovered = await load.RecoverAsync(end);
        await probes.StopAsync();
        await load.StopAsync();
        var slowestRead = await direct.StopAsync();
        foreach (var ended in site.Processes.Where(process => process.Process.HasExited))
            site.Fault($"a process ended with code {ended.Process.ExitCode}");
        await disturbance.CheckAsync(site);
        return ToRow(
            disturbance, site, load, probes, [.. load.Answers.Where(answer => answer.SentAt >= began)], (end - began, recovered),
            slowestRead, note);
    }

    private static Row ToRow(
        Disturbance disturbance, SurviveSite site, CheckLoad load, Probes probes, List<CheckAnswer> answers,
        (TimeSpan Length, TimeSpan? Recovered) times, TimeSpan slowestRead, string note)
    {
        int Count(CheckOutcome outcome) => answers.Count(answer => answer.Outcome == outcome);
        var unavailable = Count(CheckOutcome.Unavailable);
        var unanswered = Count(CheckOutcome.Unanswered) + (disturbance.IsDatabaseAway ? 0 : unavailable);
        var wrong = Count(CheckOutcome.Wrong) + site.Faults.Values.Sum();
        var slowest = answers.Max(answer => answer.Took);
        var recovered = times.Recovered is { } after ? after.TotalSeconds.ToString("N1", CultureInfo.InvariantCulture) : "never";
        var text = string.Create(CultureInfo.InvariantCulture,
            $"{disturbance.Name,-14} {times.Length.TotalSeconds,7:N0} {answers.Count,7:N0} {unavailable,6:N0} {slowest.TotalSeconds,10:N2} "
            + $"{unanswered,11:N0} {wrong,6:N0} {recovered,10} {slowestRead.TotalSeconds,11:N2} {probes.SlowestReady.TotalSeconds,10:N2}  "
            + $"{probes.MegabytesBefore}→{probes.MostMegabytes}");
        var failures = load.Failures.Select(failure => ("check", failure)).Concat(site.Faults.Select(fault => ("wrong", fault)))
            .Select(one => $"{one.Item1} {one.Item2.Key}, {one.Item2.Value} times");
        return new Row(
            disturbance, text, slowest <= Limit && unanswered == 0 && wrong == 0 && times.Recovered is not null, [note, .. failures]);
    }
}
