using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using LicenseClients;
using LicenseFunctions.Leases;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>The backend's own answers lead clients to what src/Clients/conformance/cases.json says about them.</summary>
public sealed class ConformanceTests(PostgresFixture postgres)
{
    private const string Nonce = "6f1d0c";
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];
    private static readonly JsonObject Cases = JsonNode.Parse(Repository.Read("src/Clients/conformance/cases.json"))!.AsObject();
    private static readonly JsonSerializerOptions Snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    // Answers of other servers or later versions, or damaged ones: this backend never sends them.
    private static readonly string[] OfOthers =
    [
        "VALID with a forged lease", "SUSPENDED without an end of close-only", "a code of the future", "an entitlement of the future",
        "contradiction: not valid, but FULL", "VALID of an older server, without entitlement",
    ];

    private static readonly Dictionary<string, Func<LicenseScene, Task<CheckReply>>> Verdicts = new(StringComparer.Ordinal)
    {
        ["VALID"] = scene => scene.CheckAsync("EA-1", 1001),
        ["VALID with a good lease"] = scene => scene.CheckAsync("EA-1", 1001),
        ["VALID from memory while the database is down"] = async scene =>
        {
            await scene.CheckAsync("EA-1", 1001);
            scene.Time.Advance(TimeSpan.FromSeconds(61)); // the cache doesn't keep a license that has just changed
            await scene.CheckAsync("EA-1", 1001);
            await using var connection = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
            await connection.ExecuteAsync(
                "do $$ begin execute format('alter database %I set lock_timeout = 50', current_database()); end $$");
            scene.Database.Source.Clear();
            await connection.ExecuteAsync("begin; lock table license_tokens");
            scene.Time.Advance(TimeSpan.FromSeconds(60));
            return await scene.CheckAsync("EA-1", 1001);
        },
        ["GRACE"] = scene => AfterAsync(scene, "update license_tokens set expires_at = now() - interval '1 day'"),
        ["EXPIRED"] = scene => AfterAsync(scene, "update license_tokens set expires_at = now() - interval '9 days'"),
        ["INACTIVE"] = scene => AfterAsync(scene, "update subscriptions set is_active = false"),
        ["LOCKED_NO_FUNDS"] = scene => AfterAsync(scene, "update subscriptions set state = 'LOCKED_NO_FUNDS'"),
        ["PAUSED_TOXIC"] = scene => AfterAsync(scene, "update subscriptions set state = 'PAUSED_TOXIC'"),
        ["SUSPENDED"] = scene => AfterAsync(
            scene, "update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = now() + interval '2 days'"),
        ["REVOKED"] = scene => AfterAsync(
            scene, "update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Lost'"),
        ["NOT_FOUND"] = scene => scene.CheckAsync("EA-1", 1001, token: "nobody's"),
        ["TOO_MANY_DEVICES"] = async scene =>
        {
            await scene.CheckAsync("EA-2", 2, "198.51.100.2");
            await scene.CheckAsync("EA-3", 3, "198.51.100.3");
            return await scene.CheckAsync("EA-1", 1001);
        },
    };

    public static TheoryData<string> VerdictNames =>
        [.. Cases["answers"]!.AsObject().Where(one => one.Value!["entitlement"] is not null).Select(one => one.Key).Except(OfOthers)];

    [Fact]
    public void EveryCode_HasACase() => Assert.Equal(
        EnumWords.AllUpper<LicenseCode>().Order(),
        VerdictNames.Select(name => (string)Cases["answers"]![(string)name]!["body"]!["code"]!).Distinct().Order());

    [Theory]
    [MemberData(nameof(VerdictNames))]
    public async Task Verdict_OfTheBackend_IsThatOfTheCaseAndLeadsClientsToTheSame(string name)
    {
        var answer = Cases["answers"]![name]!;
        byte[][] leaseKeys = name.Contains("lease", StringComparison.Ordinal) ? [Key] : [];
        var fromMemory = name.Contains("memory", StringComparison.Ordinal);
        await using var scene = await LicenseScene.NewAsync(
            postgres, action: DeviceLimitAction.Refuse, cacheSeconds: fromMemory ? 2 : 0, staleSeconds: fromMemory ? 600 : 0,
            leaseKeys: leaseKeys);
        var code = name.Split(',');

        var reply = await Verdicts[code[0]](scene);
        if (code.Length > 1 && code[1].Contains("new", StringComparison.Ordinal))
            reply = await scene.CheckAsync("EA-9", 1009);
        var body = Written(reply);

        Assert.Equal(Described((JsonObject)answer["body"]!), Described(body));
        var device = Lease.DeviceHash(code.Length > 1 && reply.Device is null ? "EA-9" : "EA-1", reply.Device is null ? 1009 : 1001);
        var keys = JsonSerializer.Serialize(new { keys = new LeaseSigner(scene.LeaseSettings).PublicKeys }, JsonSerializerOptions.Web);
        var use = new LeaseUse(keys, scene.LeaseSettings.Issuer, device);
        var now = reply.CheckedAt.ToUnixTimeSeconds();
        foreach (var (before, state) in Cases["before"]!.AsObject())
        {
            foreach (var (clock, offset) in Cases["clocks"]!.AsObject())
            {
                var (after, decision) = LicenseDecision.Decide(
                    StateAt(state!, now, scene.SubscriptionId), new LicenseAnswer(200, body.ToJsonString(), Nonce), now + (long)offset!,
                    300, use);

                Assert.Equal(
                    ((string)answer["entitlement"]!, clock == "right" ? "" : "CLOCK_WRONG", $"{before}, {clock}"),
                    (decision.Entitlement, decision.Problem, $"{before}, {clock}"));
                Assert.Equal(leaseKeys.Length > 0, after.Lease.Length > 0);
                Assert.Equal(reply.CloseOnlyUntil?.ToUnixTimeSeconds() ?? 0, after.CloseOnlyUntil);
            }
        }
    }

    [Fact]
    public async Task Problems_OfTheBackend_AreThoseOfTheCases()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(scene.Database, ("RATE_LIMIT_PER_MINUTE", "20"));
        const string License = "License " + LicenseScene.Token;
        var good = new { ea_instance_id = "EA-1", mt5_account_number = 1001, nonce = Nonce };
        var required = new List<string>();
        Task<HttpResponseMessage> PostAsync(string? authorization, object body, string? encoding = null) =>
            SendAsync(app, authorization, body as string ?? JsonSerializer.Serialize(body), encoding);
        async Task ExpectAsync(string name, HttpResponseMessage response)
        {
            await RequireAsync(name, response);
            required.Add(name);
        }

        await ExpectAsync("400 INVALID_FIELD", await PostAsync(License, new { mt5_account_number = 1 }));
        await ExpectAsync("400 MALFORMED_JSON", await PostAsync(License, "{"));
        await ExpectAsync("401 UNAUTHORIZED", await PostAsync(null, good));
        await ExpectAsync("403 FORBIDDEN", await PostAsync("Bearer " + RunningApp.Token("subscriber"), good));
        await ExpectAsync("413 BODY_TOO_LARGE", await PostAsync(License, new string(' ', 2 * 1024 * 1024)));
        await ExpectAsync("415 UNSUPPORTED_CONTENT_ENCODING", await PostAsync(License, good, "br"));
        await scene.Database.ExecuteAsync("alter table close_only_periods rename to elsewhere; update subscriptions set is_active = false");
        await ExpectAsync("500 INTERNAL_ERROR", await PostAsync(License, good));
        await scene.Database.ExecuteAsync("alter table elsewhere rename to close_only_periods; update subscriptions set is_active = true");
        await ExpectAsync("503 DATABASE_UNAVAILABLE", await WhileReadOnlyAsync(scene, () => PostAsync(License, good)));
        await ExpectAsync("503 LICENSE_BUSY", await WhileManyWaitAsync(scene, License, good));
        HttpResponseMessage limited;
        do
            limited = await PostAsync(License, good);
        while (limited.StatusCode != HttpStatusCode.TooManyRequests);
        await ExpectAsync("429 RATE_LIMITED", limited);

        Assert.Equal(ProblemNames, required.Order(StringComparer.Ordinal));
    }

    // Answers of proxies and damaged answers have no problem as their body. The tests of the clients compare those.
    private static IEnumerable<string> ProblemNames => Cases["answers"]!.AsObject()
        .Where(one => (one.Value!["body"] as JsonObject)?["type"] is not null).Select(one => one.Key).Order(StringComparer.Ordinal);

    // The check must write its new device. The app's existing connections are closed, so that all connections have the setting.
    private static async Task<HttpResponseMessage> WhileReadOnlyAsync(LicenseScene scene, Func<Task<HttpResponseMessage>> check)
    {
        await using var connection = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        await connection.ExecuteAsync(
            """
            do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$;
            select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
            """);
        var response = await check();
        await connection.ExecuteAsync(
            """
            do $$ begin execute format('alter database %I reset default_transaction_read_only', current_database()); end $$;
            select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
            """);
        scene.Database.Source.Clear();
        return response;
    }

    // One check tries to lock the license, and a thousand wait for that check. All further ones are refused.
    private static async Task<HttpResponseMessage> WhileManyWaitAsync(LicenseScene scene, string license, object body)
    {
        await using var app = await RunningApp.StartHereAsync(scene.Database, ("RATE_LIMIT_PER_MINUTE", "100000"));
        await using var platform = await scene.Database.Source.OpenConnectionAsync(LicenseScene.Stop);
        await using var locked = await platform.BeginTransactionAsync(LicenseScene.Stop);
        await platform.ExecuteAsync("select from subscriptions for update");
        var checks = Enumerable.Range(0, 1_100).Select(_ => SendAsync(app, license, JsonSerializer.Serialize(body), null)).ToList();
        await foreach (var check in Task.WhenEach(checks))
        {
            var response = await check;
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable
                && (await response.Content.ReadAsStringAsync(LicenseScene.Stop)).Contains("LICENSE_BUSY", StringComparison.Ordinal))
                return response;
        }

        throw new InvalidOperationException("No check was refused with LICENSE_BUSY.");
    }

    private static async Task<HttpResponseMessage> SendAsync(RunningApp app, string? authorization, string body, string? encoding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate")
        {
            Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (encoding is not null)
            request.Content.Headers.ContentEncoding.Add(encoding);
        return await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static async Task RequireAsync(string name, HttpResponseMessage response)
    {
        var answer = Cases["answers"]![name]!;
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(((int)answer["status"]!, name), ((int)response.StatusCode, name));
        var (body, expected) = (JsonNode.Parse(text)!, answer["body"]!);
        Assert.Equal(((string)expected["code"]!, (string)expected["type"]!), ((string)body["code"]!, (string)body["type"]!));

        var state = new LicenseState("FULL", "The license is valid", FullUntil: 2_000, HighestTime: 1_000);
        var received = new LicenseAnswer((int)response.StatusCode, text, Nonce);
        var (_, decision) = LicenseDecision.Decide(state, received, 1_000, 1, new LeaseUse("{}", "", ""));

        Assert.Equal(("FULL", (string)answer["problem"]!, name), (decision.Entitlement, decision.Problem, name));
    }

    private static async Task<CheckReply> AfterAsync(LicenseScene scene, string change)
    {
        await scene.CheckAsync("EA-1", 1001);
        await scene.Database.ExecuteAsync(change);
        return await scene.CheckAsync("EA-1", 1001);
    }

    private static JsonObject Written(CheckReply reply)
    {
        var text = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(text);
        reply.Write(json, Nonce);
        json.Flush();
        return JsonNode.Parse(text.WrittenSpan)!.AsObject();
    }

    /// <summary>What a client reads, without texts, times and ids.</summary>
    private static string Described(JsonObject body) => string.Join(
        ' ', body["valid"], body["code"], body["reasons"]!.ToJsonString(), body["status"], body["entitlement"],
        body["close_only_until"] is null ? "" : "until", body["subscription_id"] is null ? "" : "license",
        body["lease"] is null ? "" : "lease", body["stale"]);

    private static LicenseState StateAt(JsonNode before, long now, Guid subscriptionId)
    {
        var state = before.Deserialize<LicenseState>(Snake)!;
        long Moved(long time) => time == 0 ? 0 : time - (long)Cases["now"]! + now;
        return state with
        {
            Subscription = state.Subscription.Length == 0 ? "" : subscriptionId.ToString(),
            CloseOnlyUntil = Moved(state.CloseOnlyUntil),
            FullUntil = Moved(state.FullUntil),
            HighestTime = Moved(state.HighestTime),
            ServerTime = Moved(state.ServerTime),
            RefusedAt = Moved(state.RefusedAt),
        };
    }
}
