using LicenseFunctions.Infrastructure.Database;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class TurnsTests
{
    private static readonly Guid Key = Guid.NewGuid();

    private readonly Turns turns = new(longest: 2);

    [Fact]
    public async Task Take_OfAnotherKey_DoesNotWait()
    {
        using var first = await TakeAsync(Key);

        using var other = await TakeAsync(Guid.NewGuid());

        Assert.Equal(2, turns.Count);
    }

    [Fact]
    public async Task Take_OfTheSameKey_WaitsForTheFirst()
    {
        var first = await TakeAsync(Key);
        var second = TakeAsync(Key).AsTask();
        Assert.False(second.IsCompleted);

        first.Dispose();

        (await second).Dispose();
        Assert.Equal(0, turns.Count);
    }

    [Fact]
    public async Task Take_BeyondTheLongestQueue_IsRefused()
    {
        using var first = await TakeAsync(Key);
        var waiting = new[] { TakeAsync(Key).AsTask(), TakeAsync(Key).AsTask() };

        await Assert.ThrowsAsync<BusyException>(async () => await TakeAsync(Key));

        first.Dispose();
        (await waiting[0]).Dispose();
        await waiting[1];
    }

    [Fact]
    public async Task Take_CanceledWhileItWaits_LeavesTheQueue()
    {
        var first = await TakeAsync(Key);
        using var left = new CancellationTokenSource();
        var second = turns.TakeAsync(Key, left.Token).AsTask();

        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        first.Dispose();
        Assert.Equal(0, turns.Count);
    }

    private ValueTask<Turns.Turn> TakeAsync(Guid key) => turns.TakeAsync(key, TestContext.Current.CancellationToken);
}
