using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Devices;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

/// <summary>Rotations by a subscriber are limited, and their number doesn't make the next one slower.</summary>
public sealed class RotateTokenTests(PostgresFixture postgres)
{
    private static readonly Actor Operator = Actor.Operator(Guid.NewGuid());

    [Fact]
    public async Task Run_AfterEndedOverlaps_ChangesOnlyTheCurrentToken()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        for (var n = 0; n < 3; n++)
            await RotateAsync(scene, null);
        // xmin is the number of the transaction that wrote a row.
        var before = await scene.Database.QueryAllAsync<string>(Versions);

        await RotateAsync(scene, null);

        var after = await scene.Database.QueryAllAsync<string>(Versions);
        Assert.Equal(7, before.Count); // four tokens, three replacements
        Assert.Equal(6, after.Intersect(before).Count()); // the token that was current is another version
    }

    [Fact]
    public async Task Run_WithinAnOverlap_FollowsTheCurrentToken()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await RotateAsync(scene, null, overlapSeconds: 3600);
        await RotateAsync(scene, null, overlapSeconds: 60);

        var check = await scene.CheckAsync("EA-1", 1);

        Assert.Equal(LicenseCode.Valid, check.Verdict.Code);
        Assert.Equal(
            await scene.Database.QueryAsync<Guid>("select token_id from v_current_license_tokens"),
            await scene.Database.QueryAsync<Guid>("select distinct replaced_by from license_token_replacements"));
    }

    [Fact]
    public async Task Run_WhileThePlatformMovesTheExpiry_HasTheNewOne()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var platform = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        await using var transaction = await platform.BeginTransactionAsync(LicenseScene.Stop);
        await using var move = new NpgsqlCommand("update license_tokens set expires_at = '2090-01-01Z'", platform);
        await move.ExecuteNonQueryAsync(LicenseScene.Stop);

        var rotated = RotateAsync(scene, null);
        while (await scene.Database.QueryAsync<int>(
            "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0)
            await Task.Delay(20, LicenseScene.Stop);
        await transaction.CommitAsync(LicenseScene.Stop);

        Assert.Equal(new DateTimeOffset(2090, 1, 1, 0, 0, 0, TimeSpan.Zero), (await rotated).Value.ExpiresAt);
    }

    [Fact]
    public async Task Run_ASixthTimeInAnHour_IsRefusedForTheSubscriberOnly()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        for (var n = 0; n < 5; n++)
            Assert.Null((await RotateAsync(scene, scene.SubscriberId)).Refusal);

        var sixth = await RotateAsync(scene, scene.SubscriberId);
        var byOperator = await RotateAsync(scene, null);

        Assert.Equal("ROTATION_LIMIT", sixth.Refusal?.Code);
        Assert.InRange(sixth.Refusal!.RetryAfter!.Value, TimeSpan.Zero, TimeSpan.FromHours(1));
        Assert.Null(byOperator.Refusal);
    }

    [Fact]
    public async Task Retention_DeletesReplacedTokensAfter90Days_NeverTheReferencesToOthers()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        for (var n = 0; n < 3; n++)
            await RotateAsync(scene, null);
        await EndAsync(scene, firstDaysAgo: 89, othersDaysAgo: 91);
        var retention = new RetentionStore(scene.Database.Database);

        Assert.Equal(0, await retention.DeleteReplacedTokensAsync(100, LicenseScene.Stop));
        await EndAsync(scene, firstDaysAgo: 91, othersDaysAgo: 91);
        Assert.Equal(3, await retention.DeleteReplacedTokensAsync(100, LicenseScene.Stop));

        Assert.Equal(0, await scene.Database.QueryAsync<int>("select count(*)::int from license_token_replacements"));
        Assert.Equal(1, await scene.Database.QueryAsync<int>("select count(*)::int from license_tokens where is_active"));
    }

    /// <summary>Sets the ends of overlaps. The first token refers to the second, which ended earlier.</summary>
    private static Task<int> EndAsync(LicenseScene scene, int firstDaysAgo, int othersDaysAgo) =>
        scene.Database.ExecuteAsync(
            """
            with numbered as (select token_id, row_number() over (order by replaced_at) as n from license_token_replacements)
            update license_token_replacements r
            set replaced_at = now() - interval '100 days' + n * interval '1 day',
                overlap_until = now() - make_interval(days => case n when 1 then @firstDaysAgo else @othersDaysAgo end)
            from numbered where numbered.token_id = r.token_id
            """,
            new { firstDaysAgo, othersDaysAgo });

    private const string Versions = """
        select 'token ' || token_id || ' ' || xmin from license_tokens
        union all select 'replacement ' || token_id || ' ' || xmin from license_token_replacements
        """;

    private static Task<Outcome<NewToken>> RotateAsync(LicenseScene scene, Guid? subscriberId, int overlapSeconds = 0) =>
        scene.Rotation.RunAsync(
            scene.SubscriptionId, subscriberId, new TokenRotation(overlapSeconds),
            subscriberId is { } id ? Actor.Owner(id) : Operator, LicenseScene.Stop);
}
