using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>The error of convert-usage-log on a server without TimescaleDB. tests/timescale tests the conversion.</summary>
public sealed class UsageLogTimescaleConversionTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Run_WithoutTheExtension_SaysSoAndChangesNothing()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.SkipOnHypertableAsync();
        var conversion = new UsageLogConversion(database.Source, new Migrations(database.Source));

        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => conversion.RunAsync(_ => { }, TestContext.Current.CancellationToken));

        Assert.Contains("create extension timescaledb", refused.MessageText, StringComparison.Ordinal);
        Assert.Null(await database.QueryAsync<string?>("select usage_log_warning()"));
        Assert.Null(await database.QueryAsync<string?>("select to_regclass('usage_log_next')::text"));
    }
}
