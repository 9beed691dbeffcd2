using System.Collections.Concurrent;
using System.Diagnostics;
using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>
/// Runs the application twice, under the test host and standalone, with the same settings, each on its own copy of one database.
/// </summary>
internal sealed class HostAndStandalone : IAsyncDisposable
{
    private readonly ConcurrentQueue<WorkerLog> logs;
    private readonly ConcurrentQueue<FinishedInvocation> invocations;
    private readonly StandIn[] gateways;

    private HostAndStandalone(
        TestHost host, RunningApp alone, TestDatabase[] databases, StandIn[] gateways,
        ConcurrentQueue<WorkerLog> logs, ConcurrentQueue<FinishedInvocation> invocations)
    {
        (Host, Alone, HostDatabase, AloneDatabase, this.gateways) = (host, alone, databases[0], databases[1], gateways);
        (this.logs, this.invocations) = (logs, invocations);
        HostClient = NewClient(host.Address);
        AloneClient = NewClient(alone.Client.BaseAddress!);
    }

    public TestHost Host { get; }

    public RunningApp Alone { get; }

    public TestDatabase HostDatabase { get; }

    public TestDatabase AloneDatabase { get; }

    public HttpClient HostClient { get; }

    public HttpClient AloneClient { get; }

    /// <summary>The longest time for one request on both sides. The clock readings in two answers may differ by this time.</summary>
    public TimeSpan LongestPair { get; private set; }

    public IReadOnlyList<WorkerLog> Logs => [.. logs];

    public IReadOnlyList<FinishedInvocation> Invocations => [.. invocations];

    /// <summary>The output folder of the application's build, with the files that a Functions host reads.</summary>
    public static string AppFolder { get; } = AppContext.BaseDirectory.Replace(
        Path.Combine(Repository.Root, "tests/FunctionsHost.Tests"), Path.Combine(Repository.Root, "src/LicenseFunctions"),
        StringComparison.Ordinal);

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    /// <param name="seed">Both sides get a copy of this database; nothing may be connected to it.</param>
    /// <param name="settings">Additional settings; ServiceBus has an effect only on the standalone application.</param>
    public static async Task<HostAndStandalone> StartAsync(
        PostgresFixture postgres, TestDatabase seed, params (string Name, string Value)[] settings)
    {
        var databases = new[] { await postgres.CopyAsync(seed), await postgres.CopyAsync(seed) };
        var gateways = await Task.WhenAll(NewGatewayAsync(), NewGatewayAsync());
        var (logs, invocations) = (new ConcurrentQueue<WorkerLog>(), new ConcurrentQueue<FinishedInvocation>());
        var host = TestHost.StartAsync(new HostOptions
        {
            AppFolder = AppFolder,
            Settings = Settings(databases[0], gateways[0], settings).ToDictionary(setting => setting.Name, setting => setting.Value),
            OnLog = logs.Enqueue,
            OnInvocation = invocations.Enqueue,
        }, Canceled);
        var alone = RunningApp.StartAsync(Settings(databases[1], gateways[1], settings));
        await Task.WhenAll(host, alone);
        return new HostAndStandalone(await host, await alone, databases, gateways, logs, invocations);
    }

    /// <summary>Sends one request to both sides at the same time.</summary>
    public async Task<(Answer Alone, Answer Host)> AskAsync(string method, Input input, string? authorization)
    {
        using var toAlone = input.ToRequest(method, AloneClient.BaseAddress!, authorization);
        using var toHost = input.ToRequest(method, HostClient.BaseAddress!, authorization);
        if (authorization?.StartsWith("Bearer ", StringComparison.Ordinal) is true)
            Alone.Secrets.AddCredential(authorization);
        var began = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(Answer.OfAsync(AloneClient, toAlone, Canceled), Answer.OfAsync(HostClient, toHost, Canceled));
        var took = Stopwatch.GetElapsedTime(began);
        LongestPair = took > LongestPair ? took : LongestPair;
        return (answers[0], answers[1]);
    }

    /// <summary>
    /// Waits until both sides have written the same daily counts of checks: each side writes every five seconds from its own start. Waits
    /// for at most one minute; if the counts still differ, the comparison reports it.
    /// </summary>
    public async Task ChecksCountedAsync()
    {
        const string Counts = "select coalesce(string_agg(label || value, ' ' order by label), '') from metric_days";
        var began = Stopwatch.GetTimestamp();
        while (await AloneDatabase.QueryAsync<string>(Counts) != await HostDatabase.QueryAsync<string>(Counts)
               && Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1))
            await Task.Delay(200, Canceled);
    }

    public async ValueTask DisposeAsync()
    {
        HostClient.Dispose();
        AloneClient.Dispose();
        await Host.DisposeAsync();
        await Alone.Secrets.SaveAsync(string.Join('\n', logs.Select(log => log.ToString()).Append(Host.WorkerOutput)));
        await Alone.DisposeAsync();
        foreach (var gateway in gateways)
            await gateway.DisposeAsync();
        foreach (var database in (TestDatabase[])[HostDatabase, AloneDatabase])
            await database.DisposeAsync();
    }

    private static (string Name, string Value)[] Settings(TestDatabase database, StandIn gateway, (string Name, string Value)[] more) =>
    [
        .. RunningApp.Schedules.Select(name => (name, RunningApp.Never)),
        ("VALIDATION_TIMEOUT_SECONDS", "30"), // a busy machine may pause a process for longer than the default of 2 s
        ("TIMER_FALLBACK", "false"),
        ("DATABASE_URL", database.ConnectionString),
        ("AUTH_SIGNING_KEY", RunningApp.SigningKeyText),
        ("WEBHOOK_SECRET_KEYS", Convert.ToBase64String(new byte[32])),
        ("LINK_SIGNING_KEYS", Convert.ToBase64String(new byte[32])),
        ("USAGE_QUEUE", "usage-records"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("CLIENT_ADDRESS_HEADER", "X-Client-Address"),
        ("STRIPE_SECRET_KEY", gateway.Options.SecretKey),
        ("STRIPE_PUBLISHABLE_KEY", gateway.Options.PublishableKey),
        ("STRIPE_WEBHOOK_SECRET", gateway.Options.WebhookSecret),
        ("STRIPE_API_BASE", gateway.BaseAddress.ToString()),
        .. more,
    ];

    private static Task<StandIn> NewGatewayAsync() =>
        StandIn.StartAsync(new StandInOptions { DemoCustomers = true }, cancellationToken: Canceled);

    private static HttpClient NewClient(Uri address) => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
    {
        BaseAddress = address,
        Timeout = TimeSpan.FromSeconds(60),
    };
}

internal static class Tables
{
    /// <summary>
    /// Number of rows of each table. The leases are excluded, because the standalone application stores the next slots there before any
    /// run. Tables that are written some time after the request are also excluded: the metrics' counts and the networks of devices.
    /// </summary>
    public static Task<IReadOnlyList<string>> RowsAsync(this TestDatabase database) => database.QueryAllAsync<string>(
        """
        select table_name || ': '
            || (xpath('//n/text()', query_to_xml(format('select count(*) as n from %I', table_name), true, false, '')))[1]
        from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE'
          and table_name not in ('timer_leases', 'metric_counters', 'metric_days', 'metric_increments', 'license_device_networks')
        order by table_name
        """);
}
