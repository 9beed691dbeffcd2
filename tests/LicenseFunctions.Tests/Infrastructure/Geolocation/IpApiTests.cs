using System.Net;
using System.Text;
using System.Threading.Channels;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using LicenseFunctions.Usage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Geolocation;

public sealed class IpApiTests(PostgresFixture postgres) : IDisposable
{
    private static readonly IResult Lagos = Results.Json(new { country_code = "NG", city = "Lagos", latitude = 6.5, longitude = 3.4 });

    private readonly FakeTimeProvider time = new();
    private readonly ProcessCounts counts = new();
    private readonly HttpClient http = new();
    private readonly Lines log = new();

    public void Dispose() => http.Dispose();

    [Fact]
    public async Task Prefetch_ManyAddressesOfANetwork_RequestsOncePerDay()
    {
        await using var listener = await LocalListener.StartAsync(_ => Lagos, Stop);
        using var geolocator = Ask(listener.Address);

        await geolocator.PrefetchAsync(Enumerable.Range(1, 50).Select(host => IPAddress.Parse($"41.58.1.{host}")), Stop);
        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.99")], Stop);

        Assert.Equal(("/41.58.1.1", true),
            (Assert.Single(listener.Requests).Path, listener.Requests[0].Query.Contains("access_key=the%20key", StringComparison.Ordinal)));
        Assert.Equal("Lagos", geolocator.LocateHere(IPAddress.Parse("41.58.1.99"))?.City);
        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.2.1")));

        time.Advance(TimeSpan.FromDays(1));
        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.1")], Stop);
        Assert.Equal(2, listener.Requests.Count);
    }

    [Fact]
    public async Task Prefetch_Outage_IsUnknownAndRequestedAgainAfterAMinute()
    {
        await using var listener = await LocalListener.StartAsync(before => before == 0 ? Results.StatusCode(500) : Lagos, Stop);
        using var geolocator = Ask(listener.Address);
        var address = IPAddress.Parse("41.58.1.1");

        await geolocator.PrefetchAsync([address], Stop);
        await geolocator.PrefetchAsync([address], Stop);
        Assert.Null(geolocator.LocateHere(address));
        Assert.Single(listener.Requests);
        Assert.Equal(1, Failures());

        time.Advance(TimeSpan.FromMinutes(1));
        await geolocator.PrefetchAsync([address], Stop);
        Assert.Equal("Lagos", geolocator.LocateHere(address)?.City);
    }

    [Theory]
    [InlineData("""{"success":false,"error":{"code":104,"type":"usage_limit_reached"}}""")]
    [InlineData("""{"country_code":""")]
    [InlineData("""{"country_code":["NG"]}""")]
    [InlineData("null")]
    [InlineData("<html>")]
    public async Task Prefetch_AnswerThatIsNoLocation_IsAFailure(string answer)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Text(answer, "application/json"), Stop);
        using var geolocator = Ask(listener.Address);

        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.1")], Stop);

        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.1")));
        Assert.Equal(1, Failures());
    }

    [Fact]
    public async Task Prefetch_AnswerWithAnUnknownCharset_IsAFailure()
    {
        await using var listener = await LocalListener.StartAsync(
            _ => Results.Bytes("{}"u8.ToArray(), "application/json; charset=klingon"), Stop);
        using var geolocator = Ask(listener.Address);

        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.1"), IPAddress.Parse("41.58.2.1")], Stop);

        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.1")));
        Assert.Equal(2, Failures());
    }

    // A request that fails while its deadline ends, too.
    [Fact]
    public async Task Prefetch_FailureAtTheDeadline_IsUnknown()
    {
        using var deadline = new CancellationTokenSource();
        using var failing = new HttpClient(new Failing(deadline));
        using var geolocator = new IpApi(failing, new Uri("http://localhost"), "the key", counts, time, log);

        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.1")], deadline.Token);

        Assert.Null(geolocator.LocateHere(IPAddress.Parse("41.58.1.1")));
    }

    [Theory]
    [InlineData("""{"country_code":"NG","city":"a\u0000b","latitude":6.5,"longitude":3.4}""", "NG", 6.5)]
    [InlineData("""{"country_code":"NG","city":"Lagos","latitude":650,"longitude":3.4}""", "NG", null)]
    [InlineData("""{"country_code":"Nigeria","latitude":6.5,"longitude":3.4}""", null, 6.5)]
    [InlineData("""{"country_code":"Nigeria","latitude":6.5}""", null, null)]
    public async Task Prefetch_ValuesThatTheUsageLogRejects_AreLeftOut(string answer, string? country, double? latitude)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Text(answer, "application/json"), Stop);
        using var geolocator = Ask(listener.Address);

        await geolocator.PrefetchAsync([IPAddress.Parse("41.58.1.1")], Stop);

        var location = geolocator.LocateHere(IPAddress.Parse("41.58.1.1"));
        Assert.Equal((country, latitude), (location?.Country, location?.Latitude));
        Assert.DoesNotContain('\0', location?.City ?? "");
    }

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("fd00::1")]
    public async Task Prefetch_AddressWithoutALocation_IsNotSent(string address)
    {
        await using var listener = await LocalListener.StartAsync(_ => Lagos, Stop);
        using var geolocator = Ask(listener.Address);

        await geolocator.PrefetchAsync([IPAddress.Parse(address)], Stop);

        Assert.Null(geolocator.LocateHere(IPAddress.Parse(address)));
        Assert.Empty(listener.Requests);
    }

    [Fact]
    public async Task Ingest_150NetworksAndAServiceThatHangs_IsStoredAtTheDeadline()
    {
        var hang = new Hang();
        await using var listener = await LocalListener.StartAsync(_ => hang, Stop);
        await using var scene = await UsageScene.NewAsync(postgres);
        using var geolocator = Ask(listener.Address);
        time.SetUtcNow(scene.Time.GetUtcNow());
        var ingest = new IngestUsage(scene.Usage, scene.Quarantine, counts, time, geolocator);
        var license = await scene.LicenseAsync();
        var messages = Enumerable.Range(1, 150).Select(network => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(
            scene.Record(license, address: $"41.58.{network}.1", secondsAgo: network))).ToList();

        var storing = ingest.RunAsync([.. messages], "http", Stop);
        await hang.WaitForAsync(8, Stop);
        time.Advance(TimeSpan.FromSeconds(2)); // the timeout of a request: at the fourth, the circuit opens
        await log.Warned.WaitAsync(Stop);
        time.Advance(TimeSpan.FromSeconds(1)); // the deadline
        Assert.Equal(150, (await storing).Accepted);

        Assert.Equal(150, await scene.Database.QueryAsync<int>("select count(*)::int from license_usage_log where country_code is null"));
        // For a minute, nothing is sent, so that the next batch does not wait.
        var sent = listener.Requests.Count;
        Assert.InRange(sent, 8, 11);
        Assert.Equal(1, (await ingest.RunAsync(
            [Encoding.UTF8.GetBytes(scene.Record(license, address: "41.59.1.1", secondsAgo: 1))], "http", Stop)).Accepted);
        Assert.Equal(sent, listener.Requests.Count);
    }

    [Fact]
    public async Task Ingest_ServiceThatIsSlowerThanTheDeadline_IsStoredAtTheDeadline()
    {
        var hang = new Hang();
        await using var listener = await LocalListener.StartAsync(before => before < 8 ? Lagos : hang, Stop);
        await using var scene = await UsageScene.NewAsync(postgres);
        using var geolocator = Ask(listener.Address);
        var clock = new FakeTimeProvider(scene.Time.GetUtcNow());
        var ingest = new IngestUsage(scene.Usage, scene.Quarantine, counts, clock, geolocator);
        var license = await scene.LicenseAsync();
        var messages = Enumerable.Range(1, 16).Select(network => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(
            scene.Record(license, address: $"41.58.{network}.1", secondsAgo: network))).ToList();

        var storing = ingest.RunAsync([.. messages], "http", Stop);
        await hang.WaitForAsync(8, Stop);
        clock.Advance(TimeSpan.FromSeconds(3)); // the clock of the single requests stands still

        Assert.Equal(16, (await storing).Accepted);
        Assert.Equal(8, await scene.Database.QueryAsync<int>("select count(*)::int from license_usage_log where country_code = 'NG'"));
    }

    private IpApi Ask(Uri address) => new(http, address, "the key", counts, time, log);

    private double Failures() => counts.Take().Where(one => one.Name == ProcessCounts.LocationFailures).Sum(one => one.Amount);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Never answers.</summary>
    private sealed class Hang : IResult
    {
        private readonly Channel<bool> received = Channel.CreateUnbounded<bool>();

        public async Task ExecuteAsync(HttpContext httpContext)
        {
            received.Writer.TryWrite(true);
            await Task.Delay(Timeout.InfiniteTimeSpan, httpContext.RequestAborted);
        }

        public async Task WaitForAsync(int requests, CancellationToken cancellationToken)
        {
            for (var request = 0; request < requests; request++)
                await received.Reader.ReadAsync(cancellationToken);
        }
    }

    private sealed class Failing(CancellationTokenSource deadline) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await deadline.CancelAsync();
            throw new InvalidOperationException("Anything");
        }
    }

    private sealed class Lines : ILogger<IpApi>
    {
        private readonly TaskCompletionSource warned = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Warned => warned.Task;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Warning)
                warned.TrySetResult();
        }
    }
}
