using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Failures;

/// <summary>Requests that wait for the same row occupy one connection, whatever IDs their routes have.</summary>
public sealed class RequestTurnsTests(PostgresFixture postgres)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PaymentMethods_OfOneUserWithRandomIds_TakeTurns()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        var subscriber = "Bearer " + RunningApp.Token("subscriber", scene.SubscriberId);

        await AssertOthersAreAnsweredAsync(
            scene, "select from users where user_id = @SubscriberId for update",
            app => app.SendAsync(HttpMethod.Put, $"/api/v1/payment-methods/{Guid.NewGuid()}/default", subscriber, null));
    }

    [Fact]
    public async Task AlertsOfOneLicense_ThatReinstateIt_TakeTurns()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("insert into license_states (subscription_id) values (@SubscriptionId)", scene);
        var alerts = new Queue<Guid>(await scene.Database.QueryAllAsync<Guid>(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity)
            select @SubscriptionId, 'MULTIPLE_IPS', 'LOW' from generate_series(1, 12)
            returning alert_id
            """,
            scene));

        await AssertOthersAreAnsweredAsync(
            scene, "select from license_states where subscription_id = @SubscriptionId for update",
            app => app.SendAsync(
                HttpMethod.Patch, $"/api/v1/licenses/alerts/{alerts.Dequeue()}", "Bearer " + RunningApp.Token("operator", Guid.NewGuid()),
                """{"status": "FALSE_POSITIVE", "notes": "Known", "reinstate": true}"""));
    }

    /// <summary>With the row locked, 12 such requests wait. Requests have 6 connections; another customer's gets one.</summary>
    private static async Task AssertOthersAreAnsweredAsync(
        LicenseScene scene, string locks, Func<RunningApp, Task<(int Status, JsonNode? Body, HttpResponseMessage Response)>> send)
    {
        await using var app = await RunningApp.StartAsync(scene.Database, ("DATABASE_POOL_SIZE", "20"));
        var other = "Bearer " + RunningApp.Token("subscriber", Guid.NewGuid());
        await using var platform = await scene.Database.Source.OpenConnectionAsync(Stop);
        await platform.ExecuteAsync("begin; " + locks, new { scene.SubscriptionId, scene.SubscriberId });

        var requests = Enumerable.Range(0, 12).Select(_ => send(app)).ToList();
        while (await scene.Database.QueryAsync<long>(Waiting) == 0)
        {
            if (requests.Find(request => request.IsCompleted) is { } answered)
                Assert.Fail($"{(await answered).Status} {(await answered).Body} {app.Log}");
            await Task.Delay(20, Stop);
        }

        var (status, body, _) = await app.GetAsync("/api/v1/payment-methods", other);

        Assert.True(status == 200, $"{status} {body}");
        Assert.Equal(1L, await scene.Database.QueryAsync<long>(Waiting));
        Assert.DoesNotContain(requests, request => request.IsCompleted);
        await platform.ExecuteAsync("rollback");
        await Task.WhenAll(requests);
    }

    private const string Waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and application_name = 'license-functions/requests'
        """;
}
