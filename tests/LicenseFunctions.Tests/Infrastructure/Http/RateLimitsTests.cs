using LicenseFunctions.Infrastructure.Http;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class RateLimitsTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void Take_ABurstOfAMinutesRate_PassesAndTheNextWaits()
    {
        var limits = Limits(perMinute: 3);

        Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(TimeSpan.Zero, limits.Take("a")));
        Assert.Equal(TimeSpan.FromSeconds(20), limits.Take("a"));
    }

    [Fact]
    public void Take_AfterTheStatedWait_Passes()
    {
        var limits = Limits(perMinute: 3);
        for (var i = 0; i < 3; i++)
            limits.Take("a");

        time.Advance(limits.Take("a"));

        Assert.Equal(TimeSpan.Zero, limits.Take("a"));
        Assert.NotEqual(TimeSpan.Zero, limits.Take("a"));
    }

    [Fact]
    public void Take_OneCallerAtTheLimit_DoesNotAffectAnother()
    {
        var limits = Limits(perMinute: 1);
        limits.Take("a");

        Assert.NotEqual(TimeSpan.Zero, limits.Take("a"));
        Assert.Equal(TimeSpan.Zero, limits.Take("b"));
    }

    [Fact]
    public void Take_ByManyNewCallers_KeepsOnlyThoseThatWouldWait()
    {
        var limits = Limits(perMinute: 600);
        for (var n = 0; n < 60_000; n++)
            limits.Take("unknown " + n);

        time.Advance(TimeSpan.FromSeconds(1));
        limits.Take("a");

        Assert.Equal(1, limits.Callers);
    }

    private RateLimits Limits(int perMinute) => new(new HttpSettings(null, null, null, new ClientAddressSource(0), perMinute), time);
}
