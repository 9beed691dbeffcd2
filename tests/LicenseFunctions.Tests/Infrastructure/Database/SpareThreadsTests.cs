using LicenseFunctions.Infrastructure.Database;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class SpareThreadsTests
{
    private const int Connections = 500; // more than any other test allows

    private readonly FakeTimeProvider time = new();

    [Fact]
    public void Allow_UntilAMinuteAfterTheLast_LetsThePoolHaveAThreadPerConnection()
    {
        using var threads = new SpareThreads(Connections, time);
        Assert.True(Least() < Connections);

        threads.Allow();
        time.Advance(TimeSpan.FromSeconds(50));
        threads.Allow();
        time.Advance(TimeSpan.FromSeconds(50));
        Assert.InRange(Least(), Connections, 2 * Connections);

        time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(Least() < Connections);
    }

    private static int Least()
    {
        ThreadPool.GetMinThreads(out var workers, out _);
        return workers;
    }
}
