using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class WebhookRoutesTests(PostgresFixture postgres)
{
    private const string Path = "/api/v1/webhook-endpoints";

    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");

    private static readonly (string Name, string Value) Keys = ("WEBHOOK_SECRET_KEYS", Convert.ToBase64String(new byte[32]));

    [Fact]
    public async Task Endpoint_OfTheRunningApp_IsAddedTriedAndSentTo()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.NoContent(), TestContext.Current.CancellationToken);
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartHereAsync(database, Keys, ("WEBHOOK_ALLOW_PRIVATE", "true"));

        var (created, added, _) = await app.PostAsync(Path, Operator, new { url = listener.Address.ToString(), types = new[] { "*" } });
        var secret = (string)added!["secret"]!;
        app.Secrets.Add(secret);
        var id = (Guid)added["endpoint"]!["endpoint_id"]!;
        var (_, tried, _) = await app.PostAsync($"{Path}/{id}/test", Operator);
        await database.ExecuteAsync("select add_license_event(gen_random_uuid(), 'price.agreed', '{}')");
        await app.RunTimerAsync(database, "DeliverEvents");
        var (_, list, _) = await app.GetAsync(Path, Operator);
        var (changed, disabled, _) = await app.SendAsync(
            HttpMethod.Patch, $"{Path}/{id}", Operator, new { types = new[] { "device.added" }, enabled = false });
        var (rotated, newSecret, _) = await app.PostAsync($"{Path}/{id}/rotate-secret", Operator);
        var (replayed, place, _) = await app.PostAsync($"{Path}/{id}/replay", Operator, new { after = 0 });
        var (removed, _, _) = await app.SendAsync(HttpMethod.Delete, $"{Path}/{id}", Operator);
        var (gone, _, _) = await app.SendAsync(HttpMethod.Delete, $"{Path}/{id}", Operator);

        Assert.Equal((201, 200, 200, 200, 204, 404), (created, changed, rotated, replayed, removed, gone));
        Assert.Equal((true, 204, null), ((bool)tried!["accepted"]!, (int)tried["status"]!, (string?)tried["error"]));
        Assert.StartsWith("test_", listener.Requests[0].Headers["webhook-id"], StringComparison.Ordinal);
        Assert.StartsWith("evt_1_", listener.Requests[1].Headers["webhook-id"], StringComparison.Ordinal);
        var endpoint = Assert.Single(list!["endpoints"]!.AsArray())!;
        Assert.Equal((1L, 0L, "*"), ((long)endpoint["after"]!, (long)endpoint["waiting"]!, (string)endpoint["types"]![0]!));
        Assert.DoesNotContain(secret, list.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(("operator", "device.added"), ((string)disabled!["disabled_by"]!, (string)disabled["types"]![0]!));
        Assert.NotEqual(secret, (string)newSecret!["secret"]!);
        Assert.NotNull(newSecret["endpoint"]!["old_secrets_until"]);
        Assert.Equal(0L, (long)place!["after"]!);
        Assert.Equal(
            ["webhook.added", "webhook.changed", "webhook.secret_rotated", "webhook.replayed", "webhook.removed"],
            await database.QueryAllAsync<string>("select action from audit_log order by occurred_at"));
        Assert.Equal(0, await database.QueryAsync<long>("select count(*) from audit_log where (before || after)::text like '%whsec%'"));
    }

    [Fact]
    public async Task Routes_OfWebhooks_AreForOperators_AndRefuseWithAHint()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartHereAsync(database, Keys);
        const string url = "https://hooks.example.com/licenses";

        async Task<string> CodeAsync(object body)
        {
            var (status, problem, _) = await app.PostAsync(Path, Operator, body);
            Assert.NotNull(status >= 400 ? problem!["hint"] : problem!["secret"]);
            return $"{status} {(string?)problem["code"]}";
        }

        var (service, _, _) = await app.GetAsync(Path, "Bearer " + RunningApp.Token("service"));
        var (nobody, _, _) = await app.PostAsync(Path, null, new { url });
        Assert.Equal((403, 401), (service, nobody));
        Assert.Equal("201 ", await CodeAsync(new { url }));
        Assert.Equal("409 ENDPOINT_EXISTS", await CodeAsync(new { url }));
        Assert.Equal("400 INVALID_FIELD", await CodeAsync(new { url = "http://hooks.example.com/" }));
        Assert.Equal("400 PRIVATE_ADDRESS", await CodeAsync(new { url = "https://169.254.169.254/" }));
        Assert.Equal("400 INVALID_FIELD", await CodeAsync(new { url = url + "2", types = new[] { "license.unknown" } }));
        Assert.Equal("400 INVALID_FIELD", await CodeAsync(new { url = url + "2", types = Array.Empty<string>() }));
        for (var n = 2; n <= 20; n++)
            Assert.Equal("201 ", await CodeAsync(new { url = url + n }));
        Assert.Equal("409 TOO_MANY_ENDPOINTS", await CodeAsync(new { url = url + "21" }));
        var unknown = Guid.NewGuid();
        var (changed, _, _) = await app.SendAsync(HttpMethod.Patch, $"{Path}/{unknown}", Operator, new { enabled = true });
        var (rotated, _, _) = await app.PostAsync($"{Path}/{unknown}/rotate-secret", Operator, new { overlap_seconds = 0 });
        var (overlap, _, _) = await app.PostAsync($"{Path}/{unknown}/rotate-secret", Operator, new { overlap_seconds = 604_801 });
        var (replayed, _, _) = await app.PostAsync($"{Path}/{unknown}/replay", Operator, new { after = 0 });
        var (tried, _, _) = await app.PostAsync($"{Path}/{unknown}/test", Operator);
        Assert.Equal((404, 404, 400, 404, 404), (changed, rotated, overlap, replayed, tried));
    }

    [Fact]
    public async Task Endpoint_WithoutKeys_IsRefusedAndNamesTheSetting()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartHereAsync(database);

        var (status, problem, _) = await app.PostAsync(Path, Operator, new { url = "https://hooks.example.com/" });

        Assert.Equal((409, "WEBHOOKS_NOT_CONFIGURED"), (status, (string?)problem!["code"]));
        Assert.Contains("WEBHOOK_SECRET_KEYS", (string?)problem["hint"], StringComparison.Ordinal);
    }
}
