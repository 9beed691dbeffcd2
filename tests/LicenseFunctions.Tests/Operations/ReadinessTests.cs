using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class ReadinessTests(PostgresFixture postgres)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Missing_AllInstalled_IsNothing()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Null(await new ReadinessStore(database.Database, TimeProvider.System).MissingAsync(Stop));
    }

    [Fact]
    public async Task Missing_OlderSchema_NamesTheFirstMissingMigration()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("delete from schema_migrations where name >= '0004'");

        Assert.Equal(
            "The schema lacks 0004_devices.",
            (await new ReadinessStore(database.Database, TimeProvider.System).MissingAsync(Stop))?.Detail);
    }

    [Fact]
    public async Task Missing_NoSchema_ReportsIt()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();

        Assert.Equal(
            "The schema isn't installed.", (await new ReadinessStore(database.Database, TimeProvider.System).MissingAsync(Stop))?.Detail);
    }
}
