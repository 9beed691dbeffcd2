using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The work of timers that don't fire.</summary>
public sealed class TimerFallbackTests(PostgresFixture postgres)
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(11);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private static readonly Dictionary<string, TimeSpan> Hourly = new() { ["RunRenewals"] = TimeSpan.FromHours(1) };

    // Twelve hours away from now, so that no timer fires in the test; the interval is a day.
    private static readonly string Daily = $"0 0 {(TimeProvider.System.GetUtcNow().Hour + 12) % 24} * * *";

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("never ran, known for four hours", "known_since = now() - interval '4 hours'", true)]
    [InlineData("never ran, known for two hours", "known_since = now() - interval '2 hours'", false)]
    [InlineData("last run four hours ago",
        "known_since = now() - interval '9 hours', last_started_at = now() - interval '4 hours', last_finished_at = now()", true)]
    [InlineData("last run two hours ago",
        "known_since = now() - interval '9 hours', last_started_at = now() - interval '2 hours', last_finished_at = now()", false)]
    [InlineData("killed four hours ago",
        "known_since = now() - interval '9 hours', last_started_at = now() - interval '4 hours', last_finished_at = 'yesterday'", true)]
    [InlineData("runs here under a lease", "known_since = now() - interval '4 hours', lease_until = now() + interval '20 s'", false)]
    [InlineData("a lease has ended", "known_since = now() - interval '4 hours', lease_until = now() - interval '20 s'", true)]
    [InlineData("a slice left nothing",
        "known_since = now() - interval '4 hours', fallback_at = now() - interval '50 minutes'", false)]
    [InlineData("a slice left nothing, an interval ago",
        "known_since = now() - interval '4 hours', fallback_at = now() - interval '61 minutes'", true)]
    [InlineData("a slice left work",
        "known_since = now() - interval '4 hours', fallback_at = now() - interval '1 minute', fallback_is_done = false", true)]
    public async Task Claim_OfATimer_DependsOnItsRuns(string why, string row, bool isClaimed)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync($"insert into timer_leases (timer_name) values ('RunRenewals'); update timer_leases set {row}");
        var store = new TimerFallbackStore(new LicenseDatabase(database.Source));

        var first = await store.ClaimAsync(Hourly, LongestRun, Pause, Canceled);
        var second = await store.ClaimAsync(Hourly, LongestRun, Pause, Canceled);

        Assert.Equal((why, isClaimed ? "RunRenewals" : null), (why, first));
        Assert.Null(second);
    }

    [Fact]
    public async Task Claim_OfARunningTimerOfThisMinute_IsRefusedAlthoughItsIntervalIsShort()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into timer_leases (timer_name, known_since, last_started_at)
            values ('ScoreLicenses', now() - interval '1 day', now() - interval '5 minutes')
            """);
        var store = new TimerFallbackStore(new LicenseDatabase(database.Source));

        Assert.Null(await store.ClaimAsync(
            new Dictionary<string, TimeSpan> { ["ScoreLicenses"] = TimeSpan.FromMinutes(1) }, LongestRun, Pause, Canceled));
    }

    [Fact]
    public async Task Claim_OfATimerThatWasNeverSeen_MakesItKnown()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var store = new TimerFallbackStore(new LicenseDatabase(database.Source));

        Assert.Null(await store.ClaimAsync(Hourly, LongestRun, Pause, Canceled));

        Assert.Equal("RunRenewals", await database.QueryAsync<string>("select timer_name from timer_leases where known_since = now()"
            + " or known_since > now() - interval '1 minute'"));
    }

    [Theory]
    [InlineData("ValidateLicense", false)]
    [InlineData("ReceiveStripeEvent", false)]
    [InlineData("ListLicenses", true)]
    [InlineData("PostUsage", true)]
    [InlineData("Metrics", true)]
    public void Answer_OfAFunction_WakesTheFallback(string function, bool wakes) =>
        Assert.Equal(wakes, WakeTimerFallback.IsWokenBy(function, new FunctionRules().Find(function)));

    [Fact]
    public async Task Requests_WhileEveryTimerIsSilent_DoTheWorkOfAllButDisabledOnes()
    {
        await using var database = await SilentAsync();
        var license = await DueAsync(database);
        await using var app = await RunningApp.StartAsync(
            database, [("TIMER_FALLBACK", "true"), ("AzureWebJobs.ScanUsage.Disabled", "true"), .. Schedules()]);

        await RequestUntilAsync(app, database, timers: 7);

        Assert.Equal(
            "DrainOutbox ReconcileRenewals RetainData RunRenewals ScoreLicenses WarnExpiring WatchLicenses",
            await WorkedAsync(database));
        // The slice that was claimed last may still run.
        while (await database.QueryAsync<string?>(
            "select min(status) from renewals where subscription_id = @license", new { license }) != "applied")
            await Task.Delay(20, Canceled);
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from timer_leases where last_started_at is not null"));
        var (_, system, _) = await app.GetAsync("/api/v1/system", "Bearer " + RunningApp.Token("operator"));
        Assert.All(system!["timers"]!.AsArray(), timer => Assert.Equal(
            (string?)timer!["timer_name"] != "ScanUsage", timer["fallback_at"] is not null));
        var metrics = await app.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Canceled);
        Assert.Matches("timer_fallback_runs_total\\{timer=\"RunRenewals\"\\} [1-9]", metrics);
    }

    [Fact]
    public async Task Requests_WhileAutomaticRenewalsAreOff_ChargeNothing()
    {
        await using var database = await SilentAsync();
        var license = await DueAsync(database);
        await using var app = await RunningApp.StartAsync(
            database, [("TIMER_FALLBACK", "true"), ("AUTO_RENEWAL_ENABLED", "false"), .. Schedules()]);

        await RequestUntilAsync(app, database, timers: 6);

        Assert.Equal("DrainOutbox RetainData ScanUsage ScoreLicenses WarnExpiring WatchLicenses", await WorkedAsync(database));
        Assert.Equal(0L, await database.QueryAsync<long>(
            "select count(*) from renewals where subscription_id = @license", new { license }));
    }

    private static IEnumerable<(string, string)> Schedules() => RunningApp.Schedules.Select(name => (name, Daily));

    private async Task<TestDatabase> SilentAsync()
    {
        var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into timer_leases (timer_name, known_since)
            select name, now() - interval '4 days'
            from unnest('{DrainOutbox,ReconcileRenewals,RetainData,RunRenewals,ScanUsage,ScoreLicenses,WarnExpiring,WatchLicenses}'::text[])
                 as name
            """);
        return database;
    }

    private static async Task<Guid> DueAsync(TestDatabase database) =>
        await new PostgresWorld(database, TimeProvider.System).AddAsync(
            new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1), WalletUsd = 60 });

    private static async Task RequestUntilAsync(RunningApp app, TestDatabase database, int timers)
    {
        while (await database.QueryAsync<long>("select count(*) from timer_leases where fallback_runs > 0 and fallback_is_done") < timers)
        {
            using var answer = await app.Client.GetAsync(new Uri("/healthz", UriKind.Relative), Canceled);
            await Task.Delay(20, Canceled);
        }
    }

    private static Task<string> WorkedAsync(TestDatabase database) => database.QueryAsync<string>(
        "select string_agg(timer_name, ' ' order by timer_name collate \"C\") from timer_leases where fallback_runs > 0");
}
