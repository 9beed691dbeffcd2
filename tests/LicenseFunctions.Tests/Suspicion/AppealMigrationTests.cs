using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class AppealMigrationTests(PostgresFixture postgres)
{
    /// <summary>An earlier version filed appeals as unusual usage. A finding that was appealed against later keeps its type.</summary>
    [Theory]
    [InlineData("", "APPEAL")]
    [InlineData("description = 'Usage at many places'", "UNUSUAL_USAGE_PATTERN")]
    [InlineData("""evidence = evidence || '{"rule": "people"}'""", "UNUSUAL_USAGE_PATTERN")]
    [InlineData("incident = 'people'", "UNUSUAL_USAGE_PATTERN")]
    [InlineData("activity_type = 'GEOGRAPHIC_ANOMALY'", "GEOGRAPHIC_ANOMALY")]
    public async Task Migration_RetypesOnlyProvenAppeals(string difference, string type)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'RESOLVED'");
        await scene.Database.Database.InTransactionAsync(
            async (connection, token) => await AlertStore.AppealAsync(
                connection, scene.SubscriptionId, Assert.Single(await SuspensionStore.OpenAsync(connection, scene.SubscriptionId, token)),
                "It is my laptop", scene.SubscriberId, scene.Time.GetUtcNow().UtcDateTime, token),
            LicenseScene.Stop);
        await scene.Database.ExecuteAsync(
            "update suspicious_activity_alerts set activity_type = 'UNUSUAL_USAGE_PATTERN' where activity_type = 'APPEAL'");
        if (difference.Length > 0)
            await scene.Database.ExecuteAsync($"update suspicious_activity_alerts set {difference} where appealed_at is not null");
        var migration = Repository.Read("sql/migrations/0083_types_of_earlier_appeals.sql");

        await scene.Database.ExecuteAsync(migration[migration.IndexOf("update ", StringComparison.Ordinal)..]);

        Assert.Equal(
            ["CONCURRENT_SESSIONS", type],
            await scene.Database.QueryAllAsync<string>(
                "select activity_type from suspicious_activity_alerts order by appealed_at is not null"));
    }
}
