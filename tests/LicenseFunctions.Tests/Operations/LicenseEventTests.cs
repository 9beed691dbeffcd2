using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>Which changes become events, and what their data contain.</summary>
public sealed partial class LicenseEventTests(PostgresFixture postgres)
{
    private static readonly Actor Operator = Actor.Operator(Guid.NewGuid());

    private static NewSuspension ByOperator(LicenseScene scene) => new(
        scene.SubscriptionId, SuspensionCause.Operator, SuspensionTexts.ByOperator("Ask me@x.test, 198.51.100.7"), Operator);

    [Fact]
    public async Task DevicesAndSuspensions_OfALicense_BecomeEventsInOrder()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-1", 1);
        await scene.CheckAsync("EA-2", 2);
        await scene.CheckAsync("EA-3", 3, "203.0.113.9");
        await scene.Reinstating.RunAsync(scene.SubscriptionId, new ReinstateRequest("A mistake"), Operator, LicenseScene.Stop);
        var removed = await scene.Database.QueryAsync<Guid>("select device_id from license_devices where ea_instance_id = 'EA-2'");
        await new ChangeDevice(scene.Database.Database, scene.Invalidation)
            .RemoveAsync(scene.SubscriptionId, removed, null, Operator, LicenseScene.Stop);
        await scene.CheckAsync("EA-2", 2);

        Assert.Equal(
            [
                "license.first_checked device_id", "device.added beyond_limit,device_id,slot", "device.added beyond_limit,device_id,slot",
                "alert.opened activity_type,alert_id,measure,severity,status", "license.suspended alert_id,cause,suspension_id",
                "license.reinstated cause,how,suspension_id", "device.removed beyond_limit,device_id,slot",
                "device.added beyond_limit,device_id,slot",
            ],
            await TypesAsync(scene));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Usage_AndRepeatedChecks_AddNoEvents()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        var before = await scene.CountAsync("license_events");

        await scene.CheckAsync("EA-1", 1, "203.0.113.1");
        await scene.LastSeen.FlushAsync(LicenseScene.Stop);
        await scene.Database.ExecuteAsync(
            """
            select record_license_usage(token_hash, subscription_id, '203.0.113.1', 'EA-1', 1)
            from license_tokens
            """);

        Assert.Equal((2, before), (before, await scene.CountAsync("license_events")));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(60, false)]
    [InlineData(0, true)]
    public async Task Rotation_IsOneRevocation(int overlapSeconds, bool isSuspended)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        if (isSuspended)
            await scene.Database.Database.InTransactionAsync(
                (connection, token) => scene.Suspensions.SuspendAsync(connection, ByOperator(scene), token), LicenseScene.Stop);
        for (var n = 0; n < 2; n++)
        {
            Assert.Null((await scene.Rotation.RunAsync(
                scene.SubscriptionId, null, new TokenRotation(overlapSeconds), Operator, LicenseScene.Stop)).Refusal);
        }

        Assert.Equal(
            [("ROTATED", overlapSeconds > 0), ("ROTATED", overlapSeconds > 0)],
            await scene.Database.QueryAllAsync<(string, bool)>(
                """
                select data ->> 'cause', data ->> 'accepted_until' is not null from license_events
                where type not in ('license.suspended') order by event_id
                """));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Suspension_OfThisBackend_IsOneEvent_AlsoAfterTheRunbook()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);
        await scene.Database.ExecuteAsync("delete from license_events");

        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, ByOperator(scene), token), LicenseScene.Stop);
        await scene.RunbookAsync();
        await scene.CheckAsync("EA-1", 1);

        Assert.Equal(
            [("license.suspended", "OPERATOR", null), ("license.reinstated", "OPERATOR", "RUNBOOK")],
            await scene.Database.QueryAllAsync<(string, string, string?)>(
                "select type, data ->> 'cause', data ->> 'how' from license_events order by event_id"));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Expiry_IsAnEventOfItsOwn()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var expired = new NewSuspension(scene.SubscriptionId, SuspensionCause.Expiry, SuspensionTexts.Expired, Actor.System);

        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, expired, token), LicenseScene.Stop);
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.EndForExpiryAsync(connection, scene.SubscriptionId, "Renewed", token),
            LicenseScene.Stop);

        Assert.Equal(
            ["license.expired alert_id,cause,suspension_id", "license.reinstated cause,how,suspension_id"], await TypesAsync(scene));
    }

    [Fact]
    public async Task Suspension_ForExpiryByThePlatform_EndsWithAnEvent()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            "update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = @PausedReason",
            new { SuspensionTexts.Expired.PausedReason });

        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.EndForExpiryAsync(connection, scene.SubscriptionId, "Renewed", token),
            LicenseScene.Stop);

        Assert.Equal(["license.reinstated cause,how,suspension_id"], await TypesAsync(scene));
    }

    [Fact]
    public async Task Renewals_BecomeEvents_WithoutFreeText()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        await scene.Database.ExecuteAsync(
            """
            create temp table r as
            with made as (
                insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at)
                select subscription_id, subscriber_id, now(), 'auto', 'awaiting_consent', 12.50, now() from subscriptions
                returning renewal_id, subscription_id)
            select * from made;
            update renewals set status = 'due', price_accepted = true;
            insert into license_renewal_history (renewal_id, subscription_id, renewal_type, amount_usd, status, failure_reason, metadata)
            select gen_random_uuid(), subscription_id, 'auto', 12.50, 'failed', reason, '{"mail": "me@x.test"}'
            from r, unnest(array['card_declined', 'intent_canceled: me@x.test', 'Ask me@x.test', 'grace_period_ended', 'never_charged'])
                    as reason;
            update license_renewal_history set status = 'failed', failure_reason = failure_reason;
            update license_renewal_history set status = 'success', failure_reason = null where failure_reason = 'never_charged';
            update renewals set status = 'applied', paid_with = 'card', paid_from = now(), paid_until = now() + interval '30 days';
            update renewals set status = 'applied', paid_until = 'infinity';
            insert into reversal_effects (renewal_id, share, taken, stopped_auto_renewal, refunded_minor, charged_back_minor)
            select renewal_id, 0.4, '0', false, 500, 0 from r;
            update reversal_effects set refunded_minor = 500, is_switched_since = true;
            update reversal_effects set refunded_minor = 0;
            """);

        Assert.Equal(
            [
                """price.agreed {"amount_usd": 12.50}""",
                """license.payment_failed {"reason": "card_declined", "amount_usd": 12.50, "expires_at": null, "renewal_type": "auto"}""",
                """license.payment_failed {"reason": "intent_canceled", "amount_usd": 12.50, "expires_at": null, "renewal_type": "auto"}""",
                """license.payment_failed {"reason": "OTHER", "amount_usd": 12.50, "expires_at": null, "renewal_type": "auto"}""",
                """license.renewed {"paid_with": "card", "amount_usd": 12.50, "renewal_type": "auto"}""",
                """payment.refunded {"paid_until": null, "refunded_usd": 5.00}""",
                """payment.refunded {"paid_until": null, "refunded_usd": 0.00}""",
            ],
            await scene.Database.QueryAllAsync<string>(
                """
                select type || ' ' || (data - 'renewal_id' - 'attempt_id' - 'paid_from'
                                       - case when type = 'license.renewed' then 'paid_until' else '' end)::text
                from license_events order by event_id
                """));
        Assert.True(await scene.Database.QueryAsync<bool>(
            """
            select data ->> 'paid_from' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{6}Z$' from license_events where type = 'license.renewed'
            """));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Renewals_AppliedByOneStatement_BecomeOneEventEach_AndThePaidOnesAreMarked()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at)
            select subscription_id, subscriber_id, now() + n * interval '30 days', 'auto', 'due', n, now()
            from subscriptions, generate_series(1, 4) n
            """);
        const string apply = """
            update renewals
            set status = 'applied', paid_with = case amount_usd when 2 then 'nothing' else 'wallet' end, paid_from = period_start,
                paid_until = period_start
            where amount_usd <= @most
            """;

        await scene.Database.ExecuteAsync(apply, new { most = 1 });
        await scene.Database.ExecuteAsync(apply, new { most = 3 });
        await scene.Database.ExecuteAsync("update renewals set fence = fence + 1");

        Assert.Equal(["1 wallet: 1 event, 1 mark", "2 nothing: 1 event, 0 mark", "3 wallet: 1 event, 1 mark", "4 : 0 event, 0 mark"],
            await scene.Database.QueryAllAsync<string>(
                """
                select format('%s %s: %s event, %s mark', amount_usd::int, paid_with,
                              (select count(*) from license_events e where e.data ->> 'renewal_id' = r.renewal_id::text),
                              (select count(*) from renewals_to_invoice m where m.renewal_id = r.renewal_id))
                from renewals r order by amount_usd
                """));
    }

    [Fact]
    public async Task Disputes_BecomeEvents_WhenTheirLicenseIsKnown()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        await scene.Database.ExecuteAsync(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            select subscription_id, subscriber_id, now(), 'auto', 'due', now() from subscriptions;
            insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, changed_at)
            values ('stripe', 'dispute', 'dp_secret_1', 'open', 1250, 'usd', now()),
                   ('stripe', 'refund', 're_1', 'succeeded', 1250, 'usd', now());
            update payment_reversals p set renewal_id = r.renewal_id, subscription_id = r.subscription_id from renewals r;
            update payment_reversals set state = state, changed_at = now();
            update payment_reversals set state = 'lost' where kind = 'dispute';
            """);

        Assert.Equal(
            [("payment.disputed", "OPEN", 1250, "usd"), ("payment.disputed", "LOST", 1250, "usd")],
            await scene.Database.QueryAllAsync<(string, string, int, string)>(
                """
                select type, data ->> 'state', (data ->> 'amount_minor')::int, data ->> 'currency' from license_events order by event_id
                """));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Alerts_BecomeEvents_WithoutFreeText()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);

        await scene.Database.ExecuteAsync(
            """
            select create_suspicious_activity_alert(
                subscription_id, type, 'HIGH', 'me@x.test from 198.51.100.7', '{"ip": "198.51.100.7"}')
            from subscriptions, unnest(array['MULTIPLE_IPS', 'me@x.test']) as type;
            select create_suspicious_activity_alert(null, 'MULTIPLE_IPS', 'LOW', null);
            update suspicious_activity_alerts set status = 'INVESTIGATING' where activity_type = 'MULTIPLE_IPS';
            update suspicious_activity_alerts set status = 'INVESTIGATING', resolution_notes = 'me@x.test' where severity = 'HIGH';
            """);

        Assert.Equal(
            [
                ("alert.opened", "MULTIPLE_IPS", "OPEN"), ("alert.opened", "OTHER", "OPEN"), ("alert.reviewed", null, "INVESTIGATING"),
                ("alert.reviewed", null, "INVESTIGATING"),
            ],
            await scene.Database.QueryAllAsync<(string, string?, string)>(
                "select type, data ->> 'activity_type', data ->> 'status' from license_events order by event_id"));
        await AssertWithoutSecretsAsync(scene);
    }

    [Fact]
    public async Task Types_AreThoseInTheDocumentation()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var known = await database.QueryAsync<string>(
            "select pg_get_constraintdef(oid) from pg_constraint where conname = 'event_type_is_known'");

        var documented = File.ReadAllText(Path.Combine(Repository.Root, "docs/api.md"));

        Assert.Equal(
            KnownType().Matches(known).Select(type => type.Groups[1].Value).Order(StringComparer.Ordinal),
            TypeRow().Matches(documented).Select(type => type.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Functions_WithTheOwnersRights_SearchTemporaryObjectsLast()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Empty(await database.QueryAllAsync<string>(
            """
            select proname from pg_proc
            where pronamespace = 'public'::regnamespace and prosecdef and not proconfig::text ~ 'search_path=.*pg_temp"?}$'
            """));
    }

    [Fact]
    public async Task Change_RolledBack_LeavesNoEventAndNoGap()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.CheckAsync("EA-1", 1);

        await scene.Database.ExecuteAsync("begin; update license_devices set slot = null, removed_at = now(); rollback");
        await scene.CheckAsync("EA-2", 2);

        var store = new EventStore(scene.Database.Database);
        await store.NumberAsync(LicenseScene.Stop);
        Assert.Equal(
            [("license.first_checked", 1L, 1L), ("device.added", 2L, 2L), ("device.added", 3L, 3L)],
            (await store.ListAsync(0, 10, LicenseScene.Stop)).Select(one => (one.Type, one.Id, one.Sequence)));
    }

    /// <summary>The type, and the names of the data, of each event in the order of the ids.</summary>
    private static Task<IReadOnlyList<string>> TypesAsync(LicenseScene scene) => scene.Database.QueryAllAsync<string>(
        """
        select type || ' ' || (select string_agg(key, ',' order by key) from jsonb_object_keys(data) as key)
        from license_events order by event_id
        """);

    private static async Task AssertWithoutSecretsAsync(LicenseScene scene)
    {
        Assert.NotEqual(0, await scene.CountAsync("license_events"));
        await EventSecrets.AssertNoneAsync(scene.Database);
    }

    [GeneratedRegex(@"^\| `([a-z]+[.][a-z_]+)` \|", RegexOptions.Multiline)]
    private static partial Regex TypeRow();

    [GeneratedRegex("'([a-z]+[.][a-z_]+)'")]
    private static partial Regex KnownType();
}
