using System.Globalization;
using DetectionCorpus;
using DetectionCorpus.Lives;
using Licensing.Suspicion;

namespace Benchmarks;

/// <summary>
/// The accuracy of the detector by kind of customer: on the second corpus, whose sharers share one thing or try to deceive, and on the
/// first one. Honest kinds without a suspension or question are left out. Only totals of the held-out and the drawn world are reported, so
/// that nobody tunes on their kinds. The limits: no honest customer is suspended; at least 95 % of the sharers are suspended, and at least
/// 80 % of each kind; the median time is at most 6 hours; of 12 sharers of each kind who know the rules, 9 are suspended within 7 days.
/// </summary>
internal static class DetectLivesBench
{
    private const double LeastRecall = 0.95;
    private const double LeastRecallOfKind = 0.8;
    private const double MostMedianHours = 6;
    private const double HoursPerWeek = 168;

    /// <summary>Of so many sharers who know the rules, so many are suspended within 7 days.</summary>
    private const int Adversaries = 12;
    private const int LeastAdversaries = 9;

    /// <summary>Licenses of each scenario of the first corpus, in each recording.</summary>
    private const int EachOfFirstCorpus = 2;

    /// <summary>Licenses that allow three devices, per seed.</summary>
    private const int EachOfThreeDevices = 20;

    /// <param name="context">
    /// Arguments: seeds (3); the platform's term on accounts per license (3; 0 for none); the first seed (default: that of reports).
    /// </param>
    public static Task<int> RunAsync(BenchContext context)
    {
        var (seeds, term, firstSeed) = (Argument(0, 3), Argument(1, 3), Argument(2, LivesCorpus.ReportSeed));
        var policy = new DetectionPolicy { AccountLimit = term };
        int? accounts = term == 0 ? null : term;
        var lives = Lives(seed => LivesCorpus.Generate(seed, LifeParameters.Open, new LifeCounts(), accounts));
        var first = Corpus.Recordings
            .SelectMany(recording => Outcome.Of(Corpus.Generate(Corpus.ReportSeed, recording, EachOfFirstCorpus), policy)).ToList();
        var heldOut = Lives(seed => LivesCorpus.Generate(seed, LifeParameters.HeldOut, new LifeCounts(), accounts));
        var drawn = Lives(seed => DrawnWorld.Generate(seed, new LifeCounts(), accounts));
        var stressed = Lives(seed => StressedWorld.Generate(seed, new LifeCounts().Honest, accounts));
        var threeDevices = Enumerable.Range(firstSeed, seeds)
            .SelectMany(seed => StressedWorld.GenerateOfThreeDevices(seed, EachOfThreeDevices))
            .Select(history => Outcome.Of(history, policy with { DeviceLimit = 3 })).ToList();

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{seeds} seeds, {lives.Sum(life => (long)life.Records):N0} records of lives, {Term(term)}.\n"));
        PrintHeading("corpus | label", " worst kind |");
        bool[] areWithinLimits =
        [
            Total("lives", lives), Total("lives, held out", heldOut), Total("lives, drawn", drawn),
            Total("lives, under stress", stressed), Total("three devices allowed", threeDevices), Total("first corpus", first),
        ];
        Console.WriteLine();
        PrintHeading("kind | corpus | label", "");
        Kinds("lives", lives);
        Kinds("first corpus", first);
        Console.WriteLine();
        PrintHeading("sharers who know the rules | corpus | label", "");
        var adversaries = LivesCorpus.AdversaryKinds
            .SelectMany(kind => Enumerable.Range(0, Adversaries)
                .Select(number => LivesCorpus.One(firstSeed, number, kind, LifeParameters.Open, accounts)))
            .Select(history => Outcome.Of(history, policy)).ToList();
        Kinds("lives", adversaries);
        var areCaught = adversaries.GroupBy(outcome => outcome.Label.Kind)
            .All(kind => kind.Count(outcome => outcome.Hours <= HoursPerWeek) >= LeastAdversaries);
        return Task.FromResult(areCaught && areWithinLimits.All(isWithin => isWithin) ? 0 : 1);

        int Argument(int at, int otherwise) =>
            context.Arguments.Length > at ? int.Parse(context.Arguments[at], CultureInfo.InvariantCulture) : otherwise;

        List<Outcome> Lives(Func<int, IEnumerable<History>> ofSeed) =>
            [.. Enumerable.Range(firstSeed, seeds).SelectMany(ofSeed).Select(history => Outcome.Of(history, policy))];
    }

    private static string Term(int term) =>
        term == 0 ? "no term on accounts" : string.Create(CultureInfo.InvariantCulture, $"at most {term} accounts per license");

    private static void PrintHeading(string first, string last) =>
        Console.WriteLine(
            $"| {first} | lives | suspended | asked | within 7 days | median hours | to evidence | median hours if soon evident |{last}\n"
            + "|---|---|---|---|---|---|---|---|---|---|");

    private static bool Total(string corpus, List<Outcome> outcomes)
    {
        foreach (var group in outcomes.GroupBy(outcome => outcome.Label.Nature).OrderBy(group => group.Key))
        {
            var worst = group.Key == Nature.Shared ? Text(WorstKind(group)) : "";
            Console.WriteLine($"| {corpus} | {group.Key.ToString().ToUpperInvariant()} | {Numbers(group)} | {worst} |");
        }

        var shared = outcomes.Where(outcome => outcome.Label.Nature == Nature.Shared).ToList();
        return !outcomes.Exists(outcome => outcome is { Label.Nature: Nature.Honest, IsSuspended: true })
            && (shared.Count == 0
                || (Suspended(shared).Value >= LeastRecall
                    && WorstKind(shared).Value >= LeastRecallOfKind
                    && Outcome.MedianHours(shared) < MostMedianHours));
    }

    private static void Kinds(string corpus, List<Outcome> outcomes)
    {
        var kinds = outcomes.GroupBy(outcome => (outcome.Label.Nature, outcome.Label.Kind))
            .Where(kind => kind.Key.Nature != Nature.Honest || kind.Any(outcome => outcome.IsSuspended || outcome.IsAsked))
            .OrderByDescending(kind => kind.Key.Nature == Nature.Shared).ThenBy(kind => kind.Key);
        foreach (var kind in kinds)
            Console.WriteLine($"| {kind.Key.Kind} | {corpus} | {kind.Key.Nature.ToString().ToUpperInvariant()} | {Numbers(kind)} |");
    }

    private static Share WorstKind(IEnumerable<Outcome> outcomes) =>
        outcomes.GroupBy(outcome => outcome.Label.Kind).Select(Suspended).MinBy(share => share.Value);

    private static string Numbers(IEnumerable<Outcome> outcomes)
    {
        var group = outcomes.ToList();
        var suspended = Suspended(group);
        var inWeek = group.Count(outcome => outcome.Hours <= HoursPerWeek);
        var soon = Outcome.MedianHours(group.Where(outcome => outcome.IsSoonEvident));
        return string.Create(CultureInfo.InvariantCulture,
            $"{group.Count} | {suspended.Hits} ({Text(suspended)}) | {group.Count(outcome => outcome.IsAsked)} | {inWeek} | "
            + $"{Outcome.MedianHours(group):0.0} | {Outcome.MedianHoursToEvidence(group):0.0} | {soon:0.0}");
    }

    private static Share Suspended(IEnumerable<Outcome> outcomes)
    {
        var group = outcomes.ToList();
        return new Share(group.Count(outcome => outcome.IsSuspended), group.Count);
    }

    private static string Text(Share share) => string.Create(CultureInfo.InvariantCulture, $"{share.Value:0.0%}");
}
