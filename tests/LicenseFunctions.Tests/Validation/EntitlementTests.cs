using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing.Devices;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

public sealed class EntitlementTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Check_AfterTheEnd_LetsTheDeviceCloseForThirtyDaysFromItsFirstRefusal()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        Assert.Equal(Entitlement.Full, (await scene.CheckAsync("EA-1", 1)).Entitlement);
        await ExpireAsync(scene);

        var first = await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(29));
        var later = await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(1));
        var after = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.Expired, Entitlement.CloseOnly), (first.Verdict.Code, first.Entitlement));
        Assert.Equal(first.CheckedAt.AddDays(30), first.CloseOnlyUntil);
        Assert.Equal(Entitlement.CloseOnly, later.Entitlement);
        Assert.Equal(first.CloseOnlyUntil!.Value, later.CloseOnlyUntil!.Value, TimeSpan.FromMilliseconds(1));
        Assert.Equal((Entitlement.None, null), (after.Entitlement, after.CloseOnlyUntil));
    }

    [Fact]
    public async Task Check_OfANewDeviceAfterTheEnd_IsNoneAndBeginsNothing()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await ExpireAsync(scene);

        var check = await scene.CheckAsync("EA-9", 9);

        Assert.Equal((LicenseCode.Expired, Entitlement.None), (check.Verdict.Code, check.Entitlement));
        Assert.Equal(0, await scene.CountAsync("close_only_periods"));
    }

    [Fact]
    public async Task Check_RefusedAgainWithinNinetyDays_BeginsNoSecondPeriod()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = null");
        scene.Time.Advance(TimeSpan.FromDays(89));
        var within = await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(2));
        var after = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.LockedNoFunds, Entitlement.None), (within.Verdict.Code, within.Entitlement));
        Assert.Equal((LicenseCode.LockedNoFunds, Entitlement.None), (after.Verdict.Code, after.Entitlement));
        Assert.Equal(1, await scene.CountAsync("close_only_periods"));
    }

    // After 90 days without refusals, or after a check that passed, the customer is not keeping an EA running without a license.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Check_RefusedAgainAfterNinetyDays_BeginsAnotherPeriod(bool isValidBetween)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            "update license_tokens set expires_at = null; update subscriptions set state = 'LOCKED_NO_FUNDS'");
        await scene.CheckAsync("EA-1", 1);
        if (isValidBetween)
        {
            scene.Time.Advance(TimeSpan.FromDays(60));
            await scene.CheckAsync("EA-1", 1);
            await scene.Database.ExecuteAsync("update subscriptions set state = 'SYNCED'");
            scene.Time.Advance(TimeSpan.FromDays(1));
            Assert.Equal(Entitlement.Full, (await scene.CheckAsync("EA-1", 1)).Entitlement);
            await scene.LastSeen.FlushAsync(LicenseScene.Stop);
            await scene.Database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");
        }

        scene.Time.Advance(TimeSpan.FromDays(isValidBetween ? 31 : 91));
        var after = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.LockedNoFunds, Entitlement.CloseOnly), (after.Verdict.Code, after.Entitlement));
        Assert.Equal(2, await scene.CountAsync("close_only_periods"));
    }

    // Every check since the first refusal was refused: a usage record is not a check.
    [Fact]
    public async Task Check_RefusedOnDay91WithUsageOnly_IsNone()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            """
            update license_devices
            set first_seen_at = now() - interval '92 days', last_seen_at = now() - interval '92 days',
                last_accepted_at = now() - interval '92 days';
            update close_only_periods set began_at = now() - interval '91 days', last_refused_at = now() - interval '1 day';
            select record_license_usage(token_hash::text, subscription_id::text, '198.51.100.1', 'EA-1', 1) from license_tokens;
            select sum_license_usage(1000, false, false)
            """);

        var check = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.LockedNoFunds, Entitlement.None), (check.Verdict.Code, check.Entitlement));
        Assert.Equal(1, await scene.CountAsync("close_only_periods"));
        Assert.Equal(1, await scene.CountAsync("license_devices where last_seen_at > now() - interval '1 hour'"));
    }

    [Fact]
    public async Task Check_RefusedForFraudByMistake_BeginsNoPeriod()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(2));
        await SuspendAsync(scene, SuspensionCause.Fraud);
        Assert.Equal(Entitlement.None, (await scene.CheckAsync("EA-1", 1)).Entitlement);
        await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new ReinstateRequest("It was not"), Actor.System, LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromDays(45));
        await ExpireAsync(scene);

        var expired = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.Expired, Entitlement.CloseOnly), (expired.Verdict.Code, expired.Entitlement));
        Assert.Equal(expired.CheckedAt.AddDays(30), expired.CloseOnlyUntil);
    }

    [Fact]
    public async Task Check_WhileTimersAndRequestsUseAllTheirConnections_IsAnsweredInFull()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, leaseKeys: [.. Enumerable.Repeat((byte)7, 32)]);
        await using var none = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Timeout=1");
        var process = scene.NewProcess(new LicenseDatabase(
            new DatabaseSources(
                scene.Database.Source, scene.Database.Source, none, none, TimeSpan.FromSeconds(30), IsBehindPooler: false)));

        var accepted = await scene.CheckAsync("EA-1", 1, process: process);
        await ExpireAsync(scene);
        var refused = await scene.CheckAsync("EA-1", 1, process: process);

        Assert.NotNull(accepted.Lease);
        Assert.Equal((LicenseCode.Expired, Entitlement.CloseOnly), (refused.Verdict.Code, refused.Entitlement));
        Assert.Equal(1, await scene.CountAsync("license_leases where ended_at is not null"));
    }

    [Fact]
    public async Task Check_OfASuspendedLicense_LetsOnlyOlderDevicesClose()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromHours(25));
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        await SuspendAsync(scene, SuspensionCause.Operator);

        Assert.Equal(Entitlement.CloseOnly, (await scene.CheckAsync("EA-1", 1)).Entitlement);
        Assert.Equal(Entitlement.None, (await scene.CheckAsync("EA-2", 2, "198.51.100.2")).Entitlement);
    }

    [Fact]
    public async Task Check_OfADeviceThatLostItsSlotBefore_MayClose()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update license_devices set slot = null, removed_at = now()");
        await ExpireAsync(scene);

        Assert.Equal(Entitlement.CloseOnly, (await scene.CheckAsync("EA-1", 1)).Entitlement);
    }

    [Fact]
    public async Task Check_OfALicenseSuspendedForFraud_IsNone()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(2));
        await SuspendAsync(scene, SuspensionCause.Operator);
        Assert.Equal(Entitlement.CloseOnly, (await scene.CheckAsync("EA-1", 1)).Entitlement);

        await SuspendAsync(scene, SuspensionCause.Fraud);
        Assert.Equal(Entitlement.None, (await scene.CheckAsync("EA-1", 1)).Entitlement);

        await scene.Reinstating.RunAsync(
            scene.SubscriptionId, new ReinstateRequest("It was not"), Actor.System, LicenseScene.Stop);
        Assert.Equal(Entitlement.Full, (await scene.CheckAsync("EA-1", 1)).Entitlement);
    }

    [Theory]
    [InlineData(25, Entitlement.CloseOnly)]
    [InlineData(12, Entitlement.None)]
    public async Task Check_OfALicenseThatThePlatformSuspended_CountsFromItsTime(int hoursAfterAdmission, Entitlement expected)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromDays(2));
        await scene.Database.ExecuteAsync(
            """
            update subscriptions
            set state = 'SUSPENDED_ADMIN', paused_reason = 'by hand', paused_at = now() + make_interval(hours => @hours)
            """,
            new { hours = hoursAfterAdmission });

        var check = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.Suspended, expected), (check.Verdict.Code, check.Entitlement));
    }

    [Theory]
    [InlineData("select 1", "FULL", null)]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'", "CLOSE_ONLY", 30)]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'; insert into close_only_periods "
        + "select subscription_id, now() - interval '10 days' from subscriptions", "CLOSE_ONLY", 20)]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'; insert into close_only_periods "
        + "select subscription_id, now() - interval '31 days' from subscriptions", "NONE", null)]
    [InlineData("update license_tokens set expires_at = now() - interval '9 days'; delete from license_devices", "NONE", null)]
    [InlineData("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Lost'", "NONE", null)]
    public async Task ListedLicense_SaysWhatItsOldestDeviceMayDo(string change, string entitlement, int? days)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(change);
        var store = new LicenseListStore(scene.Database.Database, LicenseScene.ListSettings);
        var now = await scene.Database.QueryAsync<DateTime>("select now()");

        var found = await store.FindAsync(scene.SubscriptionId, null, LicenseScene.Stop);
        var listed = Assert.Single(await store.ListAsync(new LicenseFilter(null), 10, LicenseScene.Stop));

        Assert.All([found!, listed], license =>
        {
            Assert.Equal(entitlement, license.Entitlement);
            Assert.Equal(days, license.CloseOnlyUntil is { } until ? (int)Math.Round((until - now).TotalDays) : null);
        });
    }

    [Theory]
    [InlineData("OPERATOR", true)]
    [InlineData("FRAUD", true)]
    [InlineData("EXPIRY", false)]
    [InlineData("fraud", false)]
    public async Task Suspend_WithACause_TakesOperatorAndFraudOnly(string cause, bool accepted)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        var outcome = await new SuspendLicense(scene.Database.Database, scene.Suspensions).RunAsync(
            scene.SubscriptionId, new SuspendRequest("Sold in a forum", cause), Actor.System, LicenseScene.Stop);

        Assert.Equal(accepted ? null : "cause", outcome.Refusal?.Field);
        Assert.Equal(accepted ? 1 : 0, await scene.CountAsync($"license_suspensions where cause = '{cause}'"));
    }

    private static Task<int> ExpireAsync(LicenseScene scene) =>
        scene.Database.ExecuteAsync("update license_tokens set expires_at = now() - interval '9 days'");

    private static Task<Guid?> SuspendAsync(LicenseScene scene, string cause) =>
        scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(
                connection, new NewSuspension(scene.SubscriptionId, cause, SuspensionTexts.ByOperator(cause), Actor.System), token),
            LicenseScene.Stop);
}
