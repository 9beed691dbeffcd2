using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Usage;
using Licensing.Usage;
using Microsoft.Extensions.Logging.Abstractions;
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
        app = await RunningApp.StartHereAsync(scene.Database);
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

    [Theory]
    [InlineData("gzip", 200, null)]
    [InlineData("x-gzip, identity", 200, null)]
    [InlineData("identity", 400, "NOT_AN_ARRAY")]
    [InlineData("br", 415, "UNSUPPORTED_CONTENT_ENCODING")]
    [InlineData("deflate", 415, "UNSUPPORTED_CONTENT_ENCODING")]
    [InlineData("gzip, gzip", 415, "UNSUPPORTED_CONTENT_ENCODING")]
    public async Task Post_ContentEncoding_IsDecodedOrNamed(string encoding, int expected, string? code)
    {
        var (status, answer) = await SendAsync(
            "/api/v1/usage", service, Gzip(Encoding.UTF8.GetBytes($"\uFEFF[{scene.Record(license)}]\0")), encoding);

        Assert.Equal((expected, code), (status, (string?)answer!["code"]));
        Assert.Equal(expected == 200 ? 1L : 0, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        if (expected == 415)
            Assert.Contains("gzip", (string?)answer["hint"], StringComparison.Ordinal);
    }

    [Theory] // the limit counts decoded bytes, also of a body without Content-Length
    [InlineData(0, false, 200, null)]
    [InlineData(1, false, 413, "BODY_TOO_LARGE")]
    [InlineData(1, true, 413, "BODY_TOO_LARGE")]
    [InlineData(200_000_000, false, 413, "BODY_TOO_LARGE")]
    public async Task Post_Compressed_IsLimitedByItsDecodedSize(int beyond, bool chunked, int expected, string? code)
    {
        var text = new byte[UsageMessage.MaxDecodedBytes + beyond];
        Array.Fill(text, (byte)' ');
        (text[0], text[^1]) = ((byte)'[', (byte)']');

        var (status, answer) = await SendAsync("/api/v1/usage", service, Gzip(text), "gzip", chunked);

        Assert.Equal((expected, code), (status, (string?)answer!["code"]));
    }

    [Fact]
    public async Task Post_DamagedGzip_IsRefused()
    {
        var body = Gzip(Encoding.UTF8.GetBytes("[]"));
        body[^8] ^= 1;

        var (damaged, problem) = await SendAsync("/api/v1/usage", service, body, "gzip");
        var (plain, other) = await SendAsync("/api/v1/usage", service, "[]"u8.ToArray(), "gzip");

        Assert.Equal((400, "INVALID_GZIP", 400, "INVALID_GZIP"), (damaged, (string?)problem!["code"], plain, (string?)other!["code"]));
    }

    [Theory]
    [InlineData("", "", null)]
    [InlineData("\uFEFF", "\0", null)]
    [InlineData("\uFEFF", "\0\0 \n\0", "gzip")]
    public async Task Validate_ByteOrderMarkTrailingNulsAndGzip_AreRead(string before, string after, string? encoding)
    {
        var body = Encoding.UTF8.GetBytes(before + """{"ea_instance_id":"EA-1","mt5_account_number":1001}""" + after);

        var (status, answer) = await SendAsync(
            "/api/v1/licenses/validate", "License nobody's", encoding is null ? body : Gzip(body), encoding);

        Assert.Equal((200, "NOT_FOUND"), (status, (string?)answer!["code"]));
    }

    [Fact]
    public async Task Post_NonFiniteNumberInOneRecord_StoresTheOthersAndNamesIt()
    {
        var odd = scene.Record(license, secondsAgo: 2).Replace("\"avg_latency_ms\":40", "\"avg_latency_ms\":NaN", StringComparison.Ordinal);

        var (status, answer, _) = await app.PostAsync(
            "/api/v1/usage", service, UsageScene.Array([scene.Record(license), odd, scene.Record(license, secondsAgo: 1)]));

        Assert.Equal((200, 2), (status, (int)answer!["accepted"]!));
        Assert.Equal(
            """{"index":1,"code":"INVALID_NUMBER","detail":"avg_latency_ms of record 1 of the message is NaN or infinite"}""",
            Assert.Single(answer["quarantined"]!.AsArray())!.ToJsonString());
    }

    [Fact]
    public async Task Quarantine_OneEntry_HasItsTextAndItsExactBytes()
    {
        byte[] message = [0xFF, 0, .. "{\"a\":"u8, 0xC3, 0x28];
        await scene.Ingest.RunAsync([new UsageMessage(message)], "queue", TestContext.Current.CancellationToken);
        await app.PostAsync("/api/v1/usage", service, "[ \"ü\" ]");

        var entries = (await app.GetAsync("/api/v1/quarantine", Operator)).Body!["entries"]!.AsArray();
        var text = (await app.GetAsync($"/api/v1/quarantine/{entries[0]!["quarantine_id"]}", Operator)).Body!;
        var bytes = (await app.GetAsync($"/api/v1/quarantine/{entries[1]!["quarantine_id"]}", Operator)).Body!;
        var (unknown, problem, _) = await app.GetAsync($"/api/v1/quarantine/{Guid.NewGuid()}", Operator);

        Assert.Equal(
            [("\"ü\"", 4), ("\uFFFD\uFFFD{\"a\":\uFFFD(", message.Length)],
            entries.Select(entry => ((string)entry!["excerpt"]!, (int)entry["size_bytes"]!)));
        Assert.Equal(("\"ü\"", "IsO8Ig=="), ((string)text["payload"]!, (string)text["payload_base64"]!));
        Assert.Equal(message, Convert.FromBase64String((string)bytes["payload_base64"]!));
        Assert.Equal((404, "NOT_FOUND"), (unknown, (string?)problem!["code"]));
    }

    [Fact]
    public async Task Quarantine_ListOfLargeMessages_HasExcerptsOnly()
    {
        await scene.Database.ExecuteAsync(
            """
            insert into usage_quarantine (source, code, detail, payload, payload_digest)
            select 'queue', 'INVALID_JSON', 'x', repeat('ü', 500000), sha256(n::text::bytea) from generate_series(1, 100) as n
            """);

        var (_, page, answer) = await app.GetAsync("/api/v1/quarantine?limit=100", Operator);
        var id = (string)page!["entries"]![0]!["quarantine_id"]!;
        var (_, discarded, _) = await app.PostAsync($"/api/v1/quarantine/{id}/discard", Operator);

        Assert.Equal(100, page["entries"]!.AsArray().Count);
        Assert.All(page["entries"]!.AsArray(), entry =>
            Assert.Equal((new string('ü', 200), 1_000_000), ((string)entry!["excerpt"]!, (int)entry["size_bytes"]!)));
        Assert.Equal(new string('ü', 200), (string)discarded!["excerpt"]!);
        Assert.InRange((await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length, 1, 200_000);
    }

    [Fact]
    public async Task Quarantine_CompressedMessage_IsReplayedFromItsBytes()
    {
        var message = Gzip(Encoding.UTF8.GetBytes(UsageScene.Array([scene.Record(license), scene.Record(license, secondsAgo: 1)])));
        var queue = new IngestQueuedUsage(scene.Ingest, scene.Quarantine, scene.Time, NullLogger<IngestQueuedUsage>.Instance);
        await queue.DrainDeadLetterAsync(message, TestContext.Current.CancellationToken);
        var entry = Assert.Single((await app.GetAsync("/api/v1/quarantine", Operator)).Body!["entries"]!.AsArray())!;

        var (status, done, _) = await app.PostAsync($"/api/v1/quarantine/{entry["quarantine_id"]}/replay", Operator);

        Assert.StartsWith("[{\"record_id\"", (string)entry["excerpt"]!, StringComparison.Ordinal);
        Assert.Equal((200, 2), (status, (int)done!["accepted"]!));
    }

    private async Task<(int Status, JsonNode? Body)> SendAsync(
        string path, string authorization, byte[] body, string? encoding, bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/json");
        if (encoding is not null)
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        request.Headers.TransferEncodingChunked = chunked;
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
    }

    private static byte[] Gzip(byte[] text)
    {
        var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
            gzip.Write(text);
        return bytes.ToArray();
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
            payloads.AddRange(page["entries"]!.AsArray().Select(entry => (string)entry!["excerpt"]!));
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
