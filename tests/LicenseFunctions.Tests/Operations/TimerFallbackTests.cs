using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using NCrontab;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The work of timers that don't fire.</summary>
public sealed class TimerFallbackTests(PostgresFixture postgres)
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(11);
    private static readonly DateTime Now = new(2026, 11, 27, 18, 3, 0, DateTimeKind.Utc); // a Friday

    // Twelve hours away from now, so that no timer fires in the test; the interval is a day.
    private static readonly string Daily = $"0 0 {(TimeProvider.System.GetUtcNow().Hour + 12) % 24} * * *";

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("0 0 * * * *", "2026-11-27 16:01", false)] // 17:00, 18:00, 19:00
    [InlineData("0 0 * * * *", "2026-11-27 15:01", true)] // 16:00, 17:00, 18:00
    [InlineData("0 * 8-17 * * *", "2026-11-27 17:59", false)] // the next slot is in the morning
    [InlineData("0 */15 8-17 * * MON-FRI", "2026-11-27 17:10", true)] // 17:15, 17:30, 17:45
    [InlineData("0 */15 8-17 * * MON-FRI", "2026-11-27 17:20", false)] // 17:30, 17:45, Monday
    [InlineData("*/5 * * * * *", "2026-11-27 18:02:50", false)]
    [InlineData("*/5 * * * * *", "2026-11-27 18:02:44", true)]
    public void IsSilent_AfterThreeMissedSlots_IsTrue(string schedule, string activeAt, bool isSilent) =>
        Assert.Equal(isSilent, TimerFallback.IsSilent(Timer() with { ActiveAt = Time(activeAt) }, After(schedule)));

    [Fact]
    public void IsSilent_WhileARunTakesLong_IsFalse() =>
        Assert.False(TimerFallback.IsSilent(Timer() with { ActiveAt = Now.AddDays(-1), IsRunning = true }, After("0 * * * * *")));

    [Theory]
    [InlineData(null, true, true)]
    [InlineData("2026-11-27 18:00:01", true, false)]
    [InlineData("2026-11-27 17:59:59", true, true)]
    [InlineData("2026-11-27 18:02:51", false, false)]
    [InlineData("2026-11-27 18:02:50", false, true)]
    public void IsDue_AfterASlice_IsAtTheNextSlotOrAfterTenSecondsIfWorkIsLeft(string? last, bool isDone, bool isDue) =>
        Assert.Equal(isDue, TimerFallback.IsDue(
            Timer() with { FallbackAt = last is null ? null : Time(last), FallbackIsDone = isDone }, After("0 0 * * * *")));

    [Theory]
    [InlineData("", false, -240)]
    [InlineData("last_started_at = now() - interval '2 hours'", false, -120)]
    [InlineData("last_started_at = now() - interval '2 hours', last_finished_at = now() - interval '1 hour'", false, -60)]
    [InlineData("last_started_at = now() - interval '5 minutes'", true, -5)]
    [InlineData("lease_until = now() + interval '20 s'", true, -240)]
    [InlineData("lease_until = now() - interval '20 s'", false, -240)]
    public async Task Read_ATimer_TellsItsLastActivity(string row, bool isRunning, int activeMinutes)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            $"""
            insert into timer_leases (timer_name, known_since) values ('RunRenewals', now() - interval '4 hours');
            update timer_leases set {(row.Length == 0 ? "holder = null" : row)}
            """);

        var read = Assert.Single(await new TimerFallbackStore(new LicenseDatabase(database.Source)).ReadAsync(LongestRun, Canceled));

        Assert.Equal((isRunning, activeMinutes), (read.IsRunning, (int)Math.Round((read.ActiveAt - read.Now).TotalMinutes)));
    }

    [Theory]
    [InlineData("holder = 'x'", true)]
    [InlineData("last_started_at = now()", false)]
    [InlineData("lease_until = now() + interval '20 s'", false)]
    [InlineData("fallback_at = now()", false)]
    public async Task Claim_AfterAChange_SucceedsOnlyIfNoOtherBegan(string change, bool isClaimed)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var store = new TimerFallbackStore(new LicenseDatabase(database.Source));
        await store.AddAsync(["RunRenewals", "RunRenewals"], Canceled);
        var read = Assert.Single(await store.ReadAsync(LongestRun, Canceled));
        await database.ExecuteAsync($"update timer_leases set {change}");

        Assert.Equal(isClaimed, await store.ClaimAsync(read, Canceled));
        Assert.False(await store.ClaimAsync(read, Canceled));
    }

    [Fact]
    public async Task Finish_OfASlice_KeepsTheTimesOfTheTimersOwnRuns()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var store = new TimerFallbackStore(new LicenseDatabase(database.Source));
        await store.AddAsync(["RetainData"], Canceled);
        var read = Assert.Single(await store.ReadAsync(LongestRun, Canceled));
        await store.ClaimAsync(read, Canceled);
        Assert.False(Assert.Single(await store.ReadAsync(LongestRun, Canceled)).FallbackIsDone);

        await store.FinishAsync(read, isDone: true, """{"overdue": {}}""", "Gone: x", Canceled);

        Assert.Equal("failed Gone: x true true", await database.QueryAsync<string>(
            """
            select concat_ws(' ', last_status, last_error, fallback_is_done::text, (last_counts = '{"overdue": {}}')::text,
                             last_started_at, last_finished_at, last_succeeded_at)
            from timer_leases
            """));
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
        await using var app = await RunningApp.StartHereAsync(
            database, [("TIMER_FALLBACK", "true"), ("AzureWebJobs.ScanUsage.Disabled", "true"), .. Schedules()]);

        await RequestUntilDoneAsync(
            app, database,
            "ComparePayments DeliverEvents DrainOutbox EndLeases FetchPaymentEvents IssueInvoices ReconcileRenewals RetainData RunRenewals "
                + "ScoreLicenses SumUsage WarnExpiring WatchLicenses");

        Assert.Equal("applied", await database.QueryAsync<string>(
            "select status from renewals where subscription_id = @license", new { license }));
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from timer_leases where last_started_at is not null"));
        var (_, system, _) = await app.GetAsync("/api/v1/system", "Bearer " + RunningApp.Token("operator"));
        Assert.All(system!["timers"]!.AsArray(), timer => Assert.Equal(
            (string?)timer!["timer_name"] != "ScanUsage", timer["fallback_at"] is not null && timer["next_due_at"] is not null));
        var metrics = await app.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Canceled);
        Assert.Matches("timer_fallback_runs_total\\{timer=\"RunRenewals\"\\} [1-9]", metrics);
    }

    [Fact]
    public async Task Requests_WhileAutomaticRenewalsAreOff_ChargeNothing()
    {
        await using var database = await SilentAsync();
        var license = await DueAsync(database);
        await using var app = await RunningApp.StartHereAsync(
            database, [("TIMER_FALLBACK", "true"), ("AUTO_RENEWAL_ENABLED", "false"), .. Schedules()]);

        await RequestUntilDoneAsync(
            app, database,
            "ComparePayments DeliverEvents DrainOutbox EndLeases FetchPaymentEvents IssueInvoices RetainData ScanUsage ScoreLicenses "
                + "SumUsage WarnExpiring WatchLicenses");

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
            from unnest(
                '{ComparePayments,DeliverEvents,DrainOutbox,EndLeases,FetchPaymentEvents,IssueInvoices,ReconcileRenewals}'::text[]
                || '{RetainData,RunRenewals,ScanUsage,ScoreLicenses,SumUsage,WarnExpiring,WatchLicenses}'::text[]) as name
            """);
        return database;
    }

    private static async Task<Guid> DueAsync(TestDatabase database) =>
        await new PostgresWorld(database, TimeProvider.System).AddAsync(
            new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1), WalletUsd = 60 });

    private static async Task RequestUntilDoneAsync(RunningApp app, TestDatabase database, string timers)
    {
        while (await TimersAsync(database, "fallback_runs > 0 and fallback_is_done") != timers)
        {
            using var answer = await app.Client.GetAsync(new Uri("/healthz", UriKind.Relative), Canceled);
            await Task.Delay(20, Canceled);
        }
        Assert.Equal(timers, await TimersAsync(database, "fallback_runs > 0"));
    }

    private static TimerActivity Timer() => new(
        "RunRenewals", Now, ActiveAt: Now, IsRunning: false, LastStartedAt: null, FallbackAt: null, FallbackIsDone: true);

    private static DateTime Time(string text) => DateTime.Parse(
        text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);

    private static Func<DateTime, int, DateTime> After(string schedule)
    {
        var parsed = CrontabSchedule.Parse(schedule, new CrontabSchedule.ParseOptions { IncludingSeconds = true });
        return (at, which) => Enumerable.Range(0, which).Aggregate(at, (slot, _) => parsed.GetNextOccurrence(slot));
    }

    private static Task<string> TimersAsync(TestDatabase database, string condition) => database.QueryAsync<string>(
        $"select string_agg(timer_name, ' ' order by timer_name collate \"C\") from timer_leases where {condition}");
}
