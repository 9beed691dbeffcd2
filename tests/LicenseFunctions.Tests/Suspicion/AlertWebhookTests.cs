using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class AlertWebhookTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData("X-License-Signature")]
    [InlineData("X-Licence-Signature")] // the first version's spelling
    public async Task Webhook_StormOfAlerts_IsOneSignedCall(string signature)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await using var scene = await WithAlertsAsync(30);
        using var http = new HttpClient();
        var webhooks = Webhooks(scene, listener, http);

        await webhooks.RunAsync(Stop);
        await webhooks.RunAsync(Stop);

        var call = Assert.Single(listener.Requests);
        using var body = JsonDocument.Parse(call.Body);
        Assert.Equal((30, 20), (body.RootElement.GetProperty("total").GetInt32(), body.RootElement.GetProperty("alerts").GetArrayLength()));
        // A receiver checks the signature over the raw body and the time.
        var parts = call.Headers[signature].Split(',');
        var seconds = parts[0]["t=".Length..];
        var expected = HMACSHA256.HashData(scene.Settings.WebhookSecret, Encoding.UTF8.GetBytes($"{seconds}.{call.Body}"));
        Assert.Equal($"v1={Convert.ToHexStringLower(expected)}", parts[1]);
        Assert.Equal(scene.Usage.Time.GetUtcNow().ToUnixTimeSeconds(), long.Parse(seconds, CultureInfo.InvariantCulture));
    }

    // The address is left out, and receivers of webhooks get no device. The platform's alerts may have any evidence.
    [Fact]
    public async Task Notify_OfARefusedDevice_NamesItInTheMailOnly()
    {
        await using var scene = await WithAlertsAsync(2);
        await scene.Database.ExecuteAsync(
            """
            delete from outbox;
            update suspicious_activity_alerts set operators_told_at = null, evidence = '{"refused_device": "x"}';
            update suspicious_activity_alerts set evidence = '{"refused_device": {"ea_instance_id": "EA-3", "mt5_account_number": 880731,
                                                               "ip_address": "203.0.113.73", "city": "Leeds", "country": "GB"}}'
            where alert_id in (select alert_id from suspicious_activity_alerts order by alert_id limit 1)
            """);

        await new SuspicionStore(scene.Database.Database).NotifyOperatorsAsync(
            "ops@x.test", webhook: true, TimeSpan.Zero, scene.Usage.Time.GetUtcNow().UtcDateTime, Stop);

        var mail = JsonNode.Parse(await scene.Database.QueryAsync<string>("select payload::text from outbox where kind = 'email'"))!;
        var device = Assert.Single(mail["model"]!["refused_devices"]!.AsObject()).Value!;
        Assert.Equal("""{"city":"Leeds","country":"GB","ea_instance_id":"EA-3","mt5_account_number":"880731"}""", device.ToJsonString());
        Assert.DoesNotContain(
            "EA-3", await scene.Database.QueryAsync<string>("select payload::text from outbox where kind = 'alert_webhook'"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notify_AlertsThatWereClosedMeanwhile_AreNotInTheMailNorInTheCall()
    {
        await using var scene = await WithAlertsAsync(3);
        await scene.Database.ExecuteAsync(
            """
            delete from outbox;
            update suspicious_activity_alerts set operators_told_at = null;
            update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now()
            where alert_id in (select alert_id from suspicious_activity_alerts order by alert_id limit 2)
            """);

        await new SuspicionStore(scene.Database.Database).NotifyOperatorsAsync(
            "ops@x.test", webhook: true, TimeSpan.Zero, scene.Usage.Time.GetUtcNow().UtcDateTime, Stop);

        Assert.Equal(
            [("alert_webhook", 1), ("email", 1)],
            await scene.Database.QueryAllAsync<(string, int)>(
                """
                select kind, jsonb_array_length(coalesce(payload -> 'alerts', payload -> 'model' -> 'alerts')) from outbox order by kind
                """));
    }

    [Fact]
    public async Task Webhook_Answered500_IsCalledAgainWhenDueAsTheSameDelivery()
    {
        await using var listener = await LocalListener.StartAsync(before => before == 0 ? Results.StatusCode(500) : Results.Ok(), Stop);
        await using var scene = await WithAlertsAsync(1);
        using var http = new HttpClient();
        var webhooks = Webhooks(scene, listener, http);

        await webhooks.RunAsync(Stop);
        await webhooks.RunAsync(Stop);
        Assert.Single(listener.Requests);
        Assert.Equal("HTTP 500 later", await StateAsync(scene));
        await scene.Database.ExecuteAsync("update outbox set due_at = now() where kind = 'alert_webhook'");
        await webhooks.RunAsync(Stop);
        await webhooks.RunAsync(Stop);

        Assert.Equal(2, listener.Requests.Count);
        Assert.Equal(listener.Requests[0].Body, listener.Requests[1].Body);
        Assert.Equal(
            listener.Requests.Select(call => call.Headers["X-License-Delivery"]),
            listener.Requests.Select(call => call.Headers["X-Licence-Delivery"]));
        Assert.Equal(listener.Requests[0].Headers["X-License-Delivery"], listener.Requests[1].Headers["X-License-Delivery"]);
        Assert.Equal(" sent", await StateAsync(scene));
    }

    [Fact]
    public async Task Webhook_ReceiverIsDown_WaitsInTheOutbox()
    {
        await using var scene = await WithAlertsAsync(1);
        using var http = new HttpClient();
        var gone = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        var webhooks = Webhooks(scene, gone, http);
        await gone.DisposeAsync();

        await webhooks.RunAsync(Stop);

        Assert.Equal("HttpRequestException later", await StateAsync(scene));
    }

    [Fact]
    public async Task Webhook_FailedForTheTwelfthTime_IsGivenUp()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.StatusCode(500), Stop);
        await using var scene = await WithAlertsAsync(1);
        using var http = new HttpClient();
        await scene.Database.ExecuteAsync("update outbox set attempts = 10 where kind = 'alert_webhook'");

        await Webhooks(scene, listener, http).RunAsync(Stop);
        Assert.False(await IsDeadAsync(scene));
        await scene.Database.ExecuteAsync("update outbox set due_at = now() where kind = 'alert_webhook'");
        await Webhooks(scene, listener, http).RunAsync(Stop);
        Assert.True(await IsDeadAsync(scene));
        await scene.Database.ExecuteAsync("update outbox set due_at = now() where kind = 'alert_webhook'");
        await Webhooks(scene, listener, http).RunAsync(Stop);

        Assert.Equal(2, listener.Requests.Count);
    }

    private static Task<bool> IsDeadAsync(SuspicionScene scene) =>
        scene.Database.QueryAsync<bool>("select dead_at is not null from outbox where kind = 'alert_webhook'");

    private async Task<SuspicionScene> WithAlertsAsync(int alerts)
    {
        var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (activity_type, severity)
            select 'CONCURRENT_SESSIONS', 'HIGH' from generate_series(1, @alerts)
            """, new { alerts });
        await scene.Scan.RunAsync(Stop);
        await scene.Scan.RunAsync(Stop);
        return scene;
    }

    private static SendAlertWebhooks Webhooks(SuspicionScene scene, LocalListener listener, HttpClient http) => new(
        new OutboxStore(scene.Database.Database), scene.Settings with { WebhookUrl = listener.Address }, http, scene.Usage.Time);

    private static Task<string> StateAsync(SuspicionScene scene) => scene.Database.QueryAsync<string>(
        """
        select coalesce(last_error, '') || case when sent_at is not null then ' sent' when due_at > now() then ' later' else ' due' end
        from outbox where kind = 'alert_webhook'
        """);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
