using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class UsageRollupTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Compare = """
        select count(*) from (
            select subscription_id, date_trunc('hour', logged_at, 'UTC') as hour_at, ea_instance_id, mt5_account_number,
                   usage_network(ip_address) as network, coalesce(country_code, 'ZZ')::char(2) as country_code,
                       count(*)::bigint as sessions,
                   coalesce(sum(session_duration_sec), 0)::bigint as session_sec, sum(signals_received)::bigint as signals_received,
                   sum(signals_executed)::bigint as signals_executed, sum(signals_rejected)::bigint as signals_rejected,
                   coalesce(sum(avg_latency_ms::bigint * signals_received), 0)::bigint as latency_weighted,
                   coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)::bigint as latency_signals
            from license_usage_log group by 1, 2, 3, 4, 5, 6
        ) as raw full join usage_rollups r using (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code,
            sessions, session_sec, signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals)
        where raw.subscription_id is null or r.subscription_id is null
        """;

    private UsageScene scene = null!;
    private License license = null!;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        license = await scene.LicenseAsync();
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Rollups_AfterDuplicatesLateRecordsAndParallelBatches_AreTheSumsOfTheRows()
    {
        var other = await scene.LicenseAsync();
        var random = new Random(7);
        var records = Enumerable.Range(0, 300).Select(i => scene.Record(
            i % 3 == 0 ? other : license, secondsAgo: random.Next(6 * 3600), ea: $"EA-{i % 2}",
                address: $"198.51.{random.Next(3)}.{random.Next(255)}",
            received: random.Next(5))).ToArray();

        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => scene.SendAsync(UsageScene.Array(records[(i * 25)..(i * 25 + 75)]))));
        await scene.SendAsync(UsageScene.Array(records));
        await scene.Database.QueryAsync<Guid>(
            "select record_license_usage(@TokenHash, @SubscriptionId, '2001:db8:1:2::3', 'EA-0', 1001)", license);
        await scene.SumAsync();

        Assert.Equal(301L, await scene.Database.QueryAsync<long>("select sum(sessions) from usage_rollups"));
        Assert.Equal(0L, await scene.Database.QueryAsync<long>(Compare));
        Assert.Equal("2001:db8:1::/48",
            await scene.Database.QueryAsync<string>("select network::text from usage_rollups where family(network) = 6"));
    }

    [Fact]
    public async Task LicenseUsage_ByHour_FillsGapsWithZerosAndWeightsLatency()
    {
        await SendAsync(("10:15", 1, 100, "198.51.100.4"), ("10:59:59.999999", 3, 20, "198.51.100.9"), ("12:00", 2, 50, "203.0.113.1"));
        await using var app = await RunningApp.StartHereAsync(scene.Database);

        var (status, body, _) = await app.GetAsync(
            $"/api/v1/licenses/{license.SubscriptionId}/usage?from={Day}T10:00:00Z&to={Day}T13:00:00Z", "Bearer "
                + RunningApp.Token("operator"));

        Assert.Equal(200, status);
        Assert.Equal(
            [("10:00", 4, 40.0m, 2, 1), ("11:00", 0, null, 0, 0), ("12:00", 2, 50.0m, 1, 1)],
            body!["buckets"]!.AsArray().Select(bucket => (
                ((DateTime)bucket!["at"]!).ToString("HH:mm", CultureInfo.InvariantCulture), (int)bucket["signals_received"]!,
                (decimal?)bucket["avg_latency_ms"], (int)bucket["sessions"]!, (int)bucket["places"]!)));
        Assert.Equal((6, 43.3m, 3, 2), ((int)body["totals"]!["signals_received"]!, (decimal)body["totals"]!["avg_latency_ms"]!,
            (int)body["totals"]!["sessions"]!, (int)body["totals"]!["places"]!));
        Assert.Equal(["198.51.100.0/24", "203.0.113.0/24"], body["places"]!.AsArray().Select(place => (string?)place!["network"]));
    }

    [Fact]
    public async Task LicenseUsage_ByDay_IsTheSumOfItsHours()
    {
        await SendAsync(("00:00", 1, 10, "198.51.100.4"), ("23:59:59", 2, 10, "198.51.100.4"));
        await using var app = await RunningApp.StartHereAsync(scene.Database);
        var next = Yesterday.AddDays(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

        var (_, body, _) = await app.GetAsync(
            $"/api/v1/licenses/{license.SubscriptionId}/usage?bucket=day&from={Day}&to={next}", "Bearer " + RunningApp.Token("operator"));

        Assert.Equal(3, (int)Assert.Single(body!["buckets"]!.AsArray())!["signals_received"]!);
    }

    [Fact]
    public async Task LicenseUsage_OfAnotherOwner_IsNotFound()
    {
        await using var app = await RunningApp.StartHereAsync(scene.Database);
        var owner = await scene.Database.QueryAsync<Guid>("select subscriber_id from subscriptions");
        var path = $"/api/v1/licenses/{license.SubscriptionId}/usage";

        Assert.Equal(200, (await app.GetAsync(path, "Bearer " + RunningApp.Token("subscriber", owner))).Status);
        Assert.Equal(404, (await app.GetAsync(path, "Bearer " + RunningApp.Token("subscriber"))).Status);
        Assert.Equal(404, (await app.GetAsync($"/api/v1/licenses/{Guid.NewGuid()}/usage", "Bearer "
            + RunningApp.Token("operator"))).Status);
        Assert.Equal(400, (await app.GetAsync(path + "?bucket=week", "Bearer " + RunningApp.Token("operator"))).Status);
    }

    [Fact]
    public async Task LicenseUsage_AcceptPrefersCsv_IsCsv()
    {
        await SendAsync(("10:15", 1, 100, "198.51.100.4"));
        await using var app = await RunningApp.StartHereAsync(scene.Database);

        var text = await CsvAsync(app, $"/api/v1/licenses/{license.SubscriptionId}/usage?from={Day}T10:00:00Z&to={Day}T12:00:00Z");

        Assert.Equal(
            "at,signals_received,signals_executed,signals_rejected,avg_latency_ms,sessions,session_sec,devices,places\r\n"
            + $"{Day}T10:00:00Z,1,1,0,100.0,1,60,1,1\r\n{Day}T11:00:00Z,0,0,0,,0,0,0,0\r\n",
            text);
    }

    [Fact]
    public async Task Summary_OfAll_SumsByLicenseCountryAndMaster()
    {
        await SendAsync(("10:15", 4, 100, "198.51.100.4"));
        var other = await scene.LicenseAsync();
        await scene.SendAsync(scene.Record(other, secondsAgo: 86_400));
        await scene.Database.ExecuteAsync("update usage_rollups set country_code = 'DE' where subscription_id = @SubscriptionId", license);
        await using var app = await RunningApp.StartHereAsync(scene.Database);

        var (_, body, _) = await app.GetAsync("/api/v1/usage/summary?bucket=day", "Bearer " + RunningApp.Token("operator"));
        var csv = await CsvAsync(app, "/api/v1/usage/summary?bucket=day&by=country");

        Assert.Equal((2, 7, 0.2857m),
            ((int)body!["totals"]!["licenses"]!, (int)body["totals"]!["signals_received"]!, (decimal)body["totals"]!["reject_rate"]!));
        Assert.Equal([license.SubscriptionId.ToString(), other.SubscriptionId.ToString()], body["top_licenses"]!.AsArray()
            .Select(one => (string?)one!["key"]));
        Assert.Equal(["DE", "ZZ"], body["countries"]!.AsArray().Select(one => (string?)one!["key"]));
        Assert.Equal(2, body["masters"]!.AsArray().Count);
        Assert.Equal(
            await scene.Database.QueryAsync<string>(
                "select email from users join subscriptions on subscriber_id = user_id where subscription_id = @SubscriptionId", license),
            (string?)body["top_licenses"]![0]!["name"]);
        Assert.Equal(
            await scene.Database.QueryAsync<string>("select email from users where user_id = @id",
                new { id = Guid.Parse((string)body["masters"]![0]!["key"]!) }),
            (string?)body["masters"]![0]!["name"]);
        Assert.Equal(["key,licenses", "DE,1,1,4", "ZZ,1,1,3"], csv.Split("\r\n").Take(3)
            .Select(line => string.Join(',', line.Split(',').Take(line.StartsWith("key", StringComparison.Ordinal) ? 2 : 4))));
    }

    [Fact]
    public async Task Summary_SumsThatContradictEachOther_HaveARejectRateOfAtMostOne()
    {
        await SendAsync(("10:15", 1, 100, "198.51.100.4"));
        await scene.Database.ExecuteAsync("update usage_rollups set signals_rejected = 1000000");
        await using var app = await RunningApp.StartHereAsync(scene.Database);

        var (_, body, _) = await app.GetAsync("/api/v1/usage/summary?bucket=day", "Bearer " + RunningApp.Token("operator"));

        Assert.Equal((1m, 1m), ((decimal)body!["totals"]!["reject_rate"]!, (decimal)body["top_licenses"]![0]!["reject_rate"]!));
    }

    private DateTime Yesterday => scene.Now.UtcDateTime.Date.AddDays(-1);

    private string Day => Yesterday.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private Task<LicenseFunctions.Usage.IngestedUsage> SendAsync(
        params (string Time, int Received, int Latency, string Address)[] records) => scene.SendAsync(UsageScene.Array(records.Select(one =>
    {
        var json = JsonNode.Parse(scene.Record(license, received: one.Received, address: one.Address))!;
        json["logged_at"] = $"{Day}T{(one.Time.Length == 5 ? one.Time + ":00" : one.Time)}Z";
        json["avg_latency_ms"] = one.Latency;
        return json.ToJsonString();
    })));

    private static async Task<string> CsvAsync(RunningApp app, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/csv"));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + RunningApp.Token("operator"));
        using var response = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal("text/csv", response.Content.Headers.ContentType!.MediaType);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }
}
