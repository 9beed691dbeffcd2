using LicenseFunctions.Infrastructure.Payments.Stripe;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

public sealed class WritePaceTests
{
    private readonly FakeTimeProvider clock = new();

    [Fact]
    public async Task Wait_ManyAtOnce_LetsOneThroughEachSlot()
    {
        var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        var writes = Enumerable.Range(0, 21).Select(_ => pace.WaitAsync(TestContext.Current.CancellationToken)).ToList();

        for (var slot = 0; slot <= 20; slot++)
        {
            Assert.Equal(slot + 1, writes.Count(write => write.IsCompleted));
            clock.Advance(TimeSpan.FromMilliseconds(100));
        }

        await Task.WhenAll(writes);
    }

    [Fact]
    public async Task Wait_AfterAPause_AllowsNoBurst()
    {
        var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        await pace.WaitAsync(TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromHours(1));

        var writes = Enumerable.Range(0, 5).Select(_ => pace.WaitAsync(TestContext.Current.CancellationToken)).ToList();

        Assert.Equal(1, writes.Count(write => write.IsCompleted));
    }

    [Fact]
    public async Task Wait_InAQueueLongerThanTheLongestWait_IsRefused_AndTakesNoSlot()
    {
        var pace = new WritePace(1, TimeSpan.FromSeconds(1), clock);
        await pace.WaitAsync(TestContext.Current.CancellationToken);
        var last = pace.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Throws<WritePaceException>(() => { _ = pace.WaitAsync(TestContext.Current.CancellationToken); });
        clock.Advance(TimeSpan.FromSeconds(1));
        await last;
        Assert.False(pace.WaitAsync(TestContext.Current.CancellationToken).IsCompleted);
    }
}
