using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure;

public sealed class TimeSliceTests
{
    [Fact]
    public void IsOver_OutsideASlice_IsFalse()
    {
        Assert.False(TimeSlice.IsOver);
        Assert.Equal(500, TimeSlice.Batch(500, 20));
    }

    [Fact]
    public async Task IsOver_InASlice_BecomesTrueAtItsEndAndIsRemembered()
    {
        var time = new FakeTimeProvider();
        await Task.Run(async () =>
        {
            var slice = TimeSlice.Begin(time, TimeSpan.FromSeconds(2));
            await Task.Yield();
            Assert.Equal(20, TimeSlice.Batch(500, 20));
            time.Advance(TimeSpan.FromSeconds(1.9));
            Assert.Equal((false, false), (TimeSlice.IsOver, slice.WasCut));
            time.Advance(TimeSpan.FromSeconds(0.1));
            Assert.False(slice.WasCut);
            Assert.Equal((true, true), (TimeSlice.IsOver, slice.WasCut));
        }, TestContext.Current.CancellationToken);

        Assert.False(TimeSlice.IsOver);
    }
}
