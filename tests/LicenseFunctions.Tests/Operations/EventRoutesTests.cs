using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class EventRoutesTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Events_OfTheRunningApp_AreListedForServicesAndOperators()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(scene.Database);
        var service = "Bearer " + RunningApp.Token("service");
        await app.PostAsync(
            "/api/v1/licenses/validate", "License " + LicenseScene.Token, new { ea_instance_id = "EA-1", mt5_account_number = 1 });
        await app.PostAsync(
            $"/api/v1/licenses/{scene.SubscriptionId}/suspend", "Bearer " + RunningApp.Token("operator"), new { reason = "me@x.test" });

        var (status, page, _) = await app.GetAsync("/api/v1/events?after=0&limit=1000", service);
        var (_, rest, _) = await app.GetAsync($"/api/v1/events?after={page!["next"]}&wait=1", "Bearer " + RunningApp.Token("operator"));
        var (subscriber, _, _) = await app.GetAsync("/api/v1/events", "Bearer " + RunningApp.Token("subscriber"));
        var (nobody, _, _) = await app.GetAsync("/api/v1/events");
        var (wrong, problem, _) = await app.GetAsync("/api/v1/events?wait=21", service);

        Assert.Equal((200, 403, 401, 400), (status, subscriber, nobody, wrong));
        Assert.Equal("wait", (string?)problem!["field"]);
        Assert.NotNull(problem["hint"]);
        Assert.Equal(["events", "next"], page.AsObject().Select(field => field.Key));
        Assert.Equal(
            ["id", "type", "occurred_at", "subscription_id", "sequence", "data"],
            page["events"]![0]!.AsObject().Select(field => field.Key));
        Assert.Equal(
            [(1L, "license.first_checked", 1L), (2L, "device.added", 2L), (3L, "license.suspended", 3L)],
            page["events"]!.AsArray().Select(item => ((long)item!["id"]!, (string)item["type"]!, (long)item["sequence"]!)));
        Assert.Equal((3, 3, 0), ((long)page["next"]!, (long)rest!["next"]!, rest["events"]!.AsArray().Count));
        Assert.Equal(scene.SubscriptionId, (Guid)page["events"]![0]!["subscription_id"]!);
        Assert.Equal("OPERATOR", (string?)page["events"]![2]!["data"]!["cause"]);
    }

    /// <summary>The app is killed three times, and the consumer of docs/integration.md ten times.</summary>
    [Fact]
    public async Task Events_100000AcrossKillsOfBothSides_AreAppliedOnceInOrder()
    {
        const int PerLicense = 25_000;
        await using var database = await postgres.NewDatabaseAsync();
        await using var consumer = new FeedConsumer();
        Guid[] licenses = [Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid()];
        var writing = Task.WhenAll(licenses.Select(license => Task.Run(async () =>
        {
            for (var n = 1; n <= PerLicense; n += 500)
            {
                await database.ExecuteAsync(
                    """
                    select add_license_event(@license, 'price.agreed', jsonb_build_object('n', n)) from generate_series(@n, @n + 499) n
                    """,
                    new { license, n });
            }
        })));
        var app = await RunningApp.StartAsync(database);
        try
        {
            for (var kills = 0; kills <= 9; kills++)
            {
                consumer.Start(app.Client.BaseAddress!, RunningApp.Token("service"));
                while (consumer.Position < (kills + 1) * PerLicense * licenses.Length / 10)
                {
                    Assert.False(consumer.HasExited);
                    await Task.Delay(20, Stop);
                }

                if (kills % 3 == 1)
                {
                    await app.DisposeAsync();
                    app = await RunningApp.StartAsync(database);
                }

                await consumer.KillAsync();
            }
        }
        finally
        {
            await app.DisposeAsync();
            await writing;
        }

        var (applied, last) = (licenses.ToDictionary(license => license, _ => 0L), 0L);
        foreach (var run in await consumer.RunsAsync())
        {
            // A run may begin with events that the run before printed but did not save.
            Assert.True(run.Length == 0 || run[0].Id <= last + 1);
            foreach (var (id, license, data) in run)
            {
                if (id <= last)
                    continue;
                Assert.Equal(++last, id);
                Assert.Equal(++applied[license], (long)data["n"]!);
            }
        }

        Assert.All(applied.Values, number => Assert.Equal(PerLicense, number));
    }

    [Fact]
    public async Task Warning_OfAnExpiry_IsOneEventPerStage()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(scene.Database);
        await scene.Database.ExecuteAsync("update license_tokens set expires_at = now() + interval '2 days 12 hours', metadata = '{}'");

        await app.RunTimerAsync(scene.Database, "WarnExpiring");
        await app.RunTimerAsync(scene.Database, "WarnExpiring");

        var (_, page, _) = await app.GetAsync("/api/v1/events", "Bearer " + RunningApp.Token("service"));
        var warned = Assert.Single(page!["events"]!.AsArray())!;
        Assert.Equal("license.expiring", (string?)warned["type"]);
        JsonNode data = warned["data"]!;
        Assert.Equal(
            ["expires_at", "grace_until", "reason", "stage"],
            data.AsObject().Select(field => field.Key).Order(StringComparer.Ordinal));
        Assert.Equal(3, (int)data["stage"]!);
        Assert.Equal(TimeSpan.FromDays(3), (DateTime)data["grace_until"]! - (DateTime)data["expires_at"]!);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
