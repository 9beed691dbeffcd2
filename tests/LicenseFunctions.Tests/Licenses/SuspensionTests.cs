using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

public sealed class SuspensionTests(PostgresFixture postgres)
{
    private static readonly Actor Operator = Actor.Operator(Guid.NewGuid());

    private static Task<Outcome<SuspensionState>> LiftAsync(LicenseScene scene) =>
        scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);

    [Fact]
    public async Task Runbook_AfterASuspension_LiftsItAtTheNextCheck()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        await scene.RunbookAsync();

        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1, "198.51.100.1")).Verdict.Code);
        Assert.Equal(("DEGRADED_GAP", null), await scene.SubscriptionAsync());
        Assert.Equal(1, await scene.CountAsync("license_suspensions where closed_how = 'RUNBOOK'"));
        Assert.Equal(1, await scene.CountAsync("audit_log where actor_kind = 'runbook' and action = 'license.reinstated'"));
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-2", 2, "198.51.100.2")).Verdict.Code);
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code); // the cause is cleared
        // another device suspends again
        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-4", 4, "203.0.113.10")).Verdict.Code);
    }

    [Fact]
    public async Task Runbook_WithTheAlertMarkedFalsePositive_AdmitsThatDevice()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        await scene.RunbookAsync();
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'FALSE_POSITIVE', resolved_at = now()");
        var third = await scene.CheckAsync("EA-3", 3, "203.0.113.9");

        Assert.Equal((LicenseCode.Valid, true), (third.Verdict.Code, third.IsNew));
        Assert.Equal((3, 1), (third.License!.DevicesUsed, third.License.DevicesBeyondLimit));
        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-4", 4, "203.0.113.10")).Verdict.Code);
    }

    [Fact]
    public async Task ActiveToken_SuspendedByThePlatform_IsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'Fraud'");

        Assert.Equal([LicenseCode.Suspended], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
        Assert.Equal([LicenseCode.Suspended], (await scene.CheckAsync("EA-2", 2)).Verdict.Reasons);
        Assert.Equal(("SUSPENDED_ADMIN", "Fraud"), await scene.SubscriptionAsync());
    }

    [Fact]
    public async Task Runbook_AfterThePlatformSuspended_IsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        await scene.Database.ExecuteAsync("update subscriptions set paused_reason = 'Fraud'");

        await scene.RunbookAsync();

        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        Assert.Equal(("SUSPENDED_ADMIN", "Fraud"), await scene.SubscriptionAsync());
        Assert.Equal(1, await scene.CountAsync("license_suspensions where closed_at is null"));
    }

    [Fact]
    public async Task Reinstate_ByAnOperator_RestoresStateAndToken_AndTheNextCheckDoesNotSuspend()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        var outcome = await scene.Reinstating.RunAsync(scene.SubscriptionId, new("Customer called"), Operator, LicenseScene.Stop);

        Assert.Equal("ACTIVE", outcome.Value.Status);
        Assert.Equal(("DEGRADED_GAP", null), await scene.SubscriptionAsync());
        Assert.Equal(1, await scene.CountAsync("license_tokens where is_active and revoked_at is null and revoked_reason is null"));
        Assert.Equal(1, await scene.CountAsync(
            "outbox where payload ->> 'template' = 'reinstated' and payload #>> '{model,refused_ea}' = 'EA-3'"));
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);
        Assert.True((await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);
    }

    [Fact]
    public async Task Reinstate_AfterThePlatformSuspendedBetweenTwoSuspensions_KeepsThePlatformsSuspension()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        await scene.Database.ExecuteAsync("update subscriptions set paused_reason = 'Fraud'");
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(
                connection,
                new NewSuspension(scene.SubscriptionId, SuspensionCause.Operator, SuspensionTexts.ByOperator("held"), Operator), token),
            LicenseScene.Stop);

        await scene.Reinstating.RunAsync(scene.SubscriptionId, new("Customer called"), Operator, LicenseScene.Stop);

        Assert.Equal(("SUSPENDED_ADMIN", "Fraud"), await scene.SubscriptionAsync());
        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }

    [Fact]
    public async Task Reinstate_AsFalsePositive_MarksTheAlertAndAdmitsThatDevice()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'INVESTIGATING'");

        var outcome = await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new("Backup VPS", FalsePositive: true), Operator, LicenseScene.Stop);

        Assert.Equal(1, await scene.CountAsync("suspicious_activity_alerts where status = 'FALSE_POSITIVE' and resolved_at is not null"));
        // Both decisions are in the audit log, and the answer says what an undo must reopen.
        var closed = Assert.Single(outcome.Value.ClosedAlerts);
        Assert.Equal(
            [("alert.judged", $"{closed}", "INVESTIGATING", "FALSE_POSITIVE"), ("license.reinstated", null, null, null)],
            await scene.Database.QueryAllAsync<(string, string?, string?, string?)>(
                """
                select action, case when action like 'alert.%' then subject end, before ->> 'status', after ->> 'status'
                from audit_log
                where actor_id = @Id and reason = 'Backup VPS'
                order by action
                """, Operator));
        Assert.True((await scene.CheckAsync("EA-3", 3, "203.0.113.9")).IsNew);
        Assert.True((await scene.CheckAsync("EA-1", 1, "198.51.100.1")).Verdict.IsValid);
    }

    /// <summary>What the page does when an operator undoes the reinstatement as a false alarm.</summary>
    [Fact]
    public async Task Reinstate_AsFalsePositiveAndUndone_OpensTheAlertAndTakesTheSlotBack()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        var closed = (await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new("Backup VPS", FalsePositive: true), Operator, LicenseScene.Stop)).Value.ClosedAlerts;
        var review = new ReviewAlert(scene.Database.Database, new AlertStore(scene.Database.Database), scene.Suspensions, scene.Time);

        Assert.Null((await review.RunAsync(
            Assert.Single(closed), new AlertReview("OPEN", "Undone"), Operator, LicenseScene.Stop)).Refusal);
        await new SuspendLicense(scene.Database.Database, scene.Suspensions).RunAsync(
            scene.SubscriptionId, new SuspendRequest("Suspended again"), Operator, LicenseScene.Stop);

        Assert.Equal(1, await scene.CountAsync("suspicious_activity_alerts where status = 'OPEN' and resolved_at is null"));
        Assert.Equal("SUSPENDED_ADMIN", (await scene.SubscriptionAsync()).State);
        // The customer was told that the license works again.
        Assert.Equal(["DEVICE_LIMIT false", "OPERATOR true"], await scene.Database.QueryAllAsync<string>(
            """
            select concat_ws(' ', payload #>> '{model,cause}', payload #>> '{model,after_mistake}') from outbox
            where payload ->> 'template' = 'suspended' order by 1
            """));
        Assert.False(await scene.Database.QueryAsync<bool>(
            "select bool_or(is_device_granted(subscription_id, device_key)) from license_suspensions"));
        Assert.Equal(
            ["alert.judged", "license.reinstated", "alert.reopened", "license.suspended"],
            await scene.Database.QueryAllAsync<string>("select action from audit_log where actor_id = @Id order by audit_id", Operator));
    }

    /// <summary>An undo keeps the cause fraud. Fraud that was not the cause before is a new one, and nobody apologizes.</summary>
    [Theory]
    [InlineData("OPERATOR", "OPERATOR", "true")]
    [InlineData("FRAUD", "FRAUD", "true")]
    [InlineData("OPERATOR", "FRAUD", "false")]
    [InlineData("FRAUD", "OPERATOR", "false")]
    public async Task Suspend_SoonAfterAReinstatement_IsAnUndoOnlyForTheSameKindOfCause(string before, string after, string isUndo)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var suspend = new SuspendLicense(scene.Database.Database, scene.Suspensions);
        Assert.Null((await suspend.RunAsync(
            scene.SubscriptionId, new SuspendRequest("First", before), Operator, LicenseScene.Stop)).Refusal);
        Assert.Null((await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new ReinstateRequest("Checked"), Operator, LicenseScene.Stop)).Refusal);

        Assert.Null((await suspend.RunAsync(
            scene.SubscriptionId, new SuspendRequest("Again", after), Operator, LicenseScene.Stop)).Refusal);

        Assert.Equal(isUndo, await scene.Database.QueryAsync<string>(
            """
            select payload #>> '{model,after_mistake}' from outbox
            where payload ->> 'template' = 'suspended' and payload #>> '{model,note}' = 'Again'
            """));
    }

    [Fact]
    public async Task Reinstate_NoOpenSuspension_IsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'Fraud'");

        var outcome = await scene.Reinstating.RunAsync(scene.SubscriptionId, new("Customer called"), Operator, LicenseScene.Stop);

        Assert.Equal("NOT_SUSPENDED", outcome.Refusal!.Code);
        Assert.Equal(("SUSPENDED_ADMIN", "Fraud"), await scene.SubscriptionAsync());
    }

    [Fact]
    public async Task Lift_ByTheOwner_OnceIn30Days_AndTheNewDeviceIsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        var stranger = Guid.NewGuid();
        var foreign = await scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, stranger, Actor.Owner(stranger), LicenseScene.Stop);
        var lifted = await LiftAsync(scene);
        var third = await scene.CheckAsync("EA-3", 3, "203.0.113.9");
        await scene.CheckAsync("EA-4", 4, "203.0.113.10");
        var again = await LiftAsync(scene);
        scene.Time.Advance(TimeSpan.FromDays(30));
        var later = await LiftAsync(scene);

        Assert.Equal("LICENSE_NOT_FOUND", foreign.Refusal!.Code);
        Assert.Equal("ACTIVE", lifted.Value.Status);
        Assert.Equal(LicenseCode.TooManyDevices, third.Verdict.Code);
        Assert.Equal("LIFTED_RECENTLY", again.Refusal!.Code);
        Assert.Equal("ACTIVE", later.Value.Status);
        // The second mail doesn't offer a lift, because it would be refused.
        Assert.Equal(["true", "false"], await scene.Database.QueryAllAsync<string>(
            "select payload #>> '{model,owner_may_lift}' from outbox where dedup_key like 'suspended:%' order by created_at"));
    }

    [Fact]
    public async Task SubscriberLift_TooManyDevicesOnly_AndNotAgainWithin30Days()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        var before = await CanLiftAsync(scene, SuspensionCause.DeviceLimit);
        var otherCause = await CanLiftAsync(scene, SuspensionCause.Detector);
        await LiftAsync(scene);
        var after = await CanLiftAsync(scene, SuspensionCause.DeviceLimit);

        Assert.Equal((true, false, false), (before, otherCause, after));
    }

    [Fact]
    public async Task Lift_OfAnotherCause_IsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared");

        Assert.Equal("NOT_SUSPENDED",
            (await LiftAsync(scene)).Refusal!.Code);
    }

    [Theory]
    [InlineData(SuspensionCause.Detector, SuspensionCause.Operator)]
    [InlineData(SuspensionCause.Operator, SuspensionCause.Detector)]
    public async Task TwoSuspensions_LiftedInAnyOrder_TheLastRestoresTheFirstState(string first, string second)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared");
        await SuspendAsync(scene, SuspensionCause.Operator, "License suspended: by hand");

        Assert.NotNull((await LiftAsync(scene, first)).StillOpen);
        Assert.Equal("SUSPENDED_ADMIN", (await scene.SubscriptionAsync()).State);
        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);

        Assert.Null((await LiftAsync(scene, second)).StillOpen);
        Assert.Equal(("DEGRADED_GAP", null), await scene.SubscriptionAsync());
        Assert.True((await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);
    }

    [Fact]
    public async Task Suspend_TwiceForOneCause_ChangesNothing()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        Assert.NotNull(await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared"));
        Assert.Null(await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared again"));

        Assert.Equal(("SUSPENDED_ADMIN", "License suspended: shared"), await scene.SubscriptionAsync());
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'license.suspended'"));
    }

    [Fact]
    public async Task Suspend_AgainAfterTheRunbook_ClosesTheFirstSuspension()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared");
        await scene.RunbookAsync();

        Assert.NotNull(await SuspendAsync(scene, SuspensionCause.Detector, "License suspended: shared again"));
        Assert.Equal(["RUNBOOK", null],
            await scene.Database.QueryAllAsync<string?>("select closed_how from license_suspensions order by closed_how"));
        Assert.Equal(0, await scene.CountAsync("license_tokens where is_active"));
    }

    [Fact]
    public async Task Reinstate_AfterAnotherRevocation_LeavesTheTokenRevoked()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Lost'");
        await SuspendAsync(scene, SuspensionCause.Operator, "License suspended: by hand");

        await scene.Reinstating.RunAsync(scene.SubscriptionId, new("All well"), Operator, LicenseScene.Stop);

        Assert.Equal([LicenseCode.Revoked], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
    }

    [Fact]
    public async Task SuspendedForExpiry_AnswersExpired_AndOperatorsCannotLiftIt()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() - interval '4 days'");
        await SuspendAsync(scene, SuspensionCause.Expiry, "License expired", "Expired - grace period ended");

        Assert.Equal([LicenseCode.Expired], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
        Assert.Equal("NOT_SUSPENDED",
            (await scene.Reinstating.RunAsync(scene.SubscriptionId, new("Please"), Operator, LicenseScene.Stop)).Refusal!.Code);
    }

    private const string SuspendedByTheGuide = """
        update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Expired - grace period ended',
            expires_at = now() - interval '4 days'
        where is_active;
        update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = now(), paused_reason = 'License expired';
        """;

    [Theory]
    [InlineData("now() + interval '30 days'")]
    [InlineData("null")]
    public async Task SuspendedForExpiryByThePlatform_ThenExtended_PassesAndIsRestored(string expiry)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(SuspendedByTheGuide);
        Assert.Equal([LicenseCode.Expired], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);

        await scene.Database.ExecuteAsync($"update license_tokens set expires_at = {expiry}");

        Assert.Equal("VALID", await scene.Database.QueryAsync<string>(
            "select listed_license_code(@SubscriptionId, interval '3 days')", new { scene.SubscriptionId }));
        Assert.Equal([], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
        Assert.Equal(("SYNCED", null), await scene.SubscriptionAsync());
        Assert.Equal(1, await scene.CountAsync("license_tokens where is_active and revoked_at is null and revoked_reason is null"));
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'license.reinstated'"));
        Assert.Equal([], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'license.reinstated'"));
    }

    [Fact]
    public async Task SuspendedForExpiryByThePlatform_ThenExtended_KeepsOlderAndRevokedTokens()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            SuspendedByTheGuide +
            """
            insert into license_tokens
                (subscription_id, token_hash, created_at, expires_at, is_active, revoked_at, revoked_reason)
            values (@SubscriptionId, 'older', now() - interval '1 year', now() - interval '335 days', false, now(),
                    'Expired - grace period ended'),
                   (@SubscriptionId, 'lost', now() - interval '1 year', now() + interval '1 year', false, now(), 'Lost'),
                   (@SubscriptionId, 'shared', now() - interval '1 year', now() + interval '1 year', false, now(),
                    'Auto-suspended: Rapid device switching');
            update license_tokens set expires_at = now() + interval '30 days' where token_hash = @hash;
            """,
            new { scene.SubscriptionId, hash = LicenseScene.Hash(LicenseScene.Token) });

        Assert.True((await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);
        Assert.Equal(
            [LicenseScene.Hash(LicenseScene.Token)],
            await scene.Database.QueryAllAsync<string>("select token_hash from license_tokens where is_active"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3600)]
    public async Task Rotate_ThenTheRunbook_TheOldTokenIsRefusedAfterItsOverlap(int overlapSeconds)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        var rotated = (await scene.Rotation.RunAsync(
            scene.SubscriptionId, scene.SubscriberId, new(overlapSeconds), Operator, LicenseScene.Stop)).Value;

        await scene.RunbookAsync();

        Assert.Equal(overlapSeconds > 0, (await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);
        Assert.True((await scene.CheckAsync("EA-1", 1, token: rotated.Token)).Verdict.IsValid);
        scene.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal([LicenseCode.Revoked], (await scene.CheckAsync("EA-1", 1)).Verdict.Reasons);
        Assert.True((await scene.CheckAsync("EA-1", 1, token: rotated.Token)).Verdict.IsValid);
        Assert.Equal(overlapSeconds > 0 ? 2 : 1, await scene.CountAsync("license_tokens where is_active"));
        // The ingest server reads the end of the overlap as the old token's expiry, whatever the runbook writes.
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() + interval '3 days'");
        Assert.Equal(1, await scene.CountAsync("license_tokens where expires_at > now() + interval '2 days'"));
        Assert.Equal(
            LicenseScene.Hash(rotated.Token), await scene.Database.QueryAsync<string>("select token_hash from v_current_license_tokens"));
    }

    [Fact]
    public async Task Rotate_WithOverlapThenWithoutOne_EndsEveryOlderToken()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        var second = (await scene.Rotation.RunAsync(scene.SubscriptionId, null, new(3600), Operator, LicenseScene.Stop)).Value.Token;
        var third = (await scene.Rotation.RunAsync(scene.SubscriptionId, null, new(0), Operator, LicenseScene.Stop)).Value.Token;

        scene.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(LicenseCode.Revoked, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        Assert.Equal(LicenseCode.Revoked, (await scene.CheckAsync("EA-1", 1, token: second)).Verdict.Code);
        Assert.True((await scene.CheckAsync("EA-1", 1, token: third)).Verdict.IsValid);
        Assert.Equal(1, await scene.CountAsync("license_tokens where is_active"));
    }

    [Theory]
    [InlineData("7 days", LicenseCode.Valid)]
    [InlineData("-7 days", LicenseCode.Expired)]
    [InlineData(null, LicenseCode.Valid)]
    public async Task TwoActiveTokensOfThePlatform_HaveTheExpiryOfTheCurrentOne(string? expiry, LicenseCode code)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            update license_tokens set expires_at = now() - interval '1 hour', created_at = now() - interval '30 days';
            insert into license_tokens (subscription_id, token_hash, expires_at) values (@SubscriptionId, @hash, now() + @expiry::interval);
            """,
            new { scene.SubscriptionId, hash = LicenseScene.Hash("tok-2"), expiry });

        var older = (await scene.CheckAsync("EA-1", 1)).Verdict;
        var newer = (await scene.CheckAsync("EA-1", 1, token: "tok-2")).Verdict;

        Assert.Equal((code, code), (older.Code, newer.Code));
    }

    [Theory]
    [InlineData(0, LicenseCode.Revoked)]
    [InlineData(3600, LicenseCode.Valid)]
    public async Task Rotate_WithOtherTokensOfThePlatform_EndsThemToo(int overlapSeconds, LicenseCode older)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            update license_tokens set created_at = now() - interval '30 days';
            insert into license_tokens (subscription_id, token_hash) values (@SubscriptionId, @current);
            insert into license_tokens (subscription_id, token_hash, is_active, revoked_at)
            values (@SubscriptionId, @revoked, false, now());
            """,
            new { scene.SubscriptionId, current = LicenseScene.Hash("tok-2"), revoked = LicenseScene.Hash("tok-3") });

        var rotated = (await scene.Rotation.RunAsync(
            scene.SubscriptionId, null, new(overlapSeconds), Operator, LicenseScene.Stop)).Value.Token;
        await scene.RunbookAsync();

        Assert.Equal(older, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        Assert.Equal(older, (await scene.CheckAsync("EA-1", 1, token: "tok-2")).Verdict.Code);
        Assert.Equal(LicenseCode.Revoked, (await scene.CheckAsync("EA-1", 1, token: "tok-3")).Verdict.Code);
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1, token: rotated)).Verdict.Code);
    }

    [Fact]
    public async Task Rotate_WithOverlap_TheOldTokenIsRevokedWithTheCurrentOne()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var current = (await scene.Rotation.RunAsync(scene.SubscriptionId, null, new(3600), Operator, LicenseScene.Stop)).Value.Token;
        Assert.True((await scene.CheckAsync("EA-1", 1)).Verdict.IsValid);

        await scene.Database.ExecuteAsync(
            "update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Refunded' where token_hash = @hash",
            new { hash = LicenseScene.Hash(current) });

        var verdict = (await scene.CheckAsync("EA-1", 1)).Verdict;
        Assert.Equal((LicenseCode.Revoked, "This token was revoked: Refunded"), (verdict.Code, verdict.Detail));
    }

    [Fact]
    public async Task Rotate_WhileSuspended_TheNewTokenIsReinstatedWithTheLicense()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        var rotated = (await scene.Rotation.RunAsync(scene.SubscriptionId, scene.SubscriberId, new(0), Operator, LicenseScene.Stop)).Value;

        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-1", 1, token: rotated.Token)).Verdict.Code);
        await scene.Reinstating.RunAsync(scene.SubscriptionId, new("All well"), Operator, LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True((await scene.CheckAsync("EA-1", 1, token: rotated.Token)).Verdict.IsValid);
        Assert.Equal(LicenseCode.Revoked, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }

    [Fact]
    public async Task Rotate_OfARevokedLicense_IsRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now()");

        Assert.Equal("LICENSE_REVOKED",
            (await scene.Rotation.RunAsync(scene.SubscriptionId, null, new(0), Operator, LicenseScene.Stop)).Refusal!.Code);
    }

    private static Task<Guid?> SuspendAsync(LicenseScene scene, string cause, string reason, string revoked = "Auto-suspended: test") =>
        scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(
                connection, new NewSuspension(scene.SubscriptionId, cause, new SuspensionTexts(reason, revoked), Actor.System), token),
            LicenseScene.Stop);

    private static Task<ReinstatementResult> LiftAsync(LicenseScene scene, string cause) =>
        scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.ReinstateAsync(
                connection, new Reinstatement(scene.SubscriptionId, [cause], ClosedHow.Reinstated, Operator), token),
            LicenseScene.Stop);

    private static async Task<bool> CanLiftAsync(LicenseScene scene, string cause)
    {
        await using var connection = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        return await SuspensionStore.CanSubscriberLiftAsync(
            connection, scene.SubscriptionId, cause, scene.Time.GetUtcNow(), LicenseScene.Stop);
    }
}
