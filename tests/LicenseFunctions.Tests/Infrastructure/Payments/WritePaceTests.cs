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
        using var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        var writes = Wait(pace, WritePriority.Other, 21);

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
        using var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        await pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromHours(1));

        var writes = Wait(pace, WritePriority.Other, 5);

        Assert.Equal(1, writes.Count(write => write.IsCompleted));
    }

    [Fact]
    public async Task Wait_InAQueueLongerThanTheLongestWait_IsRefused_AndTakesNoSlot()
    {
        using var pace = new WritePace(1, TimeSpan.FromSeconds(1), clock);
        await pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken);
        var last = pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken);

        Assert.Throws<WritePaceException>(() => { _ = pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken); });
        clock.Advance(TimeSpan.FromSeconds(1));
        await last;
        Assert.False(pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken).IsCompleted);
    }

    [Fact]
    public async Task Wait_BehindOtherWrites_ChargesGoFirst()
    {
        using var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        await pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken);
        var others = Wait(pace, WritePriority.Other, 50);
        var charges = Wait(pace, WritePriority.Charge, 3);

        clock.Advance(TimeSpan.FromMilliseconds(300));
        await Task.WhenAll(charges);
        Assert.DoesNotContain(others, other => other.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(5));
        await Task.WhenAll(others);
    }

    [Fact]
    public async Task Wait_AFullQueueOfOtherWrites_RefusesNoCharge()
    {
        using var pace = new WritePace(1, TimeSpan.FromSeconds(2), clock);
        await pace.WaitAsync(WritePriority.Other, TestContext.Current.CancellationToken);
        var others = Wait(pace, WritePriority.Other, 2);
        Assert.Throws<WritePaceException>(() => { _ = Wait(pace, WritePriority.Other, 1); });

        var charges = Wait(pace, WritePriority.Charge, 2);
        clock.Advance(TimeSpan.FromSeconds(1));
        await charges[0];
        clock.Advance(TimeSpan.FromSeconds(1));
        await charges[1];
        clock.Advance(TimeSpan.FromSeconds(1));

        // One got the next slot; charges have delayed the other for too long.
        await others[0];
        await Assert.ThrowsAsync<WritePaceException>(() => others[1]);
    }

    [Fact]
    public async Task Wait_OfACallerThatLeaves_TakesNoSlot()
    {
        using var pace = new WritePace(10, TimeSpan.FromSeconds(10), clock);
        await pace.WaitAsync(WritePriority.Charge, TestContext.Current.CancellationToken);
        using var leaves = new CancellationTokenSource();
        var left = pace.WaitAsync(WritePriority.Charge, leaves.Token);
        var stays = pace.WaitAsync(WritePriority.Charge, TestContext.Current.CancellationToken);

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        clock.Advance(TimeSpan.FromMilliseconds(100));

        await stays;
    }

    private static List<Task> Wait(WritePace pace, WritePriority priority, int number) =>
        [.. Enumerable.Range(0, number).Select(_ => pace.WaitAsync(priority, TestContext.Current.CancellationToken))];
}
