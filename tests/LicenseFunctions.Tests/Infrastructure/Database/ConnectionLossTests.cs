using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class ConnectionLossTests(PostgresFixture postgres)
{
    [Fact] // if an update of Npgsql makes this fail, ConnectionLoss.IsOutOfStep isn't needed any more
    public async Task Statement_AfterItsFirstPreparedExecutionWasRefused_LosesItsConnectionOnce()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            MaxPoolSize = 1,
            MaxAutoPrepare = 10,
            AutoPrepareMinUsages = 1,
        });

        Assert.IsType<PostgresException>(await FailureAsync(source, "a text with \0"));
        Assert.True(ConnectionLoss.IsReportedBy((await FailureAsync(source, "a"))!));
        Assert.Null(await FailureAsync(source, "a"));
    }

    [Fact]
    public void AFailureOfThisCode_IsNoLoss()
    {
        Assert.False(ConnectionLoss.IsReportedBy(new InvalidOperationException("a bug")));
        Assert.False(ConnectionLoss.IsReportedBy(
            new PostgresException("a duplicate", "ERROR", "ERROR", PostgresErrorCodes.UniqueViolation)));
    }

    private static async Task<Exception?> FailureAsync(NpgsqlDataSource source, string value) => await Record.ExceptionAsync(async () =>
    {
        await using var command = source.CreateCommand("select $1::text");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value });
        await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    });
}
