using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class UsageHttpTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string service = "Bearer " + RunningApp.Token("service");
    private readonly Guid operatorId = Guid.NewGuid();
    private UsageScene scene = null!;
    private License license = null!;
    private RunningApp app = null!;

    private string Operator => "Bearer " + RunningApp.Token("operator", operatorId);

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        license = await scene.LicenseAsync();
        app = await RunningApp.StartAsync(scene.Database);
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await scene.DisposeAsync();
    }

    [Fact]
    public async Task Post_ValidAndInvalid_AnswersTheResultOfEach()
    {
        var good = scene.Record(license);
        var body = UsageScene.Array([good, "7", good]);

        var (status, first, _) = await app.PostAsync("/api/v1/usage", service, body);
        var (_, again, _) = await app.PostAsync("/api/v1/usage", service, body);

        Assert.Equal(200, status);
        Assert.Equal(
            """{"accepted":1,"duplicates":1,"quarantined":[{"index":1,"code":"NOT_A_RECORD","detail":"a record must be a JSON object"}]}""",
            first!.ToJsonString());
        Assert.Equal(
            """{"accepted":0,"duplicates":2,"quarantined":[{"index":1,"code":"NOT_A_RECORD","detail":"a record must be a JSON object"}]}""",
            again!.ToJsonString());
    }

    [Theory]
    [InlineData("{}", 400, "NOT_AN_ARRAY")]
    [InlineData("", 400, "NOT_AN_ARRAY")]
    [InlineData("[{]", 400, "INVALID_JSON")]
    [InlineData("[]", 200, null)]
    public async Task Post_NotAnArrayOfRecords_IsRefusedAsAWhole(string body, int expected, string? code)
    {
        var (status, answer, _) = await app.PostAsync("/api/v1/usage", service, body);

        Assert.Equal((expected, code), (status, (string?)answer!["code"]));
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from usage_quarantine"));
    }

    [Fact]
    public async Task Post_MoreThanAThousand_IsRefusedAsAWhole()
    {
        var thousand = Enumerable.Range(0, 1000).Select(i => scene.Record(license, secondsAgo: i)).ToList();

        var (status, answer, _) = await app.PostAsync("/api/v1/usage", service, UsageScene.Array(thousand));
        var (tooMany, refusal, _) = await app.PostAsync("/api/v1/usage", service, UsageScene.Array(thousand.Append("{}")));

        Assert.Equal((200, 1000), (status, (int)answer!["accepted"]!));
        Assert.Equal((413, "TOO_MANY_RECORDS"), (tooMany, (string?)refusal!["code"]));
    }

    [Fact]
    public async Task Quarantine_Replayed_IsStoredOnceAuditedAndClosed()
    {
        var stranger = license with { TokenHash = new string('b', 64) };
        await app.PostAsync("/api/v1/usage", service, UsageScene.Array([scene.Record(stranger)]));
        var entry = Assert.Single((await app.GetAsync("/api/v1/quarantine", Operator)).Body!["entries"]!.AsArray())!;
        var path = $"/api/v1/quarantine/{entry["quarantine_id"]}/replay";

        var (refused, refusal, _) = await app.PostAsync(path, Operator);
        await scene.Database.ExecuteAsync("insert into license_tokens (subscription_id, token_hash) values (@SubscriptionId, @TokenHash)",
            stranger);
        var (replayed, done, _) = await app.PostAsync(path, Operator);
        var (again, conflict, _) = await app.PostAsync(path, Operator);

        Assert.Equal(("UNKNOWN_TOKEN", "http", "OPEN"), ((string?)entry["code"], (string?)entry["source"], (string?)entry["state"]));
        Assert.Equal((409, "UNKNOWN_TOKEN"), (refused, (string?)refusal!["code"]));
        Assert.Equal((200, 1), (replayed, (int)done!["accepted"]!));
        Assert.Equal((409, "ALREADY_CLOSED"), (again, (string?)conflict!["code"]));
        Assert.Equal(
            (operatorId, "usage_quarantine.replayed", $"usage_quarantine {entry["quarantine_id"]}"),
            await scene.Database.QueryAsync<(Guid, string, string)>("select actor_id, action, subject from audit_log"));
        Assert.Empty((await app.GetAsync("/api/v1/quarantine", Operator)).Body!["entries"]!.AsArray());
    }

    [Fact]
    public async Task Quarantine_Discarded_IsClosedOnceAndAudited()
    {
        await app.PostAsync("/api/v1/usage", service, "[1]");
        var id = (await app.GetAsync("/api/v1/quarantine?state=open&code=NOT_A_RECORD", Operator)).Body!["entries"]![0]!["quarantine_id"];

        var (first, body, _) = await app.PostAsync($"/api/v1/quarantine/{id}/discard", Operator);
        var (again, _, _) = await app.PostAsync($"/api/v1/quarantine/{id}/discard", Operator);
        var (replay, _, _) = await app.PostAsync($"/api/v1/quarantine/{id}/replay", Operator);
        var (unknown, _, _) = await app.PostAsync($"/api/v1/quarantine/{Guid.NewGuid()}/discard", Operator);

        Assert.Equal((200, 200, 409, 404), (first, again, replay, unknown));
        Assert.Equal(("DISCARDED", operatorId.ToString()), ((string?)body!["state"], (string?)body["closed_by"]));
        Assert.Equal(1L, await scene.Database.QueryAsync<long>("select count(*) from audit_log"));
    }

    [Fact]
    public async Task Quarantine_ReadInPages_ShowsEachOnce()
    {
        await app.PostAsync("/api/v1/usage", service, "[1,2,3,4,5]");
        await app.PostAsync("/api/v1/usage", service, "[6,7]");

        var payloads = new List<string>();
        for (var next = ""; next is not null;)
        {
            var page = (await app.GetAsync($"/api/v1/quarantine?limit=3{next}", Operator)).Body!;
            payloads.AddRange(page["entries"]!.AsArray().Select(entry => (string)entry!["payload"]!));
            next = page["next"] is JsonValue id ? $"&after={id}" : null;
        }

        Assert.Equal(["1", "2", "3", "4", "5", "6", "7"], payloads.Order());
        Assert.Equal(["6", "7"], payloads[..2].Order());
    }

    [Theory]
    [InlineData("state=gone")]
    [InlineData("limit=0")]
    [InlineData("limit=101")]
    [InlineData("after=x")]
    public async Task Quarantine_InvalidQuery_NamesTheField(string query)
    {
        var (status, body, _) = await app.GetAsync("/api/v1/quarantine?" + query, Operator);

        Assert.Equal((400, query.Split('=')[0]), (status, (string?)body!["field"]));
    }
}
