using Dapper;
using LicenseFunctions.Tests.Support;
using Licensing.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class SumUsageTests(PostgresFixture postgres) : IAsyncLifetime
{
    /// <summary>The hours whose sums differ from those of the raw rows.</summary>
    private static string Differences(string sums) =>
        $"""
        select count(*) from (
            select subscription_id, date_trunc('hour', logged_at, 'UTC') as hour_at, count(*) as sessions,
                   sum(signals_received) as received, sum(avg_latency_ms::bigint * signals_received) as latency
            from license_usage_log group by 1, 2
        ) as raw
        full join (
            select subscription_id, hour_at, sum(sessions) as sessions, sum(signals_received) as received, sum(latency_weighted) as latency
            from {sums} group by 1, 2
        ) as s using (subscription_id, hour_at, sessions, received, latency)
        where raw.subscription_id is null or s.subscription_id is null
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
    public async Task Views_BeforeTheSum_ShowAStoredRecord()
    {
        await scene.StoreAsync(scene.Record(license, secondsAgo: 10, received: 7));

        Assert.Equal(1, await scene.Database.QueryAsync<int>("select get_device_count(@TokenHash)", license));
        Assert.Equal(
            (scene.Now.UtcDateTime.AddSeconds(-10), 1),
            await scene.Database.QueryAsync<(DateTime, int)>("select last_used_at, device_count from v_license_health"));
        Assert.Equal(7L, await scene.Database.QueryAsync<long>("select total_signals_received from v_license_usage_24h"));
        Assert.Equal(7L, await scene.Database.QueryAsync<long>("select signals_received from usage_sums"));
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from usage_rollups"));
    }

    [Fact]
    public async Task Sums_WhileBatchesArriveAndOthersSum_AreAlwaysThoseOfTheRows()
    {
        var other = await scene.LicenseAsync();
        var random = new Random(11);
        var records = Enumerable.Range(0, 600).Select(i => scene.Record(
            i % 3 == 0 ? other : license, secondsAgo: random.Next(6 * 3600), received: random.Next(5))).ToArray();
        using var done = new CancellationTokenSource();
        var looking = Task.Run(async () =>
        {
            var differences = 0L;
            while (!done.IsCancellationRequested)
                differences += await scene.Database.QueryAsync<long>(Differences("usage_sums"));
            return differences;
        });

        await Task.WhenAll(Enumerable.Range(0, 4).Select(async worker =>
        {
            for (var i = worker; i < 24; i += 4)
            {
                await scene.StoreAsync(UsageScene.Array(records[(i * 20)..(i * 20 + 140)]));
                await scene.Usage.SumAsync(100, oneByOne: false, TestContext.Current.CancellationToken);
            }
        }));
        await done.CancelAsync();

        Assert.Equal(0L, await looking);
        await scene.SumAsync();
        Assert.Equal(0L, await scene.Database.QueryAsync<long>(Differences("usage_rollups")));
        Assert.Equal(600L, await scene.Database.QueryAsync<long>("select sum(sessions)::bigint from usage_rollups"));
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from unsummed_usage"));
    }

    /// <summary>A kept plan would read the whole log for each record: 10,000 records took a minute.</summary>
    [Fact]
    public async Task Sum_PlannedBeforeTheFirstRecord_FindsEachRecordByItsKey()
    {
        const string sum = "select sum_license_usage(1000, true, false)";
        await scene.Database.ExecuteAsync("vacuum analyze license_usage_log, unsummed_usage");
        await using var connection = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await connection.QuerySingleAsync<int>(sum));
        for (var batch = 0; batch < 3; batch++)
            await scene.StoreAsync(UsageScene.Array([.. Enumerable.Range(0, 100).Select(_ => scene.Record(license))]));

        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(300, await connection.QuerySingleAsync<int>(sum));

        Assert.InRange(
            await connection.QuerySingleAsync<long>(
                """
                select sum(idx_scan)::bigint from pg_stat_xact_user_tables
                where relid in (select inhrelid from pg_inherits where inhparent = 'license_usage_log'::regclass)
                """),
            300, long.MaxValue);
    }

    [Fact]
    public async Task Sum_ThatFails_LosesNothingAndIsRepeated()
    {
        await scene.StoreAsync(scene.Record(license));
        await scene.Database.ExecuteAsync("alter table usage_arrivals add constraint full_disk check (arrived_at is null) not valid");

        await Assert.ThrowsAsync<Npgsql.PostgresException>(scene.SumAsync);
        Assert.Equal(0L, await scene.Database.QueryAsync<long>(Differences("usage_sums")));
        await scene.Database.ExecuteAsync("alter table usage_arrivals drop constraint full_disk");

        Assert.Equal(1, (await scene.SumAsync()).Records);
        Assert.Equal(0, (await scene.SumAsync()).Records);
        Assert.Equal(0L, await scene.Database.QueryAsync<long>(Differences("usage_rollups")));
    }

    [Theory]
    [InlineData(false, "P0001")]
    [InlineData(true, "P0001")]
    [InlineData(true, "42501")] // a missing right
    public async Task Sum_WhenThePlatformRefusesOneTokensChange_WritesTheOthers(bool inOneBatch, string code)
    {
        var others = new[] { await scene.LicenseAsync(), await scene.LicenseAsync() };
        await scene.Database.ExecuteAsync(
            $"""
            create function refuse() returns trigger language plpgsql as
                'begin raise exception ''not this one'' using errcode = ''{code}''; end';
            create trigger refused before update on license_tokens for each row
                when (old.token_hash = '{license.TokenHash}') execute function refuse();
            """);
        await scene.DeviceAsync(license, "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));
        if (inOneBatch)
            await scene.StoreAsync(UsageScene.Array([scene.Record(others[0]), scene.Record(license), scene.Record(others[1])]));
        else
        {
            foreach (var one in (License[])[others[0], license, others[1]])
                await scene.StoreAsync(scene.Record(one));
        }

        Assert.Equal(3, (await scene.SumAsync()).Records);
        Assert.Equal(scene.Now.UtcDateTime, await scene.Database.QueryAsync<DateTime>("select last_seen_at from license_devices"));

        Assert.Equal(3L, await scene.Database.QueryAsync<long>("select count(*) from usage_rollups"));
        Assert.Equal(
            others.Select(one => one.TokenHash).Order(),
            await scene.Database.QueryAllAsync<string>("select token_hash from license_tokens where last_used_at is not null order by 1"));
    }

    /// <summary>Instances of an earlier version, which have no timer that sums, send skip_locked.</summary>
    [Fact]
    public async Task Store_ByAnInstanceOfAnEarlierVersion_IsSummedAtOnce()
    {
        await scene.Database.ExecuteAsync(
            """
            select store_license_usage(
                array[gen_random_uuid()], array[now()], array[@TokenHash], array[@SubscriptionId], array['198.51.100.4'::inet],
                array['EA-1'], array[1001::bigint], array['DE'], array['Berlin'], array[52.5], array[13.4], array[3], array[2], array[1],
                array[40], array[60], true, array[null::int], array[null::int])
            """, license);

        Assert.Equal(1L, await scene.Database.QueryAsync<long>("select sum(sessions)::bigint from usage_rollups"));
        Assert.Equal(1L, await scene.Database.QueryAsync<long>("select count(*) from usage_arrivals"));
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from unsummed_usage"));
    }

    [Fact]
    public async Task Sum_OfUsageThatWasErasedMeanwhile_AddsNothing()
    {
        await scene.StoreAsync(scene.Record(license));
        await scene.Database.ExecuteAsync("delete from license_usage_log");

        Assert.Equal(1, (await scene.SumAsync()).Records);

        Assert.Equal(0L, await scene.Database.QueryAsync<long>(
            "select (select count(*) from usage_rollups) + count(*) from usage_arrivals"));
        Assert.Null(await scene.Database.QueryAsync<DateTime?>("select last_used_at from license_tokens"));
    }

    [Fact]
    public async Task Store_BadTokens_LeavesNoTraceOfTheirRecords()
    {
        var (bad, id) = (license with { TokenHash = new string('0', 64) }, Guid.NewGuid());
        var first = await scene.StoreAsync(scene.Record(license, id));

        // The second record is sent twice. The last one is stored already, so that its token doesn't matter.
        var twice = scene.Record(bad, Guid.NewGuid());
        var done = await scene.StoreAsync(UsageScene.Array([twice, scene.Record(license), twice, scene.Record(bad, id)]));

        Assert.Equal((1, 0), (first.Accepted, first.Quarantined.Count));
        Assert.Equal((1, 1), (done.Accepted, done.Duplicates));
        Assert.Equal(
            [(0, UsageFault.UnknownToken), (2, UsageFault.UnknownToken)], done.Quarantined.Select(one => (one.Index, one.Code)));
        Assert.Equal(2L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.Equal(2, (await scene.SumAsync()).Records);
    }
}
