using LicenseFunctions.Tests.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class MigrateCommandTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Help_HasNoPassword()
    {
        var (code, output) = await Licensectl.RunAsync(
            [("DATABASE_URL", "postgresql://owner:hunter2@db.example.com/licenses")], "migrate", "--help");

        Assert.Equal(0, code);
        Assert.Contains("--database", output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "alter table subscriptions alter state drop default, alter state type varchar(20)",
        "subscriptions.state is character varying(20); expected: subscription_state")]
    [InlineData("alter table subscriptions drop column paused_reason", "subscriptions.paused_reason is missing; expected: text")]
    [InlineData(
        "alter table license_tokens drop constraint license_tokens_subscription_id_fkey, alter subscription_id type text",
        "license_tokens.subscription_id is text; expected: uuid")]
    [InlineData(
        "alter type subscription_state rename value 'SUSPENDED_ADMIN' to 'SUSPENDED'",
        "the type subscription_state has no value SUSPENDED_ADMIN")]
    public async Task Migrate_PlatformOfAnotherShape_NamesEachDifference(string change, string difference)
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync(ExistingPlatform.Schema);
        await database.ExecuteAsync(change);

        const string Objects = "select count(*)::int from pg_class where relnamespace = 'public'::regnamespace";
        var before = await database.QueryAsync<int>(Objects);

        var (code, output) = await Licensectl.RunAsync(database, "migrate");

        Assert.Equal(before, await database.QueryAsync<int>(Objects));
        Assert.EndsWith("Nothing was installed.\n", output, StringComparison.Ordinal);
        Assert.Equal(1, code);
        Assert.Contains(
            $"The platform's tables are not as this schema needs them:\n  {difference}\nCorrect them", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_AnotherTypeThatTheSchemaAccepts_WarnsAboutIt()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync(ExistingPlatform.Schema);
        await database.ExecuteAsync("alter table license_tokens alter ip_address type text");

        var (code, output) = await Licensectl.RunAsync(database, "migrate");

        Assert.Equal(0, code);
        Assert.Contains(
            "WARNING: the platform's table differs: license_tokens.ip_address is text; expected: inet\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_ExistingPlatform_InstallsTheSchema()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync(ExistingPlatform.Schema);

        var (code, output) = await Licensectl.RunAsync(database, "migrate");

        Assert.Equal(0, code);
        Assert.EndsWith("the schema is up to date now\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING: the platform's table", output, StringComparison.Ordinal);
    }
}
