using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing.Suspicion;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class AlertLogTests(PostgresFixture postgres)
{
    private static readonly DateTime At = new(2026, 9, 1, 10, 0, 0, DateTimeKind.Utc);

    [Fact]
    public async Task Raise_ByAnyCaller_FillsInSubscriberAndToken()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);

        var raised = await AlertLog.RaiseAsync(connection, Alert(scene), Stop);
        await DeviceStore.AddRefusalAlertAsync(
            connection, scene.License.SubscriptionId, scene.License.TokenHash, "EA-9|9", "Refused", "{}", At, Stop);
        await scene.Database.ExecuteAsync(
            "select create_suspicious_activity_alert(@SubscriptionId, 'RAPID_IP_CHANGES', 'MEDIUM', 'By the platform')", scene.License);

        var owner = await scene.Database.QueryAsync<Guid>("select subscriber_id from subscriptions");
        Assert.Equal((owner, true), (raised.UserId, raised.IsNew));
        Assert.Equal([$"{owner} {scene.License.TokenHash} OPEN 3"], await scene.Database.QueryAllAsync<string>(
            """
            select concat_ws(' ', user_id, token_hash, status, count(*)) from suspicious_activity_alerts
            group by user_id, token_hash, status
            """));
    }

    [Fact]
    public async Task Raise_ByAnyCaller_IsInTheOperatorsNextMail()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        await AlertLog.RaiseAsync(connection, Alert(scene), Stop);
        await DeviceStore.AddSuspensionAlertAsync(
            connection, scene.License.SubscriptionId, scene.License.TokenHash, "Suspended", "{}", At, Stop);
        await DeviceStore.AddRefusalAlertAsync(
            connection, scene.License.SubscriptionId, scene.License.TokenHash, "EA-9|9", "Refused", "{}", At, Stop);
        await scene.Database.ExecuteAsync(
            "select create_suspicious_activity_alert(@SubscriptionId, 'RAPID_IP_CHANGES', 'MEDIUM', 'By the platform')", scene.License);

        await scene.Scan.RunAsync(Stop);

        Assert.Equal(["By the platform", "Many networks", "Refused", "Suspended"], await scene.Database.QueryAllAsync<string>(
            """
            select alert ->> 'description' from outbox, jsonb_array_elements(payload -> 'model' -> 'alerts') alert
            where kind = 'email' order by 1
            """));
        Assert.Equal(4, await scene.Database.QueryAsync<int>("select (payload ->> 'total')::int from outbox where kind = 'alert_webhook'"));
    }

    [Theory]
    [InlineData("NONE", "NOTIFIED", "NOTIFIED")]
    [InlineData("NOTIFIED", "NONE", "NOTIFIED")]
    [InlineData("NOTIFIED", "SUSPENDED", "SUSPENDED")]
    [InlineData("SUSPENDED", "NOTIFIED", "SUSPENDED")]
    public async Task Raise_SameIncidentAgain_UpdatesItsOpenAlert(string first, string second, string action)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        var alert = Alert(scene) with { Incident = "people" };

        var raised = await AlertLog.RaiseAsync(connection, alert with { AutoAction = first }, Stop);
        var again = await AlertLog.RaiseAsync(
            connection, alert with { AutoAction = second, Severity = AlertSeverity.Critical, DetectedAt = At.AddHours(1) }, Stop);

        Assert.Equal((raised.AlertId, false), (again.AlertId, again.IsNew));
        Assert.Equal([$"CRITICAL {action} 01:00:00"], await scene.Database.QueryAllAsync<string>(
            "select concat_ws(' ', severity, auto_action_taken, updated_at - detected_at) from suspicious_activity_alerts"));
    }

    [Fact]
    public async Task Raise_SameIncidentAfterItsReview_IsANewAlert()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await using var connection = await scene.Database.Source.OpenConnectionAsync(Stop);
        var alert = Alert(scene) with { Incident = "people" };
        await AlertLog.RaiseAsync(connection, alert, Stop);
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now()");

        Assert.True((await AlertLog.RaiseAsync(connection, alert, Stop)).IsNew);
    }

    private static NewAlert Alert(SuspicionScene scene) =>
        new(scene.License.SubscriptionId, "MULTIPLE_IPS", AlertSeverity.High, "Many networks", """{"ips": 5}""", "NONE", At);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
