using DetectionCorpus;
using DetectionCorpus.Lives;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

/// <summary>
/// A small share of what `./dev bench detect-accuracy` reports in full: every habit and every pattern, in every kind of recording.
/// </summary>
public sealed class CorpusTests
{
    public static TheoryData<string> Recordings =>
        [.. Corpus.Recordings.Where(recording => recording.Days <= 8).Select(recording => recording.Name)];

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Detector_OnTheReportFamily_SuspendsNoHonestCustomerAndNearlyAllSharers(string recording)
    {
        var family = Corpus.Recordings.First(one => one.Name == recording);
        var corpus = Corpus.Generate(Corpus.ReportSeed, family, each: 2);

        var accuracy = Baselines.Score(corpus, Baselines.Detector(corpus, new DetectionPolicy()));

        Assert.Equal([], accuracy.Scenarios
            .Where(scenario => !scenario.Sharing && scenario.Suspended.Hits > 0)
            .Select(scenario => scenario.Scenario));
        Assert.InRange(accuracy.Recall.Value, family.LeastRecall - 0.05, 1); // of 36
    }

    /// <summary>Networks and devices that change as often as they can, in all combinations of recorded fields.</summary>
    [Fact]
    public void Detector_UnderStress_SuspendsNobody()
    {
        var policy = new DetectionPolicy { AccountLimit = 3 };
        var lives = StressedWorld.StressedKinds.SelectMany(kind => Enumerable.Range(0, 8)
            .Select(number => Outcome.Of(StressedWorld.One(LivesCorpus.ReportSeed, number, kind), policy)));
        var ofThreeDevices = StressedWorld.GenerateOfThreeDevices(LivesCorpus.ReportSeed, 16)
            .Select(history => Outcome.Of(history, policy with { DeviceLimit = 3 }));

        Assert.Equal([], lives.Concat(ofThreeDevices).Where(life => life.IsSuspended).Select(life => life.Label.Kind));
    }

    [Theory]
    [InlineData(0, 10, 0, 0.278)]
    [InlineData(10, 10, 0.722, 1)]
    [InlineData(50, 100, 0.404, 0.596)]
    public void Interval_OfAShare_IsWilsons(int hits, int of, double low, double high)
    {
        var interval = new Share(hits, of).Interval();

        Assert.Equal(low, interval.Low, 3);
        Assert.Equal(high, interval.High, 3);
    }
}
