using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Amqp;
using Amqp.Framing;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Fuzz;

/// <summary>
/// Sends hostile input, generated from a seed, to every route of /openapi.json and to the queue of a real backend. Expects no 500, no hang,
/// no growth, and a known code in every problem. <c>FUZZ_SEED=n ./dev test Fuzz</c> starts with another seed. A failed case prints its
/// seed.
/// </summary>
public sealed partial class FuzzTests(PostgresFixture postgres)
{
    private const int HttpCases = 25_000;
    private const int QueueCases = 25_000;
    private const int AtOnce = 16;
    private const long GrowthAllowed = 200L * 1024 * 1024;
    private const string LicenseToken = "fuzzed-license-token";

    private static readonly int FirstSeed = int.Parse(Environment.GetEnvironmentVariable("FUZZ_SEED") ?? "1", CultureInfo.InvariantCulture);

    private readonly ConcurrentQueue<string> faults = new();
    private int taken;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryRouteAndTheQueue_FiftyThousandHostileCases_AreAcceptedOrRefusedWithAKnownCode()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        var known = await KnownAsync(scene);
        await using var app = await RunningApp.StartAsync(
            scene.Database, ("RATE_LIMIT_PER_MINUTE", "1000000"), ("LINK_SIGNING_KEYS", Convert.ToBase64String(new byte[32])));
        app.Secrets.Add(LicenseToken);
        var routes = await RoutesAsync(app);
        var codes = KnownCodes();
        var warm = 0L;

        await EachAsync(HttpCases, async i =>
        {
            if (i == HttpCases / 5)
                warm = app.ResidentBytes;
            await SendAsync(app, routes[i % routes.Count], FirstSeed + i, known, codes);
        });
        await QueueAsync(app, known);

        Assert.True(faults.IsEmpty, $"{faults.Count} faults:\n" + string.Join('\n', faults.Take(25)));
        Assert.True(taken > HttpCases / 20, $"only {taken} requests were accepted: too few cases reach the code behind the validation");
        Assert.DoesNotContain("the next attempt for this batch is in", app.Log, StringComparison.Ordinal);
        Assert.InRange(app.ResidentBytes - warm, long.MinValue, GrowthAllowed);
        Assert.Equal(200, (int)(await app.ReadyAsync()).StatusCode);
        Assert.True(await scene.Database.QueryAsync<long>("select count(*) from usage_quarantine where source = 'queue'") > 1000);
        Assert.True(await scene.Database.QueryAsync<long>("select count(*) from license_usage_log") > 100);
    }

    private static Task EachAsync(int cases, Func<int, Task> run) => Parallel.ForEachAsync(
        Enumerable.Range(0, cases), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = Canceled },
            async (i, _) => await run(i));

    private async Task SendAsync(RunningApp app, Route route, int seed, IReadOnlyList<string> known, HashSet<string> codes)
    {
        var hostile = new Hostile(seed, known);
        using var request = route.Request(hostile);
        var address = request.RequestUri!.ToString();
        var what = $"seed {seed}: {request.Method} {address[..Math.Min(address.Length, 300)]} {request.Headers.Authorization?.Scheme}";
        try
        {
            using var answer = await app.Client.SendAsync(request, Canceled);
            var text = await answer.Content.ReadAsStringAsync(Canceled);
            var status = (int)answer.StatusCode;
            if (status < 400)
            {
                Interlocked.Increment(ref taken);
                return;
            }

            // An empty body comes from the server, not from a function: the route is unknown, or the URL contains %00 or is too long.
            if (status is 400 or 404 or 414 && text.Length == 0)
                return;
            // A missing page is answered in HTML.
            if (status == 404 && route.Path.StartsWith("/app/", StringComparison.Ordinal))
                return;
            var code = answer.Content.Headers.ContentType?.MediaType == "application/problem+json"
                ? (string?)JsonNode.Parse(text)!["code"]
                : null;
            if (code is null || !codes.Contains(code) || (status >= 500 && status != 503))
                faults.Enqueue($"{what}: {status} {text[..Math.Min(text.Length, 300)]}");
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException && !Canceled.IsCancellationRequested)
        {
            faults.Enqueue($"{what}: {failure.Message}");
        }
    }

    /// <summary>All messages use one link, one batch at a time, as from a broker. If a function throws, its message comes again.</summary>
    private async Task QueueAsync(RunningApp app, IReadOnlyList<string> known)
    {
        var schema = JsonNode.Parse("""
            {"type": "object", "properties": {
              "record_id": {"type": "string"}, "logged_at": {"type": "string"}, "token_hash": {"type": "string"},
              "subscription_id": {"type": "string"},
              "ip_address": {"type": "string"}, "ea_instance_id": {"type": "string"}, "mt5_account_number": {"type": "integer"},
              "signals_received": {"type": ["integer", "null"]}, "signals_executed": {"type": "integer"},
              "signals_rejected": {"type": "integer"},
              "avg_latency_ms": {"type": ["integer", "null"]}, "session_duration_sec": {"type": "integer"},
              "opened": {"type": ["integer", "null"]}, "closed": {"type": "integer"},
              "country_code": {"type": "string"},
              "city": {"type": "string"}, "latitude": {"type": "number"}, "longitude": {"type": "number"}}}
            """);
        var good = known.Where(one => one.StartsWith('{')).ToList();
        var connection = await new ConnectionFactory().CreateAsync(new Address(AmqpAddress().Match(app.Log).Value));
        var sender = new SenderLink(new Session(connection), "fuzz", "usage-records");
        await Parallel.ForEachAsync(Enumerable.Range(0, QueueCases),
            new ParallelOptions { MaxDegreeOfParallelism = 200, CancellationToken = Canceled }, async (i, _) =>
        {
            var hostile = new Hostile(FirstSeed + i, known);
            var json = hostile.Below(10) switch
            {
                0 => hostile.Json(null),
                1 => $"[{hostile.Json(schema)},{hostile.Json(schema)}]",
                < 5 => Changed(hostile, hostile.Of(good), schema!),
                _ => hostile.Json(schema),
            };
            try
            {
                await sender.SendAsync(hostile.OneIn(20)
                    ? new Message(json)
                    : new Message { BodySection = new Data { Binary = hostile.Bytes(json) } }, TimeSpan.FromSeconds(60));
            }
            catch (Exception failure) when (failure is AmqpException or TimeoutException)
            {
                faults.Enqueue($"seed {FirstSeed + i}, queue: {failure.Message}: {json[..Math.Min(json.Length, 300)]}");
            }
        });
        await connection.CloseAsync();
    }

    /// <summary>A valid record with a new id and one changed member.</summary>
    private static string Changed(Hostile hostile, string record, JsonNode schema)
    {
        var changed = JsonNode.Parse(record)!.AsObject();
        changed["record_id"] = hostile.Guid().ToString();
        var (name, type) = hostile.Of(schema["properties"]!.AsObject().ToList());
        changed.Remove(name);
        var rest = changed.ToJsonString();
        return $"{rest[..^1]},\"{name}\":{hostile.Json(type)}}}";
    }

    /// <summary>Existing ids, tokens and records, so that some cases reach the writes.</summary>
    private static async Task<IReadOnlyList<string>> KnownAsync(UsageScene scene)
    {
        var known = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var license = await scene.LicenseAsync();
            if (i == 0)
            {
                await scene.Database.ExecuteAsync("update license_tokens set token_hash = @hash where subscription_id = @SubscriptionId",
                    new
                    {
                        hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(LicenseToken))),
                        license.SubscriptionId
                    });
            }

            known.AddRange([
                license.SubscriptionId.ToString(), license.TokenHash, scene.Record(license), scene.Record(license, secondsAgo: 60)]);
            await scene.SendAsync(scene.Record(license, secondsAgo: 100), $$"""{"bad": {{i}}}""");
        }

        await scene.Database.ExecuteAsync(
            "select create_suspicious_activity_alert(subscription_id, 'MULTIPLE_IPS', 'HIGH', 'seen') from subscriptions");
        known.AddRange(await scene.Database.QueryAllAsync<string>(
            """
            select user_id::text from users union all select quarantine_id::text from usage_quarantine
            union all select alert_id::text from suspicious_activity_alerts
            """));
        return known;
    }

    private static async Task<List<Route>> RoutesAsync(RunningApp app)
    {
        var (_, document, _) = await app.GetAsync("/openapi.json");
        var users = new Dictionary<string, string>
        {
            ["Subscriber"] = RunningApp.Token("subscriber"),
            ["Operator"] = RunningApp.Token("operator"),
            ["Service"] = RunningApp.Token("service"),
        };
        foreach (var token in users.Values)
            app.Secrets.Add(token);
        return [.. document!["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(verb => new Route(
            new HttpMethod(verb.Key.ToUpperInvariant()), path.Key, verb.Value!.AsObject(), users)))];
    }

    /// <summary>Every upper-case string literal in the code: codes are never built at run time.</summary>
    private static HashSet<string> KnownCodes() => [.. new[] { "src/LicenseFunctions", "src/Licensing" }
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
        .SelectMany(file => Code().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))];

    [GeneratedRegex("\"([A-Z][A-Z0-9_]{3,})\"")]
    private static partial Regex Code();

    [GeneratedRegex(@"amqp://127\.0\.0\.1:\d+")]
    private static partial Regex AmqpAddress();

    private sealed partial record Route(HttpMethod Method, string Path, JsonObject Operation, IReadOnlyDictionary<string, string> Users)
    {
        private readonly string[] roles = [.. Operation["x-roles"]!.AsArray().Select(role => (string)role!)];

        public HttpRequestMessage Request(Hostile hostile)
        {
            var path = Parameter().Replace(Path, match => Uri.EscapeDataString(hostile.OneIn(6) ? hostile.Text() : Id(hostile)));
            var query = Operation["parameters"]!.AsArray().Where(parameter => (string?)parameter!["in"] == "query" && hostile.OneIn(2))
                .Select(parameter => $"{parameter!["name"]}={Uri.EscapeDataString(hostile.Text())}");
            var request = new HttpRequestMessage(hostile.OneIn(40) ? HttpMethod.Put : Method, $"{path}?{string.Join('&', query)}");
            Authorize(hostile, request);
            if (hostile.OneIn(4))
                request.Headers.TryAddWithoutValidation("Idempotency-Key", Header(hostile.Text()));
            if (hostile.OneIn(4))
                request.Headers.TryAddWithoutValidation(
                    "Accept", hostile.Of<string>(["text/csv", "*/*", "text/csv;q=0.1,application/json", "nonsense", "a/b;q=x"]));
            if (hostile.OneIn(8))
                request.Headers.TryAddWithoutValidation("X-Forwarded-For", Header(hostile.Text()));
            if (request.Method != HttpMethod.Get)
                Fill(hostile, request);
            return request;
        }

        private static string Id(Hostile hostile) => hostile.OneIn(4) ? hostile.Guid().ToString() : hostile.Known();

        private static string Header(string text) => new([.. text.Where(c => c is >= ' ' and < '\u007f').Take(4000)]);

        private void Authorize(Hostile hostile, HttpRequestMessage request)
        {
            var role = hostile.OneIn(8) ? hostile.Of<string>([
                "Anonymous", "Subscriber", "Operator", "Service", "License"]) : hostile.Of(roles);
            var value = role switch
            {
                "Anonymous" => null,
                "License" => "License " + (hostile.OneIn(2) ? LicenseToken : Header(hostile.Text())),
                _ => hostile.OneIn(20) ? "Bearer " + Header(hostile.Text()) : "Bearer " + Users[role],
            };
            if (value is not null)
                request.Headers.TryAddWithoutValidation("Authorization", value);
        }

        private void Fill(Hostile hostile, HttpRequestMessage request)
        {
            if (hostile.OneIn(15))
                return;
            var schema = Operation["requestBody"]?["content"]?["application/json"]?["schema"];
            request.Content = new ByteArrayContent(hostile.Bytes(hostile.Json(schema)));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", hostile.OneIn(15)
                ? hostile.Of<string>([
                    "text/plain", "application/json; charset=utf-16", "application/xml", "application/x-www-form-urlencoded", "nonsense"])
                : "application/json");
            request.Headers.TransferEncodingChunked = hostile.OneIn(5);
        }

        [GeneratedRegex(@"\{[A-Za-z_]+\}")]
        private static partial Regex Parameter();
    }
}
