using Dapper;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>Checks don't wait for the work of other customers, and a device that is known may be accepted without the database.</summary>
public sealed class CheckPoolTests(PostgresFixture postgres)
{
    private const string Check = """{"ea_instance_id": "EA-1", "mt5_account_number": 1001}""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_WhileAnotherCustomersRowIsLockedAndRequested_IsAnswered()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var other = await AddLicenseAsync(scene, "tok-2");
        await using var app = await RunningApp.StartHereAsync(scene.Database, ("DATABASE_POOL_SIZE", "4"));
        var subscriber = "Bearer " + RunningApp.Token("subscriber", scene.SubscriberId);
        await using var platform = await scene.Database.Source.OpenConnectionAsync(Stop);
        await using var locked = await platform.BeginTransactionAsync(Stop);
        await platform.ExecuteAsync("select from license_tokens for update; insert into license_states (subscription_id) values (@id)",
            new { id = scene.SubscriptionId });

        var requests = Enumerable.Range(0, 25).Select(_ => app.SendAsync(
            HttpMethod.Put, $"/api/v1/licenses/{scene.SubscriptionId}/auto-renew", subscriber, """{"enabled": true}""")).ToList();
        // The new device of another license is admitted, and then known.
        for (var n = 0; n < 3; n++)
        {
            var (status, body, _) = await app.PostAsync("/api/v1/licenses/validate", "License tok-2", Check);
            Assert.Equal((200, "VALID", other), (status, (string?)body!["code"], (Guid)body["subscription_id"]!));
        }

        Assert.Equal(200, (int)(await app.ReadyAsync()).StatusCode);
        // The row is still locked, so each request gets 503.
        foreach (var (status, body, response) in await Task.WhenAll(requests))
        {
            Assert.Equal((503, "DATABASE_UNAVAILABLE"), (status, (string?)body!["code"]));
            Assert.NotNull(response.Headers.RetryAfter);
        }
    }

    [Theory]
    [InlineData("insert into license_states (subscription_id) values (@id)")]
    [InlineData("select from subscriptions where subscription_id = @id for update")]
    public async Task Check_WhileAnotherLicenseIsLockedAndChecked_IsAnswered(string lockSql)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var other = await AddLicenseAsync(scene, "tok-2");
        await using var app = await RunningApp.StartHereAsync(
            scene.Database, ("DATABASE_POOL_SIZE", "4"), ("RATE_LIMIT_PER_MINUTE", "100000"), ("VALIDATION_TIMEOUT_SECONDS", "12"));
        await using var platform = await scene.Database.Source.OpenConnectionAsync(Stop);
        await using var locked = await platform.BeginTransactionAsync(Stop);
        await platform.ExecuteAsync(lockSql, new { id = scene.SubscriptionId });

        var checks = Enumerable.Range(0, 25).Select(_ => app.PostAsync(
            "/api/v1/licenses/validate", $"License {LicenseScene.Token}", Check)).ToList();
        foreach (var ea in (string[])["EA-1", "EA-2"])
        {
            var (status, body, _) = await app.PostAsync(
                "/api/v1/licenses/validate", "License tok-2", Check.Replace("EA-1", ea, StringComparison.Ordinal));
            Assert.Equal((200, "VALID", other), (status, (string?)body!["code"], (Guid?)body["subscription_id"]));
        }

        Assert.All(await Task.WhenAll(checks), check => Assert.Equal(
            (503, "DATABASE_UNAVAILABLE"), (check.Status, (string?)check.Body!["code"])));
        await locked.RollbackAsync(Stop);
        Assert.Equal(200, (await app.PostAsync("/api/v1/licenses/validate", $"License {LicenseScene.Token}", Check)).Status);
    }

    [Theory]
    [InlineData("update master_pricing set monthly_fee_usd = 31")]
    [InlineData("insert into user_payment_methods (user_id, payment_provider, provider_payment_id) values (@subscriber, 'stripe', 'pm_1')")]
    public async Task Check_OfANewDevice_DoesNotWaitForAnOpenChangeOfAPriceOrCard(string change)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into master_pricing (master_id, monthly_fee_usd) select master_id, 30 from subscriptions;
            insert into license_health (subscription_id) select subscription_id from subscriptions;
            """);
        await using var app = await RunningApp.StartHereAsync(scene.Database);
        await using var platform = await scene.Database.Source.OpenConnectionAsync(Stop);
        await using var open = await platform.BeginTransactionAsync(Stop);
        await platform.ExecuteAsync(change, new { subscriber = scene.SubscriberId });

        var (status, body, _) = await app.PostAsync("/api/v1/licenses/validate", $"License {LicenseScene.Token}", Check);

        Assert.Equal((200, "VALID"), (status, (string?)body!["code"]));
    }

    [Fact]
    public async Task Check_OfAKnownDeviceWithoutTheDatabase_IsAcceptedFromMemoryAndMarked()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2, staleSeconds: 600);
        await CheckTwiceAsync(scene);
        await using var away = await UnavailableAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(599));
        var stale = await scene.CheckAsync("EA-1", 1);

        Assert.True(stale is { IsStale: true, Verdict.Code: LicenseCode.Valid });
    }

    // The lease can't be read, and this process may have missed its revocation. The device keeps the lease that it has.
    [Fact]
    public async Task Check_FromMemoryWithoutTheDatabase_HasNoLease()
    {
        await using var scene = await LicenseScene.NewAsync(
            postgres, cacheSeconds: 2, staleSeconds: 600, leaseKeys: [.. Enumerable.Repeat((byte)7, 32)]);
        await CheckTwiceAsync(scene);
        Assert.NotNull((await scene.CheckAsync("EA-1", 1)).Lease);
        await using var away = await UnavailableAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(60));
        var stale = await scene.CheckAsync("EA-1", 1);

        Assert.True(stale is { IsStale: true, Verdict.Code: LicenseCode.Valid, Lease: null });
    }

    [Theory]
    [InlineData(0, 60, "EA-1")] // off
    [InlineData(600, 601, "EA-1")] // too old
    [InlineData(600, 60, "EA-2")] // unknown device
    public async Task Check_ThatMemoryCannotAnswer_IsNotAnswered(int staleSeconds, int after, string ea)
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2, staleSeconds: staleSeconds);
        await CheckTwiceAsync(scene);
        await using var away = await UnavailableAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(after));

        await Assert.ThrowsAnyAsync<Exception>(() => scene.CheckAsync(ea, 1));
    }

    [Theory]
    [InlineData(238, true)]
    [InlineData(240, false)]
    public async Task Check_WithoutTheDatabase_IsAcceptedUntilTheEndOfTheGrace(int secondsLater, bool accepted)
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2, staleSeconds: 3600);
        await scene.Database.ExecuteAsync(
            "update license_tokens set expires_at = @expiry",
            new { expiry = scene.Time.GetUtcNow().AddDays(-3).AddSeconds(300).UtcDateTime });
        await CheckTwiceAsync(scene);
        await using var away = await UnavailableAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(secondsLater));

        if (accepted)
            Assert.True((await scene.CheckAsync("EA-1", 1)).IsStale);
        else
            await Assert.ThrowsAnyAsync<Exception>(() => scene.CheckAsync("EA-1", 1));
    }

    [Fact]
    public async Task Check_ThatWasRefused_IsNotAcceptedFromMemory()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2, staleSeconds: 3600);
        await CheckTwiceAsync(scene);
        await scene.Database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now()");
        scene.Time.Advance(TimeSpan.FromSeconds(3));
        Assert.False((await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);
        await using var away = await UnavailableAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(3));

        await Assert.ThrowsAnyAsync<Exception>(() => scene.CheckAsync("EA-1", 1));
    }

    [Fact]
    public async Task Check_OfADeletedToken_IsNotAcceptedFromMemory()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2, staleSeconds: 3600);
        await CheckTwiceAsync(scene);
        await scene.Database.ExecuteAsync("delete from license_tokens");
        scene.Time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(LicenseCode.NotFound, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        await using var away = await UnavailableAsync(scene);

        await Assert.ThrowsAnyAsync<Exception>(() => scene.CheckAsync("EA-1", 1));
    }

    [Fact]
    public async Task Check_OfAClientThatLeft_IsDroppedFromTheQueue()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var store = new LicenseCheckStore(scene.Database.Database, scene.Cache, scene.Time);
        await using var platform = await scene.Database.Source.OpenConnectionAsync(Stop);
        await platform.ExecuteAsync("begin; lock table license_tokens");
        using var client = new CancellationTokenSource();

        // The first two are in the two batches; the others wait for a batch.
        var reads = Enumerable.Range(0, 4)
            .Select(n => store.ReadAsync(LicenseScene.Hash(LicenseScene.Token), "1|EA-1", n == 2 ? client.Token : Stop).AsTask()).ToList();
        await client.CancelAsync();
        await platform.ExecuteAsync("commit");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reads[2]);
        Assert.All(await Task.WhenAll(reads[0], reads[1], reads[3]), found => Assert.Equal(scene.SubscriptionId, found!.SubscriptionId));
    }

    // The first check registers the device, the second one reads it.
    private static async Task CheckTwiceAsync(LicenseScene scene)
    {
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromSeconds(61)); // the cache doesn't keep a license that has just changed
        await scene.CheckAsync("EA-1", 1);
    }

    private static async Task<NpgsqlConnection> UnavailableAsync(LicenseScene scene)
    {
        var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        // New connections soon give up waiting for the lock.
        await connection.ExecuteAsync(
            "do $$ begin execute format('alter database %I set lock_timeout = 50', current_database()); end $$");
        scene.Database.Source.Clear();
        await connection.ExecuteAsync("begin; lock table license_tokens");
        return connection;
    }

    private static Task<Guid> AddLicenseAsync(LicenseScene scene, string token) => scene.Database.QueryAsync<Guid>(
        """
        with master as (insert into users (email, role) values ('m2@x.test', 'master') returning user_id),
        subscription as (
            insert into subscriptions (subscriber_id, master_id, state)
            select subscriber_id, user_id, 'SYNCED' from subscriptions, master
            returning subscription_id)
        insert into license_tokens (subscription_id, token_hash, expires_at)
        select subscription_id, @hash, now() + interval '20 days' from subscription
        returning subscription_id
        """,
        new { hash = LicenseScene.Hash(token) });
}
