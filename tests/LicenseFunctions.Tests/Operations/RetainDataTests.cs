using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class RetainDataTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Run_ExpiredData_DeletesRawUsageBodiesAndAddressesAndKeepsTheSums()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        var license = await scene.LicenseAsync();
        await scene.SendAsync(scene.Record(license, secondsAgo: 80 * 86_400), scene.Record(license), "old", "new");
        await scene.Database.ExecuteAsync(
            """
            select ensure_usage_partitions(now() - interval '120 days', now());
            insert into license_usage_log (log_id, logged_at, token_hash, subscription_id)
            select gen_random_uuid(), now() - make_interval(days => d), 'x', @SubscriptionId from generate_series(100, 119) d;
            update usage_quarantine set quarantined_at = now() - interval '31 days' where payload = 'old';
            insert into outbox (kind, dedup_key, payload, created_at, sent_at) values
                ('email', 'sent long ago', '{"to":"a@x.test"}', now() - interval '31 days', now() - interval '31 days'),
                ('email', 'sent lately', '{"to":"a@x.test"}', now() - interval '29 days', now());
            insert into outbox (kind, dedup_key, payload, created_at)
                values ('email', 'waits since long', '{"to":"a@x.test"}', now() - interval '31 days');
            insert into payment_events (provider, event_id, event_type, created_at, received_at, body) values
                ('stripe', 'old', 'x', now(), now() - interval '31 days', '{"a":1}'), ('stripe', 'new', 'x', now(), now(), '{"a":1}');
            with renewal as (
                insert into renewals (subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
                select subscription_id, subscriber_id, now(), 'manual', 'lapsed', now() from subscriptions
                    where subscription_id = @SubscriptionId
                returning renewal_id, subscription_id, user_id
            )
            insert into renewal_requests (caller_id, idempotency_key, subscription_id, renewal_id, requested_at)
            select user_id, key, subscription_id, renewal_id, now() - age
            from renewal, (values ('old', interval '31 days'), ('new', interval '29 days')) keys (key, age);
            """,
            license);
        await scene.DeviceAsync(license, "1|A", "A", 1, "203.0.113.77", scene.Now.UtcDateTime.AddDays(-91));
        await scene.DeviceAsync(license, "2|B", "B", 2, "203.0.113.78", scene.Now.UtcDateTime.AddDays(-89));
        await scene.Database.ExecuteAsync(
            "insert into license_device_networks select device_id, ip_address::cidr, last_seen_at, last_seen_at from license_devices");
        var retain = NewRetention(scene.Database, NullLogger<RetainData>.Instance);

        var counts = await retain.RunAsync(TestContext.Current.CancellationToken);
        var again = await retain.RunAsync(TestContext.Current.CancellationToken);

        Assert.InRange(counts.UsageWeeks, 3, 6);
        Assert.Equal((3, 1, 2, 0, false), (counts.Bodies, counts.RequestKeys, counts.Addresses, counts.Unclaimed, counts.Unfinished));
        Assert.Equal(new RetentionCounts(0, 0, 0, 0, 0, 0, 0, 0, false, again.Failed, again.Overdue), again);
        Assert.Empty(again.Failed);
        Assert.Empty(again.Overdue);
        Assert.Equal((2L, 2L), await scene.Database.QueryAsync<(long, long)>(
            "select (select count(*) from license_usage_log), (select sum(sessions)::bigint from usage_rollups)"));
        Assert.Equal(["new"], await scene.Database.QueryAllAsync<string>("select payload from usage_quarantine"));
        Assert.Equal(
            ["sent lately", "waits since long"],
                await scene.Database.QueryAllAsync<string>("select dedup_key from outbox where payload <> '{}' order by 1"));
        Assert.Equal(["new"], await scene.Database.QueryAllAsync<string>("select idempotency_key from renewal_requests"));
        Assert.Equal(["new"], await scene.Database.QueryAllAsync<string>("select event_id from payment_events where body is not null"));
        Assert.Equal(["203.0.113.0/24", "203.0.113.78"], await scene.Database.QueryAllAsync<string>(
            """
            select case when masklen(ip_address) = 32 then host(ip_address) else ip_address::text end
            from license_devices order by slot
            """));
        Assert.Equal(["203.0.113.78/32"], await scene.Database.QueryAllAsync<string>("select network::text from license_device_networks"));
    }

    /// <summary>A reader of old usage, as an export or pg_dump is.</summary>
    [Fact]
    public async Task Run_BesideAReaderOfUsage_DeletesTheRestAndTellsWhatIsOverdue()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            select ensure_usage_partitions(now() - interval '110 days', now());
            insert into license_usage_log (log_id, logged_at, token_hash, subscription_id)
            select gen_random_uuid(), now() - make_interval(days => d), 'x', gen_random_uuid() from generate_series(100, 110) d;
            insert into payment_events (provider, event_id, event_type, created_at, received_at, body) values
                ('stripe', 'old', 'x', now(), now() - interval '31 days', '{"a":1}');
            """);
        var retain = NewRetention(scene.Database, NullLogger<RetainData>.Instance);

        RetentionCounts during;
        await using (var reader = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using var reading = await reader.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var read = new NpgsqlCommand("select count(*) from license_usage_log", reader);
            await read.ExecuteScalarAsync(TestContext.Current.CancellationToken);
            during = await retain.RunAsync(TestContext.Current.CancellationToken);
        }

        var after = await retain.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, 1), (during.UsageWeeks, during.Bodies));
        Assert.Empty(during.Failed);
        Assert.InRange(during.Overdue["usage"], 7 * 86_400, 20 * 86_400);
        Assert.InRange(after.UsageWeeks, 1, 5);
        Assert.Empty(after.Overdue);
    }

    [Fact]
    public async Task Run_APartFails_TheOthersContinue()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            create or replace function drop_expired_usage(keep interval default '90 days', most int default 4) returns setof text
            language plpgsql as $$ begin raise exception 'as a damaged chunk does'; end $$;
            insert into payment_events (provider, event_id, event_type, created_at, received_at, body) values
                ('stripe', 'old', 'x', now(), now() - interval '31 days', '{"a":1}');
            """);
        var log = new RecordedLog<RetainData>();

        var counts = await NewRetention(scene.Database, log).RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["usage"], counts.Failed);
        Assert.Equal(1, counts.Bodies);
        Assert.Contains(log.Lines, line => line.Failure is PostgresException { MessageText: "as a damaged chunk does" });
    }

    [Fact]
    public async Task Run_WhenACountOfMetricsIsWrong_CorrectsIt()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync("insert into metric_counters (name, label, value) values ('gauge:licenses', 'ACTIVE', 9)");

        await NewRetention(scene.Database, NullLogger<RetainData>.Instance).RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal(-9, await scene.Database.QueryAsync<double>("select amount from metric_increments where name = 'gauge:licenses'"));
    }

    private static RetainData NewRetention(TestDatabase database, ILogger<RetainData> log) =>
        new(new RetentionStore(database.Database), new MetricStore(database.Database), log);
}
