using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>A Functions host whose timers don't fire: requests and queue batches do their work.</summary>
public sealed class TimerFallbackTests(PostgresFixture postgres)
{
    private const string Queue = "usage-records";

    // Twelve hours away from now; the test host starts no timer by itself in any case.
    private static readonly string Daily = $"0 0 {(TimeProvider.System.GetUtcNow().Hour + 12) % 24} * * *";

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Worker_WhoseTimersDoNotFire_DoesTheirWorkAfterOtherCalls(bool byRequest)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            "insert into timer_leases (timer_name, known_since) values ('RunRenewals', now() - interval '4 days')");
        await using var host = await TestHost.StartAsync(new HostOptions
        {
            AppFolder = HostAndStandalone.AppFolder,
            Settings = new Dictionary<string, string>(RunningApp.Schedules.Select(name => KeyValuePair.Create(name, Daily)))
            {
                ["DATABASE_URL"] = database.ConnectionString,
                ["AUTH_SIGNING_KEY"] = RunningApp.SigningKeyText,
                ["USAGE_QUEUE"] = Queue,
            },
        }, Canceled);
        using var client = new HttpClient { BaseAddress = host.Address };

        while (await database.QueryAsync<string?>("select max(last_status) from timer_leases where fallback_is_done") is null)
        {
            if (byRequest)
                await client.GetStringAsync("/healthz", Canceled);
            else
                host.Queue(Queue).Send("no record"u8.ToArray());
            await Task.Delay(50, Canceled);
        }

        Assert.Equal("RunRenewals succeeded", await database.QueryAsync<string>(
            "select string_agg(concat_ws(' ', timer_name, last_status, last_started_at), ', ') from timer_leases where fallback_runs > 0"));
    }
}
