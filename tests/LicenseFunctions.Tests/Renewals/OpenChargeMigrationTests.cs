using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

public sealed class OpenChargeMigrationTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Doubles_FromBefore_AreListedAndFurtherOnesAreRefused()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var (one, two) = (await AddAsync(database, "unknown", "charging"), await AddAsync(database, "undecided", "lapsed"));

        await database.ExecuteAsync(Part());

        Assert.Equal(
            [one],
            await database.QueryAllAsync<Guid>("select subscription_id from audit_log where action = 'renewal.double_charge_found'"));
        Assert.Equal(["charging"], await database.QueryAllAsync<string>("select status from renewals where is_double"));
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => database.ExecuteAsync(
            "update renewals set status = 'charging' where subscription_id = @two and status = 'lapsed'", new { two }));
    }

    // The statements of the migration that find the doubles and add the constraint.
    private static string Part()
    {
        var migration = Repository.Read("sql/migrations/0021_one_open_charge.sql");
        var from = migration.IndexOf("do $$", StringComparison.Ordinal);
        return migration[from..migration.IndexOf("-- When a run last", StringComparison.Ordinal)];
    }

    private static async Task<Guid> AddAsync(TestDatabase database, params string[] statuses)
    {
        await database.ExecuteAsync("drop index if exists one_open_charge_a_license");
        var license = await new PostgresWorld(database, TimeProvider.System).AddAsync(new LicenseSeed());
        foreach (var status in statuses)
        {
            await database.ExecuteAsync(
                """
                insert into renewals (subscription_id, user_id, period_start, renewal_type, status, intent_id, gives_up_at, created_at)
                select subscription_id, subscriber_id, clock_timestamp(), 'auto', @status, gen_random_uuid()::text, now(), clock_timestamp()
                from subscriptions where subscription_id = @license
                """,
                new { license, status });
        }

        return license;
    }
}
