using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>The next poll evicts the licenses that another process or a person changed, and no others.</summary>
public sealed class LicenseChangesTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'by hand'")]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'")]
    [InlineData("update license_tokens set expires_at = 'infinity'")]
    [InlineData("update license_tokens set token_hash = repeat('0', 64)")]
    [InlineData("delete from license_tokens")]
    [InlineData("""
        delete from license_tokens;
        insert into license_tokens (subscription_id, token_hash) select subscription_id, 'other' from subscriptions
        """)]
    [InlineData("update subscriptions set state = 'PAUSED_TOXIC'")]
    [InlineData("update subscriptions set is_active = false")]
    [InlineData("alter table subscriptions alter state drop not null; update subscriptions set state = null")]
    [InlineData("alter table license_tokens alter is_active drop not null; update license_tokens set is_active = null")]
    [InlineData("update subscriptions set paused_reason = 'why'")]
    [InlineData("update license_states set grace_until = now()")]
    [InlineData("update license_devices set removed_at = now(), slot = null")]
    [InlineData("""
        insert into license_suspensions (subscription_id, cause, reason, previous_state)
        select subscription_id, 'OPERATOR', 'why', state from subscriptions
        """)]
    [InlineData("""
        with newer as (
            insert into license_tokens (subscription_id, token_hash)
            select subscription_id, 'newer' from subscriptions returning token_id)
        insert into license_token_replacements (token_id, subscription_id, replaced_by, overlap_until)
        select t.token_id, t.subscription_id, newer.token_id, now() from license_tokens t, newer
        """)]
    public async Task Poll_AfterAChangeElsewhere_EvictsTheLicense(string change)
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);

        await scene.Database.ExecuteAsync(change);
        await changes.PollAsync(LicenseScene.Stop);

        Assert.False(IsCached(scene));
    }

    [Theory]
    [InlineData("update license_tokens set last_used_at = now(), ip_address = '192.0.2.7'")]
    [InlineData("update subscriptions set last_sequence_id = 7, last_signal_at = now()")]
    [InlineData("update license_devices set last_seen_at = now() + interval '1 minute', ip_address = '192.0.2.7'")]
    [InlineData("""
        with s as (
            insert into subscriptions (subscriber_id, master_id)
            select master_id, subscriber_id from subscriptions returning subscription_id)
        insert into license_tokens (subscription_id, token_hash) select subscription_id, 'other' from s
        """)]
    public async Task Poll_AfterAChangeThatNoCheckReads_KeepsTheLicense(string change)
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);

        await scene.Database.ExecuteAsync(change);
        await changes.PollAsync(LicenseScene.Stop);

        Assert.True(IsCached(scene));
    }

    [Theory]
    [InlineData("select 1")]
    [InlineData("savepoint changed")]
    public async Task Poll_OfAChangeThatCommitsAfterLaterOnes_EvictsTheLicense(string before)
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);
        await using var elsewhere = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        await using var transaction = await elsewhere.BeginTransactionAsync(LicenseScene.Stop);
        await Dapper.SqlMapper.ExecuteAsync(elsewhere, "update users set trust_score = 99");
        await Dapper.SqlMapper.ExecuteAsync(elsewhere, before);
        await Dapper.SqlMapper.ExecuteAsync(elsewhere, "update subscriptions set state = 'PAUSED_TOXIC'");
        await scene.Database.ExecuteAsync("insert into users (email) values ('later@x.test')");

        await changes.PollAsync(LicenseScene.Stop);
        Assert.True(IsCached(scene));
        await transaction.CommitAsync(LicenseScene.Stop);
        await changes.PollAsync(LicenseScene.Stop);

        Assert.Equal(LicenseCode.PausedToxic, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }

    [Fact]
    public async Task Check_WhilePollsSucceed_IsAnsweredFromMemoryAfterTheLifetime()
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);

        for (var second = 0; second < 10; second++)
        {
            scene.Time.Advance(TimeSpan.FromSeconds(1));
            await changes.PollAsync(LicenseScene.Stop);
        }

        Assert.True(IsCached(scene));
        await scene.Database.ExecuteAsync("alter table license_tokens rename to elsewhere"); // so that no check can read it
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        scene.Time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.True(IsCached(scene));
        scene.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(IsCached(scene));
    }

    [Fact]
    public async Task Check_WhenTheLicenseExpires_EvaluatesTheCachedFactsNow()
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await scene.Database.ExecuteAsync(
            "update license_tokens set expires_at = @soon", new { soon = scene.Time.GetUtcNow().UtcDateTime.AddSeconds(1) });
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);

        scene.Time.Advance(TimeSpan.FromSeconds(1.5));

        Assert.True(IsCached(scene));
        Assert.Equal(LicenseCode.Grace, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }

    [Fact]
    public async Task Poll_ThatFails_StopsUseOfTheCache_AndTheNextEvictsAll()
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        await changes.PollAsync(LicenseScene.Stop);
        await RequireCachedAsync(scene);
        await scene.Database.ExecuteAsync("alter table license_changes rename to elsewhere");

        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => changes.PollAsync(LicenseScene.Stop));
        scene.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(IsCached(scene));
        await scene.Database.ExecuteAsync("alter table elsewhere rename to license_changes");
        await changes.PollAsync(LicenseScene.Stop);

        Assert.False(IsCached(scene));
    }

    [Fact]
    public async Task Add_OfAReadDuringWhichAPollEnded_AddsNothing()
    {
        await using var scene = await CachedAsync();
        using var changes = Changes(scene);
        var license = scene.Cache.Find(LicenseScene.Hash(LicenseScene.Token), "1|EA-1")!;
        var readAt = scene.Time.GetTimestamp();

        scene.Time.Advance(TimeSpan.FromMilliseconds(1));
        await changes.PollAsync(LicenseScene.Stop);
        scene.Cache.Add(LicenseScene.Hash(LicenseScene.Token), "1|EA-1", license, readAt);

        Assert.False(IsCached(scene));
    }

    private async Task<LicenseScene> CachedAsync()
    {
        var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            "insert into license_states (subscription_id) select subscription_id from subscriptions on conflict do nothing");
        scene.Time.Advance(TimeSpan.FromMinutes(2)); // long after its admission
        // A poll starts from the oldest running transaction of all databases of the server, so wait for the other ones.
        var done = await scene.Database.QueryAsync<string>("select pg_current_xact_id()::text");
        while (!await scene.Database.QueryAsync<bool>("select pg_snapshot_xmin(pg_current_snapshot()) > @done::xid8", new { done }))
            await Task.Delay(20, LicenseScene.Stop);
        await RequireCachedAsync(scene);
        return scene;
    }

    private static async Task RequireCachedAsync(LicenseScene scene)
    {
        await scene.CheckAsync("EA-1", 1);
        Assert.True(IsCached(scene));
    }

    private static bool IsCached(LicenseScene scene) => scene.Cache.Find(LicenseScene.Hash(LicenseScene.Token), "1|EA-1") is not null;

    private static LicenseChanges Changes(LicenseScene scene) =>
        new(scene.Database.Database, scene.Cache, scene.Time, NullLogger<LicenseChanges>.Instance);
}
