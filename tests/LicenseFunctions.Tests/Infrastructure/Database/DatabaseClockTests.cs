using LicenseFunctions.Infrastructure.Database;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class DatabaseClockTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    private readonly FakeTimeProvider machine = new(Now.AddDays(20));

    [Fact]
    public void GetUtcNow_BeforeTheFirstReading_IsTheMachines()
    {
        var clock = new DatabaseClock(machine);

        Assert.Equal(Now.AddDays(20), clock.GetUtcNow());
        Assert.False(clock.IsMachineWrong);
        Assert.Equal("The database's clock has not been read. The timers of this process don't run.", clock.Warning);
    }

    [Fact]
    public void GetUtcNow_OnAMachineThatIs20DaysAhead_IsTheDatabases()
    {
        var clock = new DatabaseClock(machine);
        Read(clock);

        machine.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(Now.AddMinutes(5), clock.GetUtcNow());
        Assert.Equal(
            "The clock of this machine differs from the database's by +1728000 s. Its timers don't run.", clock.Warning);
    }

    [Fact]
    public void Read_TakesHalfOfTheRoundTrip()
    {
        var clock = new DatabaseClock(machine);
        var asked = clock.GetTimestamp();
        machine.Advance(TimeSpan.FromSeconds(2));

        clock.Read(Now, asked, clock.GetTimestamp());

        Assert.Equal(Now.AddSeconds(1), clock.GetUtcNow());
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public void Read_TheFirstTime_MayTakeLonger(int seconds, bool isRead)
    {
        var clock = new DatabaseClock(machine);
        var asked = clock.GetTimestamp();
        machine.Advance(TimeSpan.FromSeconds(seconds));
        clock.Read(Now, asked, clock.GetTimestamp());
        var first = clock.GetUtcNow();

        asked = clock.GetTimestamp();
        machine.Advance(TimeSpan.FromSeconds(3));
        clock.Read(Now.AddYears(1), asked, clock.GetTimestamp());

        Assert.Equal(isRead ? Now.AddSeconds(5) : Now.AddDays(20).AddSeconds(11), first);
        Assert.Equal(isRead ? Now.AddSeconds(8) : Now.AddYears(1).AddSeconds(1.5), clock.GetUtcNow());
    }

    [Theory]
    [InlineData(30, false)]
    [InlineData(31, true)]
    [InlineData(-30, false)]
    [InlineData(-31, true)]
    public void IsMachineWrong_BeyondThirtySeconds_IsTrue(int ahead, bool wrong)
    {
        var clock = new DatabaseClock(new FakeTimeProvider(Now.AddSeconds(ahead)));
        Read(clock);

        Assert.Equal(wrong, clock.IsMachineWrong);
        Assert.Equal(wrong, clock.Warning is not null);
    }

    private static void Read(DatabaseClock clock) => clock.Read(Now, clock.GetTimestamp(), clock.GetTimestamp());
}
