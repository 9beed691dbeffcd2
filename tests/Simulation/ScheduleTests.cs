using System.Text.RegularExpressions;
using Licensing.Renewals;
using Xunit;

namespace Simulation;

public sealed class ScheduleTests
{
    [Fact]
    public void Schedules_TenThousand_ViolateNoRule()
    {
        var failing = Simulate.Failing(first: 1, schedules: 10_000);

        Assert.True(failing.Count == 0, string.Join('\n', failing.Select(one => $"./dev simulate --seed {one.Seed}: {one.Violations[0]}")));
    }

    [Fact]
    public void Schedules_OverPostgres_ViolateNoRule()
    {
        var failing = Simulate.Failing(first: 1, schedules: 30, overPostgres: true);

        Assert.True(failing.Count == 0, string.Join(
            '\n', failing.Select(one => $"./dev simulate --store postgres --seed {one.Seed}: {one.Violations[0]}")));
    }

    // With one license, because the order in which renewals are claimed that are due at the same time is not defined.
    [Fact]
    public void Schedules_OverBothStores_HaveTheSameSteps()
    {
        using var postgres = PostgresWorld.Create();
        foreach (var seed in Enumerable.Range(1_000, 20))
        {
            var (memory, stored) = (new List<string>(), new List<string>());

            Schedule.Run(seed, trace: memory, licenses: 1);
            Schedule.Run(seed, trace: stored, postgres: postgres, licenses: 1);

            Assert.Equal(memory.Select(WithoutIds), stored.Select(WithoutIds));
        }
    }

    private static string WithoutIds(string step) => Regex.Replace(step, "[0-9a-f]{8}-[0-9a-f-]{27}", "…");

    [Theory]
    [InlineData(nameof(Sabotage.FenceIgnored))]
    [InlineData(nameof(Sabotage.IntentPerCall))]
    [InlineData(nameof(Sabotage.CancelSkipped))]
    [InlineData(nameof(Sabotage.UnknownIsFailed))]
    [InlineData(nameof(Sabotage.RefusalIsUnknown))]
    [InlineData(nameof(Sabotage.BlockIgnored))]
    [InlineData(nameof(Sabotage.DisputeIgnored))]
    [InlineData(nameof(Sabotage.ReversalsDropped))]
    [InlineData(nameof(Sabotage.PriceKept))]
    [InlineData(nameof(Sabotage.OtherChargeIgnored))]
    [InlineData(nameof(Sabotage.NoticeSkipped))]
    [InlineData(nameof(Sabotage.LapsedOpened))]
    [InlineData(nameof(Sabotage.LockIsWallet))]
    [InlineData(nameof(Sabotage.CasesDropped))]
    [InlineData(nameof(Sabotage.NextCardAtOnce))]
    [InlineData(nameof(Sabotage.MissedEventsIgnored))]
    public void Schedules_WithADeliberateFault_ViolateARule(string sabotage)
    {
        Assert.NotEmpty(Simulate.Failing(first: 1, schedules: 20_000, Enum.Parse<Sabotage>(sabotage), untilFailure: true));
    }

    [Fact]
    public void Schedule_OfTheSameSeed_HasTheSameSteps()
    {
        foreach (var seed in Enumerable.Range(1, 50))
        {
            var (first, second) = (new List<string>(), new List<string>());

            Schedule.Run(seed, trace: first);
            Schedule.Run(seed, trace: second);

            Assert.NotEmpty(first);
            Assert.Equal(first, second);
        }
    }

    [Fact]
    public void SilentTimers_ForElevenDays_LockNoPayerOutAndDoNothingTwice()
    {
        var simulations = Enumerable.Range(1, 20).Select(seed => SilentTimers.Run(seed)).ToList();

        Assert.All(simulations, simulation => Assert.Empty(simulation.Violations));
        Assert.All(simulations, simulation => Assert.True(simulation is { Suspended: > 0, Cut: > 0 }));
    }

    [Fact]
    public void SilentTimers_WithoutFallback_LockPayersOut() => Assert.NotEmpty(SilentTimers.Run(1, fallback: false).Violations);

    [Fact]
    public void Schedules_Together_ReachEveryState()
    {
        var trace = new List<string>();

        foreach (var seed in Enumerable.Range(1, 1_500)) Schedule.Run(seed, trace: trace);

        Assert.All(Enum.GetNames<RenewalStatus>(), status => Assert.Contains(
            trace, line => line.Contains($"[{status} ", StringComparison.Ordinal)));
    }
}
