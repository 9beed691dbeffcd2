using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class PolicyComparisonTests
{
    private static readonly DateTimeOffset Start = new(2026, 9, 7, 0, 0, 0, TimeSpan.Zero);
    private static readonly DetectionPolicy InForce = new();

    /// <summary>The devices of a license whose usage is an hour long each, for two days; the third one begins after a day.</summary>
    private static readonly (Guid Id, int Devices)[] Licenses =
        [(Guid.Parse("00000000-0000-0000-0000-000000000001"), 1), (Guid.Parse("00000000-0000-0000-0000-000000000002"), 3)];

    [Fact]
    public void Of_StricterPolicy_NamesTheNewlySuspended()
    {
        var comparison = Compare(InForce with { DeviceLimit = 5 }, InForce);

        var changed = Assert.Single(comparison.Changed);
        Assert.Equal((Licenses[1].Id, PolicyChange.NewlySuspended, 3 * 24 + 48), (changed.SubscriptionId, changed.Change, changed.Records));
        Assert.Empty(changed.InForce);
        Assert.Equal(FindingAction.Suspend, changed.Tried.Max(step => step.Finding.Action));
        Assert.Equal(1, comparison.Licenses[(null, FindingAction.Suspend)]);
        Assert.Equal(1, comparison.Licenses[(null, null)]);
        Assert.Equal(1, comparison.Changes[PolicyChange.NewlySuspended]);
    }

    [Theory]
    [InlineData(FindingAction.Suspend, FindingAction.Ask, PolicyChange.NoLongerSuspended)]
    [InlineData(FindingAction.Ask, FindingAction.Suspend, PolicyChange.NewlySuspended)]
    [InlineData(FindingAction.Ask, FindingAction.Notify, PolicyChange.Weaker)]
    [InlineData(FindingAction.Alert, FindingAction.Ask, PolicyChange.Stronger)]
    [InlineData(FindingAction.Ask, FindingAction.Ask, null)]
    public void Of_OtherStrongestAction_IsStrongerOrWeaker(FindingAction before, FindingAction after, PolicyChange? change)
    {
        var comparison = Compare(
            InForce with { ConcurrentAtMost = before, TurnsAtMost = before },
            InForce with { ConcurrentAtMost = after, TurnsAtMost = after });

        Assert.Equal(change, comparison.Changed.Select(one => (PolicyChange?)one.Change).SingleOrDefault());
    }

    [Theory]
    [InlineData(60, 400, PolicyChange.Later)]
    [InlineData(400, 60, PolicyChange.Sooner)]
    public void Of_SameActionAtAnotherTime_IsSoonerOrLater(int before, int after, PolicyChange change)
    {
        var comparison = Compare(With(before), With(after));

        Assert.Equal(change, Assert.Single(comparison.Changed).Change);

        static DetectionPolicy With(int minutes) => InForce with
        {
            PeopleDuration = TimeSpan.FromMinutes(minutes),
            OneNetworkPeopleDuration = TimeSpan.FromMinutes(minutes),
            FarPeopleDuration = TimeSpan.FromMinutes(minutes),
            DevicesAtOnceDuration = TimeSpan.FromMinutes(minutes),
        };
    }

    [Fact]
    public void Of_ManyChanges_ShowsTheMostImportantAndCountsAll()
    {
        var many = Enumerable.Range(1, 30).Select(n => (Guid.Parse($"00000000-0000-0000-0000-{n:000000000000}"), 3)).ToArray();

        var comparison = PolicyComparison.Of(Run(InForce with { DeviceLimit = 5 }, many), Run(InForce, many), 4);

        Assert.Equal((4, 30), (comparison.Changed.Count, comparison.Changes[PolicyChange.NewlySuspended]));
        Assert.Equal(many.Take(4).Select(one => one.Item1), comparison.Changed.Select(one => one.SubscriptionId));
    }

    [Fact]
    public void Steps_OfAnIncident_AreWhenItsActionRose()
    {
        var steps = PolicyComparison.Steps(Run(InForce, Licenses).Findings);

        Assert.Equal(steps.Count, steps.Select(step => (step.Finding.Incident, step.Finding.Action)).Distinct().Count());
        Assert.All(steps.GroupBy(step => step.Finding.Incident), incident =>
            Assert.Equal(incident.Select(step => step.Finding.Action).Order(), incident.Select(step => step.Finding.Action)));
    }

    private static PolicyComparison Compare(DetectionPolicy inForce, DetectionPolicy tried) =>
        PolicyComparison.Of(Run(inForce, Licenses), Run(tried, Licenses), 100);

    private static Backtest Run(DetectionPolicy policy, (Guid Id, int Devices)[] licenses)
    {
        var backtest = new Backtest(policy);
        for (var hour = 1; hour <= 48; hour++)
            foreach (var (id, devices) in licenses)
                for (var device = 1; device <= (hour <= 24 ? Math.Min(devices, 2) : devices); device++)
                {
                    backtest.Add(id, null, new UsageSample(
                        Start.AddHours(hour), $"EA-{device}", 1000 + device, System.Net.IPAddress.Parse($"198.51.{device}.4"), null,
                        TimeSpan.FromSeconds(3500)));
                }

        backtest.Finish();
        return backtest;
    }
}
