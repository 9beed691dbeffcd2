using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Devices;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

/// <summary>Rules about licenses that exist in SQL and in C#, and rules that several statements share.</summary>
public sealed class LicenseRulesTests(PostgresFixture postgres)
{
    private static readonly RenewalPolicy Renewals = new(
        true, TimeSpan.FromDays(7), Grace: TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());

    [Fact]
    public async Task Liftable_MeansTheSameInSql()
    {
        await using var database = await postgres.NewDatabaseAsync();

        var liftable = await database.QueryAllAsync<string>(
            "select cause from unnest(@all) as a (cause) where is_liftable(cause)", new { all = SuspensionCause.All.ToArray() });

        Assert.Equal(SuspensionCause.Liftable, liftable);
    }

    public static TheoryData<SubscriptionState?, string?> PausedStates => new()
    {
        { SubscriptionState.SuspendedAdmin, SuspensionTexts.Expired.PausedReason },
        { SubscriptionState.SuspendedAdmin, SuspensionTexts.ByOperator("Leaked").PausedReason },
        { SubscriptionState.SuspendedAdmin, null },
        { SubscriptionState.PausedToxic, "Spread" },
        { SubscriptionState.Synced, SuspensionTexts.Expired.PausedReason },
        { null, null },
    };

    [Theory]
    [MemberData(nameof(PausedStates))]
    public async Task Suspended_MeansTheSameInSql(SubscriptionState? state, string? pausedReason)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var facts = new LicenseFacts(true, null, null, null, null, state ?? SubscriptionState.Synced, true, pausedReason, null);

        var suspended = await database.QueryAsync<bool>(
            "select is_license_suspended(@state::subscription_state, @pausedReason)",
            new { state = state is { } known ? EnumWords.UpperOf(known) : null, pausedReason });

        Assert.Equal(
            LicenseVerdict.Of(facts, DateTimeOffset.UnixEpoch, TimeSpan.Zero).Reasons.Contains(LicenseCode.Suspended), suspended);
    }

    private sealed record CodeRow(string Code, string Status);

    [Fact]
    public async Task CodeAndStatus_OfEveryCombination_AreTheSameInSql()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var (now, grace) = (TimeProvider.System.GetUtcNow(), TimeSpan.FromDays(3));
        var all = (
            from state in Enum.GetValues<SubscriptionState>()
            from paused in (string?[])[null, SuspensionTexts.Expired.PausedReason, "Ours"]
            from active in (bool[])[true, false]
            from revoked in (string?[])[null, SuspensionTexts.Expired.RevokedReason, "Auto-suspended: 3 devices", "Leaked"]
            from expiry in (double?[])[null, -9, -1, 1, 30]
            from graceUntil in (double?[])[null, -2, 2]
            from subscription in (bool[])[true, false]
            from open in (OpenSuspension?[])
            [
                null,
                .. from onlyForExpiry in (bool[])[true, false]
                   from took in (bool[])[true, false]
                   from owns in (bool[])[true, false]
                   select new OpenSuspension(onlyForExpiry, "Ours", took, owns, false),
            ]
            select new LicenseFacts(
                active, revoked, null, expiry is { } left ? now.AddDays(left) : null,
                graceUntil is { } days ? now.AddDays(days) : null, state, subscription, paused, open)).ToList();

        var rows = await database.QueryAllAsync<CodeRow>(
            """
            select code, license_status(code, expires_at) as status
            from unnest(@active, @revoked, @expiry, @graceUntil, @state, @subscription, @paused, @onlyForExpiry, @took, @owns)
                with ordinality
                as f (active, revoked, expires_at, grace_until, state, subscription, paused, only_for_expiry, took, owns, n)
            cross join lateral (select license_code(
                active, revoked, expires_at, grace_until, state::subscription_state, subscription, paused, only_for_expiry, took, owns,
                @grace) as code) c
            order by n
            """,
            new
            {
                active = all.ConvertAll(one => one.TokenActive),
                revoked = all.ConvertAll(one => one.RevokedReason),
                expiry = all.ConvertAll(one => one.ExpiresAt?.UtcDateTime),
                graceUntil = all.ConvertAll(one => one.GraceUntil?.UtcDateTime),
                state = all.ConvertAll(one => EnumWords.UpperOf(one.State)),
                subscription = all.ConvertAll(one => one.SubscriptionActive),
                paused = all.ConvertAll(one => one.PausedReason),
                onlyForExpiry = all.ConvertAll(one => one.Suspension?.OnlyForExpiry),
                took = all.ConvertAll(one => one.Suspension?.DeactivatedToken),
                owns = all.ConvertAll(one => one.Suspension?.OwnsSubscriptionState),
                grace,
            });

        Assert.Equal(32_400, all.Count);
        Assert.Empty(all.Zip(rows).Where(pair =>
        {
            var verdict = LicenseVerdict.Of(pair.First, now, grace);
            var expected = new CodeRow(
                EnumWords.UpperOf(verdict.Code), EnumWords.UpperOf(LicenseStatuses.Of(verdict, pair.First.ExpiresAt, now)));
            return expected != pair.Second;
        }).Take(3));
    }

    [Theory]
    [InlineData("198.51.100.7")]
    [InlineData("2001:db8:1:2:3:4:5:6")]
    [InlineData("2001:db8::1")]
    [InlineData("::1")]
    public async Task SourceNetwork_IsTheSameInSql(string address)
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Equal(
            SourceNetwork.Of(IPAddress.Parse(address)).ToString(),
            await database.QueryAsync<string>("select host(source_network(@address::inet))", new { address }));
    }

    [Fact]
    public async Task PlatformColumns_Null_AreAnActiveSyncedSubscription_ForTheCheckAndTheRenewal()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            alter table subscriptions alter state drop not null, alter is_active drop not null;
            update subscriptions set state = null, is_active = null;
            update license_tokens set expires_at = now() + interval '5 days', metadata = '{"auto_renew": true}';
            """);

        var verdict = (await scene.CheckAsync("EA-1", 1)).Verdict;

        Assert.Equal(LicenseCode.Valid, verdict.Code);
        Assert.True(await scene.Database.QueryAsync<bool>("select is_renewable from renewal_terms"));
        Assert.True(await scene.Database.QueryAsync<bool>("select auto_renews from active_licenses"));
        Assert.Equal(1, await scene.CountAsync("v_renewal_candidates"));
        Assert.Equal("PENDING_RENEWAL", await scene.Database.QueryAsync<string>("select status from v_license_health"));
    }

    // The platform's columns may be changed by SQL while a suspension is open. The check still refuses the license.
    [Theory]
    [InlineData("SUSPENDED_ADMIN", "License expired")]
    [InlineData("SYNCED", null)]
    public async Task IsSuspended_OpenSuspensionUnderChangedColumns_IsTrueEverywhere(string state, string? pausedReason)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity)
            values (@SubscriptionId, 'MULTIPLE_IPS', 'LOW');
            update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Suspended: Leaked';
            insert into license_suspensions (subscription_id, cause, reason, previous_state, token_ids)
            select @SubscriptionId, 'OPERATOR', 'License suspended: Leaked', 'SYNCED', array_agg(token_id) from license_tokens;
            update subscriptions set state = @state::subscription_state, paused_reason = @pausedReason;
            """, new { scene.SubscriptionId, state, pausedReason });

        var verdict = (await scene.CheckAsync("EA-1", 1)).Verdict;
        var store = new LicenseListStore(scene.Database.Database, LicenseScene.ListSettings);
        var listed = await store.FindAsync(scene.SubscriptionId, null, LicenseScene.Stop);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);

        Assert.Contains(LicenseCode.Suspended, verdict.Reasons);
        Assert.True(listed!.IsSuspended);
        Assert.True(await SuspensionStore.IsSuspendedAsync(connection, scene.SubscriptionId, LicenseScene.Stop));
        Assert.True(await scene.Database.QueryAsync<bool>("select is_suspended from listed_alerts"));
    }

    [Theory]
    [InlineData(SuspensionCause.Operator, true)]
    [InlineData(SuspensionCause.Expiry, false)]
    [InlineData(null, false)]
    public async Task CanReinstate_SuspendedLicense_OnlyWhatTheApiReinstates(string? cause, bool expected)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'Fraud';
            insert into license_suspensions (subscription_id, cause, reason, previous_state)
            select @SubscriptionId, @cause, 'Fraud', 'SYNCED' where @cause::text is not null;
            """, new { scene.SubscriptionId, cause });

        var store = new LicenseListStore(scene.Database.Database, LicenseScene.ListSettings);
        var listed = await store.FindAsync(scene.SubscriptionId, null, LicenseScene.Stop);
        var reinstated = await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new("Paid"), Actor.Operator(null), LicenseScene.Stop);

        Assert.Equal((expected, true), (listed!.CanReinstate, listed.IsSuspended));
        Assert.Equal(expected ? null : "NOT_SUSPENDED", reinstated.Refusal?.Code);
    }
}
