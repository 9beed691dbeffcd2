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
        await using var app = await RunningApp.StartAsync(scene.Database);
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

    [Fact]
    public async Task Warning_OfAnExpiry_IsOneEventPerStage()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartAsync(scene.Database);
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
}
