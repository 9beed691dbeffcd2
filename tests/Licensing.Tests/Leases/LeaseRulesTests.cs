using Licensing.Leases;
using Xunit;

namespace Licensing.Tests.Leases;

public sealed class LeaseRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(73);

    [Theory]
    [InlineData(0, 1, false, 1)]
    [InlineData(23, 2, false, 1)]
    [InlineData(24, 1, false, 1)]
    [InlineData(24, 2, false, 13)]
    [InlineData(72, 4, false, 37)]
    [InlineData(144, 6, false, 61)]
    [InlineData(144, 7, false, 73)]
    [InlineData(9_000, 300, false, 73)]
    [InlineData(9_000, 300, true, 1)]
    public void Length_ByAgeDaysAndSuspicion_IsAsInTheTable(int hoursSinceFirst, int days, bool isSuspected, int hours)
    {
        var facts = new LeaseFacts(Now.AddHours(-hoursSinceFirst), days, isSuspected);

        Assert.Equal(TimeSpan.FromHours(hours), LeaseRules.Length(facts, Longest, Now));
    }

    [Theory]
    [InlineData(null, 73 * 3_600)]
    [InlineData(7_200, 7_200)]
    [InlineData(1, 1)]
    public void Issue_BeforeTheEndOfPaidTime_EndsThere(int? secondsToEnd, int expected)
    {
        var lease = LeaseRules.Issue(Guid.NewGuid(), Old, Longest, End(secondsToEnd), Now);

        Assert.Equal((Now, Now.AddSeconds(expected)), (lease!.IssuedAt, lease.ExpiresAt));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void Issue_AtTheEndOfPaidTime_IsNull(int secondsToEnd) =>
        Assert.Null(LeaseRules.Issue(Guid.NewGuid(), Old, Longest, End(secondsToEnd), Now));

    [Fact]
    public void Issue_WithinASecond_HasWholeSecondsAndNeverOutlastsTheEnd()
    {
        var now = Now.AddMilliseconds(700);
        var end = Now.AddSeconds(90).AddMilliseconds(900);

        var lease = LeaseRules.Issue(Guid.NewGuid(), Old, Longest, end, now);

        Assert.Equal((Now, Now.AddSeconds(90)), (lease!.IssuedAt, lease.ExpiresAt));
    }

    [Theory]
    [InlineData(0, null, true)]
    [InlineData(900, null, true)]
    [InlineData(901, null, false)]
    [InlineData(-60, null, true)]
    [InlineData(-61, null, false)]
    [InlineData(0, 3_600, true)]
    [InlineData(0, 3_599, false)]
    public void IsFresh_ByItsAgeAndTheEnd_IsAsInTheTable(int age, int? secondsToEnd, bool expected)
    {
        var lease = new Lease(Guid.NewGuid(), Now, Now.AddHours(1));

        Assert.Equal(expected, lease.IsFresh(Now.AddSeconds(age), End(secondsToEnd)));
    }

    private static LeaseFacts Old => new(Now.AddDays(-60), 50, IsSuspected: false);

    private static DateTimeOffset? End(int? seconds) => seconds is { } some ? Now.AddSeconds(some) : null;
}
