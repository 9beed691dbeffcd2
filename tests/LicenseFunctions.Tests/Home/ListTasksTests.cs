using LicenseFunctions.Home;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Devices;
using Licensing.Renewals;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LicenseFunctions.Tests.Home;

/// <summary>What a customer has to do over several licenses, with a real database.</summary>
public sealed class ListTasksTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Run_SeveralLicenses_ReadsSuspensionsAndRefusalsOfEach()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        Assert.Equal(["LiftSuspension"], await KindsAsync(scene));

        // Another license with more refusals than are read of one license, all of them later.
        await scene.Database.ExecuteAsync(
            """
            with master as (
                insert into users (email, role) values ('other@x.test', 'master') returning user_id
            ), other as (
                insert into subscriptions (subscriber_id, master_id, state)
                select @SubscriberId, user_id, 'SYNCED' from master
                returning subscription_id, subscriber_id
            ), token as (
                insert into license_tokens (subscription_id, token_hash, expires_at)
                select subscription_id, 'other', now() + interval '20 days' from other
            )
            insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, detected_at, evidence)
            select subscription_id, subscriber_id, 'TOO_MANY_DEVICES', 'MEDIUM', now() + make_interval(secs => n),
                   jsonb_build_object('device_key', n || '|EA', 'refused_device', jsonb_build_object(
                       'ea_instance_id', 'EA', 'mt5_account_number', n, 'ip_address', '192.0.2.9'))
            from other, generate_series(1, 101) as n
            """, new { scene.SubscriberId });
        await scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        Assert.Equal(["ConnectEa", "DecideDevice", "DecideDevice"], await KindsAsync(scene));

        // The subscriber has lifted a suspension, so that the next one can only be appealed.
        await scene.CheckAsync("EA-4", 4, "203.0.113.4");
        Assert.Equal(["Appeal", "ConnectEa", "DecideDevice"], await KindsAsync(scene));
        await scene.Database.ExecuteAsync(
            """
            insert into license_appeals (subscription_id, suspension_id, alert_id, message, submitted_at, submitted_by)
            select subscription_id, suspension_id, alert_id, 'Both are mine.', now(), @SubscriberId
            from license_suspensions where closed_at is null
            """, new { scene.SubscriberId });
        Assert.Equal(["ConnectEa", "DecideDevice", "AwaitReview"], await KindsAsync(scene));

        // The answer ends the waiting.
        await scene.Database.ExecuteAsync(
            "update suspicious_activity_alerts set status = 'RESOLVED' where alert_id in (select alert_id from license_appeals)");
        Assert.Contains("AppealReviewed", await KindsAsync(scene));
    }

    /// <summary>A customer who has paid is not asked to pay while an operator decides the charge.</summary>
    [Fact]
    public async Task Run_AChargeThatIsNotBooked_AsksForNoPayment_UntilItIsDecided()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() - interval '10 days'");
        var before = (await KindsAsync(scene)).ToList();
        await scene.Database.ExecuteAsync(
            """
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            values ('stripe', 'not_booked', 'pi_1', @SubscriptionId, 'a test')
            """, new { scene.SubscriptionId });

        var during = await KindsAsync(scene);
        await scene.Database.ExecuteAsync("update payment_cases set decided_at = now(), decision = 'refunded'");

        Assert.Single(before);
        Assert.Empty(during);
        Assert.Equal(before, await KindsAsync(scene));
    }

    /// <summary>A device that is somebody else's is not offered, and the token is to be changed.</summary>
    [Fact]
    public async Task Run_AfterTheAnswerSomebodyElse_AsksForAnotherToken_UntilItIsChanged()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        await scene.SuspendByThirdAsync();
        Assert.Equal(["DecideDevice"], await KindsAsync(scene));

        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set customer_denied_at = now()");
        Assert.Equal(["ChangeToken"], await KindsAsync(scene));

        await scene.Rotation.RunAsync(
            scene.SubscriptionId, scene.SubscriberId, new TokenRotation(), Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        Assert.Empty(await KindsAsync(scene));

        // The customer changed the token before the answer.
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set customer_denied_at = now() + interval '1 minute'");
        Assert.Empty(await KindsAsync(scene));

        // The device was refused again between the change and the answer, so it may have the new token.
        await scene.Database.ExecuteAsync(
            "update suspicious_activity_alerts set evidence = evidence || jsonb_build_object('last_refused_at', now())");
        Assert.Equal(["ChangeToken"], await KindsAsync(scene));

        // It was refused after the change that followed the answer: the old token is valid for a while.
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set customer_denied_at = now() - interval '1 hour'");
        Assert.Empty(await KindsAsync(scene));
    }

    [Fact]
    public async Task Run_OneOfManyLicenses_ListsOnlyItsTasks_AndNoneOfAnotherSubscriber()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        // Each of these has one task.
        await scene.Database.ExecuteAsync(
            """
            with masters as (
                insert into users (email, role) select n || '@x.test', 'master' from generate_series(1, 101) as n returning user_id
            ), others as (
                insert into subscriptions (subscriber_id, master_id, state) select @SubscriberId, user_id, 'SYNCED' from masters
                returning subscription_id
            )
            insert into license_tokens (subscription_id, token_hash, expires_at)
            select subscription_id, subscription_id::text, now() + interval '20 days' from others
            """, new { scene.SubscriberId });

        Assert.Equal(102, (await KindsAsync(scene)).Count());
        Assert.Equal(["LiftSuspension"], await KindsAsync(scene, ("subscription_id", scene.SubscriptionId.ToString())));
        var foreign = await ListAsync(scene, Guid.NewGuid(), ("subscription_id", scene.SubscriptionId.ToString()));
        Assert.Equal("LICENSE_NOT_FOUND", foreign.Refusal?.Code);
        Assert.Equal("subscription_id", (await ListAsync(scene, scene.SubscriberId, ("subscription_id", "x"))).Refusal?.Field);
    }

    private static async Task<IEnumerable<string>> KindsAsync(LicenseScene scene, params (string Name, string Value)[] query) =>
        (await ListAsync(scene, scene.SubscriberId, query)).Value.Tasks.Select(task => task.Kind.ToString());

    private static Task<Outcome<TaskList>> ListAsync(LicenseScene scene, Guid subscriber, params (string Name, string Value)[] query)
    {
        var database = scene.Database.Database;
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        var list = new ListTasks(
            database, new LicenseListStore(database, LicenseScene.ListSettings), new RenewalReads(database), new AlertStore(database),
            scene.Devices, policy, scene.Time);
        return list.RunAsync(
            new QueryCollection(query.ToDictionary(one => one.Name, one => new StringValues(one.Value))), subscriber, LicenseScene.Stop);
    }
}
