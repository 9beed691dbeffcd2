using System.Globalization;
using DetectionCorpus;
using Licensing.Suspicion;

namespace Benchmarks;

/// <summary>
/// The accuracy of the detector, of the integration guide's rules and of impossible travel, on seeds that were not used to set
/// thresholds. The limits: no honest customer is suspended, and at least 97 % of the sharers are (90 % in the recording irregular).
/// </summary>
internal static class DetectAccuracyBench
{
    /// <param name="context">Arguments: licenses of each scenario; 26 by default, which gives over 1,000 honest customers.</param>
    public static Task<int> RunAsync(BenchContext context)
    {
        var each = context.Arguments.Length > 0 ? int.Parse(context.Arguments[0], CultureInfo.InvariantCulture) : 26;
        var worst = 0;
        Console.WriteLine("| recording | rules | sharers suspended | honest suspended | median hours |\n|---|---|---|---|---|");
        foreach (var recording in Corpus.Recordings)
        {
            var corpus = Corpus.Generate(Corpus.ReportSeed, recording, each);
            var ours = Baselines.Score(corpus, Baselines.Detector(corpus, new DetectionPolicy()));
            Print(recording.Name, "ours", ours);
            Print(recording.Name, "the guide's", Baselines.Score(corpus, Baselines.GuideRules(corpus)));
            Print(recording.Name, "900 km/h", Baselines.Score(corpus, Baselines.SpeedOnly(corpus)));
            if (ours.FalsePositives.Hits > 0 || ours.Recall.Value < recording.LeastRecall)
                worst = 1;
        }

        return Task.FromResult(worst);
    }

    private static void Print(string recording, string rules, Accuracy accuracy) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {recording} | {rules} | {Text(accuracy.Recall)} | {Text(accuracy.FalsePositives)} | {accuracy.MedianHours:0.0} |"));

    private static string Text(Share share)
    {
        var (low, high) = share.Interval();
        return string.Create(CultureInfo.InvariantCulture, $"{share.Value:0.0%} of {share.Of} ({low:0.0%}–{high:0.0%})");
    }
}
