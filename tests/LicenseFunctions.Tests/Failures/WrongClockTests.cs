using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Failures;

/// <summary>A process on a machine whose clock is 20 days ahead of the database's.</summary>
public sealed class WrongClockTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Process_OnAMachineThatIsAhead_ChecksByTheDatabasesClockAndRunsNoTimer()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var now = TimeProvider.System.GetUtcNow();
        // By the machine's clock it expired nine days ago, by the database's it expires in eleven days.
        var license = await new PostgresWorld(database, TimeProvider.System).AddAsync(
            new LicenseSeed { ExpiresAt = now.AddDays(-9), AutoRenew = false });
        await database.ExecuteAsync("update license_tokens set token_hash = @hash", new { hash = LicenseScene.Hash("tok") });
        // Functions of a schema before pg_catalog hide the server's own.
        await database.ExecuteAsync(
            """
            create schema late;
            create function late.clock_timestamp() returns timestamptz language sql as
                $$ select pg_catalog.clock_timestamp() - interval '20 days' $$;
            create function late.now() returns timestamptz language sql stable as $$ select pg_catalog.now() - interval '20 days' $$;
            do $$ begin execute format('alter database %I set search_path = late, public, pg_catalog', current_database()); end $$
            """);

        await using var app = await RunningApp.StartAsync(database, ("RENEWAL_SCHEDULE", "* * * * * *"), ("TIMER_FALLBACK", "true"));
        var (status, body, _) = await app.PostAsync(
            "/api/v1/licenses/validate", "License tok", """{"ea_instance_id": "EA-1", "mt5_account_number": 1}""");
        using var ready = await app.ReadyAsync();
        while (!app.Log.Contains("Timer RunRenewals claims no slot: The clock of this machine differs", StringComparison.Ordinal))
            await Task.Delay(50, TestContext.Current.CancellationToken);

        Assert.Equal((200, "VALID", license), (status, (string?)body!["code"], (Guid)body["subscription_id"]!));
        Assert.Equal(200, (int)ready.StatusCode);
        Assert.StartsWith(
            "ready\nwarning: The clock of this machine differs from the database's by +17",
            await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        // The slot stays due, for a process whose clock is right.
        Assert.Equal(0L, await database.QueryAsync<long>(
            "select count(*) from timer_leases where last_started_at is not null or fallback_runs > 0 or fence > 0"));
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from license_suspensions"));
    }
}
