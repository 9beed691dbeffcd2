using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

public sealed class ValidateLicenseTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Check_TwoDevicesThenAgain_UsesTwoSlots()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        var first = await scene.CheckAsync("EA-1", 1);
        var second = await scene.CheckAsync("EA-2", 2);
        var again = await scene.CheckAsync("EA-2", 2, "192.0.2.99");

        Assert.Equal((LicenseCode.Valid, true, 1), (first.Verdict.Code, first.IsNew, first.License!.DevicesUsed));
        Assert.Equal((LicenseCode.Valid, true, 2), (second.Verdict.Code, second.IsNew, second.License!.DevicesUsed));
        Assert.Equal((LicenseCode.Valid, false, 2), (again.Verdict.Code, again.IsNew, again.License!.DevicesUsed));
        Assert.Equal(second.Device!.DeviceId, again.Device!.DeviceId);
        Assert.Equal(2, await scene.CountAsync("audit_log where action = 'device.admitted'"));
    }

    [Fact]
    public async Task Check_UnknownToken_AnswersTheContractsText()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        var reply = await scene.CheckAsync("EA-1", 1, token: "nobody's");

        Assert.Equal((LicenseCode.NotFound, "Invalid license token"), (reply.Verdict.Code, reply.Verdict.Detail));
    }

    [Fact]
    public async Task Read_OfACheck_InlinesTheFactsOfSuspensions()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        var plan = await scene.Database.QueryAllAsync<string>("explain (verbose) " + LicenseCheckStore.Read
            .Replace("$1::text[]", "'{a}'::text[]", StringComparison.Ordinal)
            .Replace("$2::text[]", "'{1|EA-1}'::text[]", StringComparison.Ordinal));

        Assert.Contains(plan, line => line.Contains("license_suspensions", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, line => line.Contains("open_suspension_facts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_200NewDevicesAtOnce_AdmitsExactlyTwo()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);

        var processes = Enumerable.Range(0, 10).Select(_ => scene.NewProcess()).ToList();

        var replies = await Task.WhenAll(Enumerable.Range(1, 200).Select(n => Task.Run(() =>
            scene.CheckAsync($"EA-{n}", n, $"203.0.113.{n}", process: processes[n % processes.Count]))));

        Assert.Equal(2, replies.Count(reply => reply.Verdict.IsValid));
        Assert.All(replies.Where(reply => !reply.Verdict.IsValid), reply => Assert.Equal(LicenseCode.TooManyDevices, reply.Verdict.Code));
        Assert.Equal([1, 2], await scene.Database.QueryAllAsync<int>("select slot::int from license_devices order by slot"));
    }

    [Fact]
    public async Task Check_WhileManyNewDevicesWaitForTheLicense_GetsAConnection()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        Task<CheckReply>[] waiting = [];
        await scene.Database.Database.InTransactionAsync(async (connection, token) =>
        {
            await SuspensionStore.LockAsync(connection, scene.SubscriptionId, token);
            waiting = [.. Enumerable.Range(2, 100).Select(n => scene.CheckAsync($"EA-{n}", n, $"203.0.113.{n}"))];

            Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
            Assert.DoesNotContain(waiting, one => one.IsCompleted);
            return true;
        }, LicenseScene.Stop);

        Assert.Single(await Task.WhenAll(waiting), reply => reply.Verdict.IsValid);
    }

    [Fact]
    public async Task Check_OneKnownDevice200TimesAtOnce_IsValidEveryTime()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var admitted = await scene.CheckAsync("EA-1", 1);

        var replies = await Task.WhenAll(Enumerable.Range(1, 200).Select(_ => scene.CheckAsync("EA-1", 1)));

        Assert.All(replies, reply => Assert.Equal(
            (LicenseCode.Valid, admitted.Device!.DeviceId), (reply.Verdict.Code, reply.Device!.DeviceId)));
        Assert.Equal(1, await scene.CountAsync("license_devices"));
    }

    [Theory]
    [InlineData("EA-9", 9, "203.0.113.9", false)] // an unknown device
    [InlineData("EA-2", 2, "203.0.113.9", true)] // known from usage, without a check
    [InlineData("EA-9", 1, "203.0.113.9", true)] // the customer's own account, reinstalled
    public async Task Check_NewDeviceWhileSharingIsSuspected_AdmitsOnlyKnownOnes(string ea, long account, string address, bool admitted)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.SuspectAsync(("EA-1", 1), ("EA-2", 2));

        var reply = await scene.CheckAsync(ea, account, address);

        Assert.Equal((admitted, admitted ? LicenseCode.Valid : LicenseCode.TooManyDevices), (reply.Verdict.IsValid, reply.Verdict.Code));
        Assert.Equal(admitted ? 0 : 1, await scene.CountAsync("suspicious_activity_alerts where activity_type = 'TOO_MANY_DEVICES'"));
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }

    [Fact]
    public async Task Check_NewDeviceAfterTheAlertWasMarkedFalsePositive_IsAdmitted()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspectAsync(("EA-1", 1));
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, incident, status, resolved_at)
            values (@SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', 'people', 'FALSE_POSITIVE', now())
            """, new { scene.SubscriptionId });

        Assert.True((await scene.CheckAsync("EA-9", 9, "203.0.113.9")).Verdict.IsValid);
    }

    [Fact]
    public async Task Check_ThirdDeviceWhileTwoAreActive_SuspendsInOneTransaction()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        var reply = await scene.SuspendByThirdAsync();

        Assert.Equal("License suspended: Concurrent sessions detected: 2 active devices. Refused device: EA-3", reply.Verdict.Detail);
        Assert.Equal([LicenseCode.Suspended, LicenseCode.TooManyDevices], reply.Verdict.Reasons);
        Assert.Equal(
            ("SUSPENDED_ADMIN", "License suspended: Concurrent sessions detected: 2 active devices"), await scene.SubscriptionAsync());
        Assert.Equal(
            (false, true, "Auto-suspended: Concurrent sessions detected: 2 active devices"),
            await scene.Database.QueryAsync<(bool, bool, string)>(
                "select is_active, revoked_at is not null, revoked_reason from license_tokens"));
        Assert.Equal(
            ("CONCURRENT_SESSIONS", "OPEN", "SUSPENDED", "3|EA-3"),
            await scene.Database.QueryAsync<(string, string, string, string)>(
                "select activity_type, status, auto_action_taken, evidence ->> 'device_key' from suspicious_activity_alerts"));
        Assert.Equal(1, await scene.CountAsync(
            "license_suspensions where cause = 'DEVICE_LIMIT' and closed_at is null and previous_state = 'DEGRADED_GAP'"));
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'license.suspended'"));
        var mail = JsonNode.Parse(await scene.Database.QueryAsync<string>(
            "select (payload -> 'model')::text from outbox where kind = 'email' and payload ->> 'template' = 'suspended'"))!.AsObject();
        Assert.Contains(
            "Die Lizenz erlaubt 2 Geräte. Alle Plätze waren belegt, als ein weiteres Gerät um einen bat: EA-3 (MT5-Konto 3, London).",
            new MailTemplates().Render("suspended", mail, null, "de").Text, StringComparison.Ordinal);
        // The sample that tests look at is what the check writes.
        Assert.Equal(
            MailSamples.Model("suspended-devices").Select(value => value.Key).Order(), mail.Select(value => value.Key).Order());
        Assert.Equal(reply.Verdict.Reasons, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Reasons);
        var own = (await scene.CheckAsync("EA-1", 1)).Verdict;
        Assert.Equal([LicenseCode.Suspended], own.Reasons);
        Assert.Equal(reply.Verdict.Detail, own.Detail);
    }

    [Fact]
    public async Task Check_ActiveByUnwrittenSightings_CountsAsActive()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        scene.Time.Advance(TimeSpan.FromMinutes(6));
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");

        var sharesWithOne = await scene.CheckAsync("EA-1", 77, "203.0.113.9");
        var stranger = await scene.CheckAsync("EA-3", 3, "203.0.113.9");

        Assert.Equal(LicenseCode.TooManyDevices, sharesWithOne.Verdict.Code); // device 1 is active, so it is not replaced
        Assert.Equal(LicenseCode.Suspended, stranger.Verdict.Code);
    }

    [Fact]
    public async Task Check_NewDeviceOnTheUnwrittenAddressOfAnActiveDevice_IsOnlyRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        await scene.CheckAsync("EA-2", 2, "2001:db8:0:7::1");

        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-3", 3, "2001:db8:0:7:ffff::9")).Verdict.Code);
    }

    [Fact]
    public async Task Check_RefusedRepeatedly_HasOneOpenAlertThatCounts()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        await scene.SuspendByThirdAsync();
        await scene.CheckAsync("EA-3", 3, "203.0.113.9");
        await scene.CheckAsync("EA-4", 4, "203.0.113.10");

        Assert.Equal(
            [("3|EA-3", 2), ("4|EA-4", 1)],
            await scene.Database.QueryAllAsync<(string, int)>(
                """
                select evidence ->> 'device_key', coalesce((evidence ->> 'refusals')::int, 1) from suspicious_activity_alerts
                where activity_type = 'TOO_MANY_DEVICES' order by 1
                """));
        Assert.Equal(("DEGRADED_GAP", null), await scene.SubscriptionAsync());
    }

    [Fact]
    public async Task Check_RefusedByTheDeviceLimit_HasTheDeviceAndTheMeasureInItsAlert()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        await scene.SuspendByThirdAsync();
        scene.Time.Advance(TimeSpan.FromMinutes(1));
        await scene.CheckAsync("EA-3", 3, "203.0.113.77");

        Assert.Equal(
            [$"NONE REFUSED EA-3 3 203.0.113.77 London GB {scene.Time.GetUtcNow():yyyy-MM-ddTHH:mm:ss} 2"],
            await scene.Database.QueryAllAsync<string>(
                """
                select concat_ws(' ', auto_action_taken, measure, device ->> 'ea_instance_id', device ->> 'mt5_account_number',
                                 device ->> 'ip_address', device ->> 'city', device ->> 'country', left(device ->> 'refused_at', 19),
                                 evidence ->> 'refusals')
                from suspicious_activity_alerts, jsonb_extract_path(evidence, 'refused_device') as device
                """));
    }

    [Fact]
    public async Task Check_SuspendsTheLicense_HasTheDeviceAndTheMeasureInItsAlert()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();

        Assert.Equal(["SUSPENDED SUSPENDED EA-3 2"], await scene.Database.QueryAllAsync<string>(
            """
            select concat_ws(' ', auto_action_taken, measure, evidence -> 'refused_device' ->> 'ea_instance_id',
                             evidence ->> 'device_limit')
            from suspicious_activity_alerts
            """));
    }

    [Fact]
    public async Task Check_RefusedUnderManyNames_AddsAtMostTenAlerts()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2);

        for (var n = 3; n < 15; n++)
            Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync($"EA-{n}", n)).Verdict.Code);

        Assert.Equal(10, await scene.CountAsync("suspicious_activity_alerts"));
        Assert.Equal(12, await scene.Database.QueryAsync<int>(
            "select sum(coalesce((evidence ->> 'refusals')::int, 1))::int from suspicious_activity_alerts"));
        Assert.Contains("EA-14", await scene.Database.QueryAllAsync<string>(
            """
            select evidence -> 'last_refused_device' ->> 'ea_instance_id' from suspicious_activity_alerts
            where evidence ? 'last_refused_device'
            """));
    }

    [Theory]
    [InlineData(DeviceIdentity.EaAccount, 1, 2)]
    [InlineData(DeviceIdentity.IpEaAccount, 2, 1)]
    public async Task Devices_SeenFromTwoNetworksOfIPv6_AreListedOnce(DeviceIdentity identity, int devices, int networksEach)
    {
        await using var scene = await LicenseScene.NewAsync(postgres, identity: identity);
        foreach (var address in (string[])["2001:db8:0:7::1", "2001:db8:0:8::1"])
        {
            await scene.CheckAsync("EA-1", 1, address);
            await scene.LastSeen.FlushAsync(LicenseScene.Stop);
            scene.Time.Advance(TimeSpan.FromSeconds(10));
        }

        var list = await new ListDevices(scene.Database.Database, scene.Devices, scene.LastSeen, scene.Settings, scene.Time)
            .RunAsync(scene.SubscriptionId, null, LicenseScene.Stop);

        Assert.Equal(devices, list.Value.DeviceCount);
        Assert.All(list.Value.Devices, device => Assert.Equal(networksEach, device.Networks.Count));
        Assert.All(list.Value.Devices, device => Assert.NotNull(device.DeviceId));
    }

    [Fact]
    public async Task Devices_KnownUnderTwoIdentities_AreListed()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            """
            insert into license_devices
                (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, first_seen_at, last_seen_at, removed_at)
            values (@SubscriptionId, '192.0.2.1|1|EA-1', 'EA-1', 1, '192.0.2.1', now() - interval '2 days', now() - interval '1 day', now())
            """,
            new { scene.SubscriptionId });

        var list = await new ListDevices(scene.Database.Database, scene.Devices, scene.LastSeen, scene.Settings, scene.Time)
            .RunAsync(scene.SubscriptionId, null, LicenseScene.Stop);

        Assert.Equal(["EA-1"], list.Value.Devices.Select(device => device.EaInstanceId));
    }

    [Fact]
    public async Task Check_FiveReplacementsIn30Days_TheSixthIsRefusedUntilTheyAreOld()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, maxDevices: 1);
        await scene.CheckAsync("EA-0", 1);
        for (var change = 1; change <= 5; change++)
        {
            scene.Time.Advance(TimeSpan.FromMinutes(5));
            Assert.True((await scene.CheckAsync($"EA-{change}", 1)).IsNew);
        }

        scene.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-6", 1)).Verdict.Code);
        Assert.Equal(5, await scene.CountAsync("audit_log where action = 'device.replaced'"));

        await scene.Database.ExecuteAsync("update license_tokens set expires_at = null");
        await scene.Database.ExecuteAsync("update license_device_changes set changed_at = changed_at - interval '30 days'");
        Assert.True((await scene.CheckAsync("EA-6", 1)).IsNew);
    }

    [Fact]
    public async Task Check_RefusedOrExpired_DoesNotCountAsUse()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() - interval '9 days'");
        scene.Time.Advance(TimeSpan.FromMinutes(1));

        var reply = await scene.CheckAsync("EA-1", 1);
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal(LicenseCode.Expired, reply.Verdict.Code);
        Assert.Equal(1, await scene.CountAsync("license_devices where last_seen_at = first_seen_at"));
        Assert.Equal(LicenseCode.Expired, (await scene.CheckAsync("EA-2", 2)).Verdict.Code);
        Assert.Equal(1, await scene.CountAsync("license_devices"));
    }

    [Fact]
    public async Task Check_GraceUntil_KeepsALongExpiredLicenseValid()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            update license_tokens set expires_at = now() - interval '9 days';
            insert into license_states (subscription_id, grace_until) select subscription_id, now() + interval '1 hour' from subscriptions
            """);

        var reply = await scene.CheckAsync("EA-1", 1);

        Assert.Equal((LicenseCode.Grace, true, true), (reply.Verdict.Code, reply.Verdict.IsValid, reply.IsNew));
    }

    [Fact]
    public async Task Check_OnTheAddressOfADeviceWithLaterUsage_IsOnlyRefused()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        await scene.CheckAsync("EA-2", 2, "203.0.113.9");
        // as the ingest does
        await scene.Database.ExecuteAsync("update license_devices set last_seen_at = last_seen_at + interval '1 minute'");

        var beforeTheFlush = (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code;
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        var afterIt = (await scene.CheckAsync("EA-4", 4, "203.0.113.9")).Verdict.Code;

        Assert.Equal((LicenseCode.TooManyDevices, LicenseCode.TooManyDevices), (beforeTheFlush, afterIt));
    }

    [Fact]
    public async Task Check_WithNullColumnsOfThePlatform_UsesTheirDefaults()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("""
            alter table subscriptions alter state drop not null, alter is_active drop not null;
            update subscriptions set state = null, is_active = null;
            """);

        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        Assert.Equal(LicenseCode.Suspended, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);
        await scene.Reinstating.RunAsync(scene.SubscriptionId, new("harmless"), Actor.Operator(null), LicenseScene.Stop);
        Assert.Equal("SYNCED", (await scene.SubscriptionAsync()).State);
    }

    [Fact]
    public async Task Check_InABatchWithAnUnreadableLicense_IsAnswered()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync(
            """
            with s as (
                insert into subscriptions (subscriber_id, master_id)
                select master_id, subscriber_id from subscriptions returning subscription_id),
            state as (insert into license_states (subscription_id, grace_until) select subscription_id, '20000-01-01' from s)
            insert into license_tokens (subscription_id, token_hash) select subscription_id, @hash from s
            """,
            new { hash = LicenseScene.Hash("unreadable") });

        var unreadable = Enumerable.Range(0, 20).Select(_ => scene.CheckAsync("EA-1", 1, token: "unreadable")).ToList();
        var answered = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => scene.CheckAsync("EA-1", 1)));

        Assert.All(answered, reply => Assert.Equal(LicenseCode.Valid, reply.Verdict.Code));
        foreach (var check in unreadable)
            await Assert.ThrowsAnyAsync<Exception>(() => check);
    }

    [Fact]
    public async Task Check_AfterTheExpiryOfASuspendedLicenseIsExtended_ClosesTheSuspensionAndPasses()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() - interval '9 days'");
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, new NewSuspension(
                scene.SubscriptionId, SuspensionCause.Expiry, SuspensionTexts.Expired, Actor.System, "{}"), token), LicenseScene.Stop);
        Assert.Equal(LicenseCode.Expired, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);

        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() + interval '30 days'");
        var check = await scene.CheckAsync("EA-1", 1);

        Assert.Equal(LicenseCode.Valid, check.Verdict.Code);
        Assert.Equal("RENEWED", await scene.Database.QueryAsync<string>("select closed_how from license_suspensions"));
        Assert.True(await scene.Database.QueryAsync<bool>("select is_active from license_tokens"));
        Assert.Equal("DEGRADED_GAP", (await scene.SubscriptionAsync()).State);
    }

    [Fact]
    public async Task Flush_OfManySightings_WritesTheLatestAndEveryNetwork()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1, "2001:db8:0:7::1");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal(
            ("2001:db8:0:7::1", 20.0),
            await scene.Database.QueryAsync<(string, double)>(
                "select host(ip_address), round(extract(epoch from last_seen_at - first_seen_at))::float8 from license_devices"));
        Assert.Equal(
            ["198.51.100.1/32", "2001:db8:0:7::/64"],
            await scene.Database.QueryAllAsync<string>("select network::text from license_device_networks order by network"));
        Assert.Equal(10.0, await scene.Database.QueryAsync<double>(
            """
            select round(extract(epoch from last_seen_at - first_seen_at))::float8 from license_device_networks
            where family(network) = 4
            """));
    }

    [Fact]
    public async Task Flush_WhileTheDatabaseIsDown_KeepsTheSightings()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("alter table license_devices rename to elsewhere");

        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => scene.LastSeen.FlushAsync(LicenseScene.Stop));
        await scene.Database.ExecuteAsync("alter table elsewhere rename to license_devices");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal(1, await scene.CountAsync("license_devices where last_seen_at > first_seen_at"));
    }

    [Theory]
    [InlineData("begin; select from license_devices where ea_instance_id = 'EA-1' for update", "rollback transaction", false)]
    [InlineData("alter table license_devices add constraint odd check (ea_instance_id <> 'EA-1' or last_seen_at = first_seen_at)",
        "alter table license_devices drop constraint odd", true)]
    public async Task Flush_ADeviceThatCannotBeWritten_IsKeptAndTheOthersAreWritten(string hinder, string release, bool fails)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        await using var platform = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        await platform.ExecuteAsync(hinder);

        if (fails)
            await Assert.ThrowsAsync<Npgsql.PostgresException>(() => scene.LastSeen.FlushAsync(LicenseScene.Stop));
        else
            await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal(["EA-2"], await SeenAgainAsync(scene));
        await platform.ExecuteAsync(release);
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        Assert.Equal(["EA-1", "EA-2"], await SeenAgainAsync(scene));
    }

    // Usage moves last_seen_at beyond the check, but last_accepted_at is the check's time.
    [Theory]
    [InlineData("select 1")]
    [InlineData("update license_devices set last_accepted_at = null")] // a device from before the column
    public async Task Flush_AfterLaterUsage_WritesTheTimeOfTheCheckAndKeepsThatOfTheUsage(string change)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        scene.Time.Advance(TimeSpan.FromSeconds(10));
        await scene.CheckAsync("EA-1", 1, "203.0.113.9");
        await scene.Database.ExecuteAsync("update license_devices set last_seen_at = last_seen_at + interval '1 minute'");
        await scene.Database.ExecuteAsync(change);

        await scene.LastSeen.FlushAsync(LicenseScene.Stop);

        Assert.Equal(
            ("198.51.100.1", 60.0, 10.0),
            await scene.Database.QueryAsync<(string, double, double)>(
                """
                select host(ip_address), round(extract(epoch from last_seen_at - first_seen_at))::float8,
                       round(extract(epoch from last_accepted_at - first_seen_at))::float8
                from license_devices
                """));
    }

    private static Task<IReadOnlyList<string>> SeenAgainAsync(LicenseScene scene) => scene.Database.QueryAllAsync<string>(
        "select ea_instance_id from license_devices where last_seen_at > first_seen_at order by 1");

    [Fact]
    public async Task Check_WithTheCacheOn_AChangeInThisProcessTakesEffectImmediately()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2);
        await scene.CheckAsync("EA-1", 1, "198.51.100.1");
        await scene.CheckAsync("EA-2", 2, "198.51.100.2");
        scene.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.True((await scene.CheckAsync("EA-1", 1, "198.51.100.1")).Verdict.IsValid);
        Assert.True((await scene.CheckAsync("EA-2", 2, "198.51.100.2")).Verdict.IsValid);
        await scene.Database.ExecuteAsync("update subscriptions set is_active = false");

        var cached = await scene.CheckAsync("EA-1", 1, "198.51.100.1"); // another process's change takes effect after two seconds
        await scene.Database.ExecuteAsync("update subscriptions set is_active = true");
        await scene.CheckAsync("EA-3", 3, "203.0.113.9");
        var suspended = await scene.CheckAsync("EA-1", 1, "198.51.100.1");

        Assert.Equal(LicenseCode.Valid, cached.Verdict.Code);
        Assert.Equal(LicenseCode.Suspended, suspended.Verdict.Code);
    }

    [Fact]
    public async Task Check_WithTheCacheOn_ReadsAgainAfterTheLifetime()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, cacheSeconds: 2);
        await scene.CheckAsync("EA-1", 1);
        scene.Time.Advance(TimeSpan.FromSeconds(61));
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("update subscriptions set is_active = false");

        scene.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(LicenseCode.Inactive, (await scene.CheckAsync("EA-1", 1)).Verdict.Code);
    }
}
