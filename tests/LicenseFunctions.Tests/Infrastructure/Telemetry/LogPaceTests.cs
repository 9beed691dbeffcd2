using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

public sealed class LogPaceTests
{
    private readonly FakeTimeProvider time = new();

    [Theory]
    [InlineData(0, false, 0)]
    [InlineData(59_999, false, 0)]
    [InlineData(60_000, true, 1)]
    public void Admits_ALineOfAKnownKind_OnlyAfterAMinute(int millisecondsLater, bool admits, int leftOut)
    {
        var pace = new LogPace(time);
        Assert.True(pace.Admits("a", out _));
        Assert.False(pace.Admits("a", out _));
        time.Advance(TimeSpan.FromMilliseconds(millisecondsLater));

        Assert.Equal(admits, pace.Admits("a", out var counted));
        Assert.Equal(admits ? leftOut : 1, counted);
    }

    [Fact]
    public void Admits_ManyKinds_TreatsThoseBeyondTheLimitAsOne()
    {
        var pace = new LogPace(time);

        Assert.Equal(1001, Enumerable.Range(0, 5000).Count(kind => pace.Admits($"kind {kind}", out _)));
    }
}
