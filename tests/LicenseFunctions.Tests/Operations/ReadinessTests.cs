using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class ReadinessTests(PostgresFixture postgres)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Missing_AllInstalled_IsNothing()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Null((await new ReadinessStore(database.Database, TimeProvider.System).ReadAsync(Stop)).Missing);
    }

    [Fact]
    public async Task Missing_OlderSchema_NamesTheFirstMissingMigration()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("delete from schema_migrations where name >= '0004'");

        Assert.Equal(
            "The schema lacks 0004_devices.",
            (await new ReadinessStore(database.Database, TimeProvider.System).ReadAsync(Stop)).Missing?.Detail);
    }

    [Fact]
    public async Task Missing_NoSchema_ReportsIt()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();

        Assert.Equal(
            "The schema isn't installed.",
            (await new ReadinessStore(database.Database, TimeProvider.System).ReadAsync(Stop)).Missing?.Detail);
    }

    [Fact]
    public async Task Read_SoonAfterAnother_SharesItsResult()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var time = new FakeTimeProvider();
        var readiness = new ReadinessStore(database.Database, time);
        Assert.Null((await readiness.ReadAsync(Stop)).Missing);
        await database.ExecuteAsync("delete from schema_migrations");

        time.Advance(ReadinessStore.SharedFor - TimeSpan.FromTicks(1));
        Assert.Null((await readiness.ReadAsync(Stop)).Missing);
        time.Advance(TimeSpan.FromTicks(1));
        Assert.NotNull((await readiness.ReadAsync(Stop)).Missing);
    }
}
