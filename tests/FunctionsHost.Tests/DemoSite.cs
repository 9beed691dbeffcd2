using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>The application with demo data, under the test host and standalone.</summary>
public sealed class DemoSite(PostgresFixture postgres) : IAsyncLifetime
{
    internal HostAndStandalone Both { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await using var seed = await postgres.NewDatabaseAsync();
        await Demo.LoadAsync(seed);
        Both = await HostAndStandalone.StartAsync(postgres, seed);
    }

    public ValueTask DisposeAsync() => Both.DisposeAsync();
}
