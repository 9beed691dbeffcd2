using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>infra-bicep/app-role.sql: the backend works with a role that owns nothing.</summary>
public sealed class AppRoleTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string role = "app-" + Guid.NewGuid().ToString("N");
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync($"create role \"{role}\" login password '{role}'");
        await Psql.RunAsync("psql", database, Path.Combine(Repository.Root, "infra-bicep"),
            "-X", "-v", "ON_ERROR_STOP=1", "-v", $"app_role={role}", "-f", "app-role.sql");
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await database.ExecuteAsync($"drop owned by \"{role}\"; drop role \"{role}\"");
        await database.DisposeAsync();
    }

    [Fact]
    public async Task AppRole_CanChangeRowsOfEveryTableButNoTable()
    {
        await using var asApp = NpgsqlDataSource.Create(AsApp());

        await using var lacking = asApp.CreateCommand("""
            select coalesce(string_agg(relname, ', '), '') from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
              and not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
                       and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))
            """);
        Assert.Equal("", await lacking.ExecuteScalarAsync(TestContext.Current.CancellationToken));

        await using var alter = asApp.CreateCommand("alter table subscriptions add column mine int");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => alter.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task AppRole_CreatesAndDropsPartitionsOfTheUsageLog()
    {
        await using var asApp = NpgsqlDataSource.Create(AsApp());

        await using var make =
            asApp.CreateCommand("select ensure_usage_partitions(now() - interval '200 days', now() - interval '190 days')");
        Assert.True((int)(await make.ExecuteScalarAsync(TestContext.Current.CancellationToken))! > 0);
        await using var drop = asApp.CreateCommand("select count(*) from drop_expired_usage()");
        Assert.True((long)(await drop.ExecuteScalarAsync(TestContext.Current.CancellationToken))! > 0);
    }

    [Fact]
    public async Task Backend_WithTheAppRole_IsReadyAndAnswersChecks()
    {
        await using var app = await RunningApp.StartHereAsync(database, ("DATABASE_URL", AsApp()));

        using var ready = await app.ReadyAsync();
        var (_, check, _) = await app.PostAsync("/api/v1/licenses/validate", "License unknown-token",
            new { ea_instance_id = "EA-1", mt5_account_number = 1001 });
        var (posted, _, _) = await app.PostAsync("/api/v1/usage", $"Bearer {RunningApp.Token("service")}", "[]");

        Assert.Equal(200, (int)ready.StatusCode);
        Assert.Equal("NOT_FOUND", (string?)check!["code"]);
        Assert.NotEqual(500, posted);
        Assert.DoesNotContain("permission denied", app.Log);
    }

    private string AsApp() =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = role, Password = role }.ConnectionString;
}
