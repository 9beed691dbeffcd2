using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Licensing.Devices;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

/// <summary>Counters and gauges with a real database.</summary>
public sealed class MetricStoreTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private MetricStore store = null!;
    private Guid license;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        store = new MetricStore(database.Database);
        license = await MetricScene.NewLicenseAsync(database);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Alerts_RaisedThenDeleted_StayCounted_WithoutAppeals()
    {
        foreach (var type in (string[])["MULTIPLE_IPS", "MULTIPLE_IPS", "TOO_MANY_DEVICES", "of the platform's own", "APPEAL"])
            await RaiseAsync(type);
        await database.ExecuteAsync("delete from suspicious_activity_alerts");
        var before = await ReadAsync();
        await store.AddAsync([], Stop);

        var after = await ReadAsync();
        Assert.Equal(0, await database.QueryAsync<int>("select count(*) from metric_increments"));
        Assert.All([before, after], values =>
        {
            Assert.Equal(2, values["suspicious_activities_total", "MULTIPLE_IPS"]);
            Assert.Equal(1, values["suspicious_activities_total", "TOO_MANY_DEVICES"]);
            Assert.Equal(1, values["suspicious_activities_total", "OTHER"]);
            Assert.Equal(1, values["device_violations_total", ""]);
        });
    }

    [Fact]
    public async Task Alert_UpdatedWithItsIncident_CountsOnce()
    {
        await RaiseAsync("MULTIPLE_IPS");
        await database.ExecuteAsync("update suspicious_activity_alerts set severity = 'CRITICAL', activity_type = 'RAPID_IP_CHANGES'");

        var values = await ReadAsync();
        Assert.Equal(1, values["suspicious_activities_total", "MULTIPLE_IPS"]);
        Assert.Equal(0, values["suspicious_activities_total", "RAPID_IP_CHANGES"]);
        Assert.Equal(1, values["suspicious_activity_alerts_open", "CRITICAL"]);
    }

    [Fact]
    public async Task Disputes_WhoseEvidenceIsSent_HaveNoDeadline()
    {
        await database.ExecuteAsync(
            """
            insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, changed_at, evidence_due_at)
            values ('stripe', 'dispute', 'du_1', 'open', 100, 'usd', now(), now() + interval '1 day'),
                   ('stripe', 'dispute', 'du_2', 'open', 100, 'usd', now(), now() + interval '9 days')
            """);
        Assert.InRange((await ReadAsync())["dispute_evidence_due_seconds", ""], 0, 86_400);

        await database.ExecuteAsync(
            """
            insert into dispute_evidence (reversal_id, subscription_id, text, state, requested_at, decided_at)
            select reversal_id, @license, 'used daily', 'sent', now(), now() from payment_reversals where provider_id = 'du_1'
            """,
            new { license });

        var values = await ReadAsync();
        Assert.InRange(values["dispute_evidence_due_seconds", ""], 8 * 86_400, 9 * 86_400);
        Assert.Equal(2, values["disputes_open", ""]);
    }

    [Fact]
    public async Task Webhooks_AreCountedByState_AndTheOldestEventByEnabledOnes()
    {
        await database.ExecuteAsync(
            """
            insert into webhook_endpoints (url, position, attempts, failing_since, disabled_at, disabled_by) values
                ('https://a.test', 2, 0, null, null, null), ('https://b.test', 1, 1, now(), null, null),
                ('https://c.test', 0, 9, now(), now(), 'failures'), ('https://d.test', 0, 0, null, now(), 'operator');
            delete from license_events;
            insert into license_events (subscription_id, type, occurred_at, data, position, sequence)
            select @license, 'price.agreed', now() - (4 - n) * interval '1 hour', '{}', n, n from generate_series(1, 2) n;
            """,
            new { license });

        var values = await ReadAsync();

        Assert.All((string[])["active", "failing", "disabled", "off"], state => Assert.Equal(1, values["webhook_endpoints", state]));
        Assert.InRange(values["webhook_oldest_event_seconds", ""], 7_200, 7_300);
        await database.ExecuteAsync("delete from webhook_endpoints where url = 'https://b.test'");
        Assert.Equal(0, (await ReadAsync()).Sum("webhook_oldest_event_seconds"));
    }

    [Fact]
    public async Task Renewal_PendingThenSettled_CountsOnceWhenItIsSettled()
    {
        await database.ExecuteAsync(
            "insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status) " +
            "values (@license, 'auto', 10, 'pending')", new { license });
        Assert.Equal(0, (await ReadAsync()).Sum("auto_renewals_total"));

        await database.ExecuteAsync("update license_renewal_history set status = 'success'");
        await database.ExecuteAsync("update license_renewal_history set status = 'success', metadata = '{}'");
        await database.ExecuteAsync(
            "insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status) " +
            "values (@license, 'manual', 10, 'failed')", new { license });

        var values = await ReadAsync();
        Assert.Equal(1, values["auto_renewals_total", "success"]);
        Assert.Equal(1, values.Sum("auto_renewals_total"));
        Assert.Equal(1, values["manual_renewals_total", "failed"]);
    }

    [Fact]
    public async Task Renewals_AddedByOneStatement_AreCountedByTypeAndOutcome()
    {
        await database.ExecuteAsync(
            """
            insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status)
            select @license, r.type, 10, r.status
            from (values ('auto', 'success'), ('auto', 'success'), ('auto', 'failed'), ('manual', 'success'), ('manual', 'pending'))
                as r (type, status)
            """,
            new { license });

        var values = await ReadAsync();
        Assert.Equal((2, 1), (values["auto_renewals_total", "success"], values["auto_renewals_total", "failed"]));
        Assert.Equal((1, 1), (values["manual_renewals_total", "success"], values.Sum("manual_renewals_total")));
    }

    [Theory]
    [InlineData("DEVICE_LIMIT", 1)]
    [InlineData("OPERATOR", 0)]
    public async Task Suspension_ForTooManyDevices_IsADeviceViolation(string cause, int violations)
    {
        await database.ExecuteAsync(
            "insert into license_suspensions (subscription_id, cause, reason, previous_state) values (@license, @cause, 'x', 'SYNCED')",
                new { license, cause });

        var values = await ReadAsync();
        Assert.Equal(violations, values["device_violations_total", ""]);
        Assert.Equal(1, values["license_suspensions_open", cause]);
    }

    [Fact]
    public async Task Scores_AreInTheBucketThatEndsWhereTheirColorEnds()
    {
        short[] scores = [0, 9, 49, 50, 79, 80, 99, 100];
        foreach (var score in scores)
        {
            var one = await MetricScene.NewLicenseAsync(database);
            await MetricScene.ScoreAsync(database, one, score, "ACTIVE");
        }

        var values = await ReadAsync();
        (string Bound, double Count)[] expected =
            [("9", 2), ("49", 1), ("59", 1), ("79", 1), ("89", 1), ("99", 1), ("100", 1), ("sum", 466)];
        Assert.All(expected, bucket => Assert.Equal(bucket.Count, values["license_health_score_distribution", bucket.Bound]));
        Assert.Equal(8, values["licenses", "ACTIVE"]);
        Assert.Equal(0, values.Sum("license_health_score"));
        Assert.Equal(466, (await ReadAsync(perSubscription: true)).Sum("license_health_score"));
    }

    [Fact]
    public async Task Gauges_WhenTheirRowsChange_FollowThem()
    {
        await MetricScene.ScoreAsync(database, license, 87, "ACTIVE");
        await MetricScene.ScoreAsync(database, license, 42, "SUSPENDED");
        await database.ExecuteAsync(
            """
            insert into license_suspensions (subscription_id, cause, reason, previous_state)
            values (@license, 'OPERATOR', 'x', 'SYNCED'), (@license, 'EXPIRY', 'x', 'SYNCED');
            update license_suspensions set closed_at = now(), closed_how = 'REINSTATED' where cause = 'OPERATOR';
            """, new { license });
        await RaiseAsync("MULTIPLE_IPS");
        await RaiseAsync("MULTIPLE_IPS");
        await RaiseAsync("MULTIPLE_IPS");
        await database.ExecuteAsync(
            """
            update suspicious_activity_alerts set severity = 'HIGH', auto_action_taken = 'NOTIFIED'
            where alert_id = (select alert_id from suspicious_activity_alerts order by alert_id limit 1);
            update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now()
            where alert_id = (select alert_id from suspicious_activity_alerts order by alert_id desc limit 1);
            """);

        var values = await ReadAsync();

        Assert.Equal((0, 1), (values["licenses", "ACTIVE"], values["licenses", "SUSPENDED"]));
        Assert.Equal((0, 1), (values["license_health_score_distribution", "89"], values["license_health_score_distribution", "49"]));
        Assert.Equal(42, values["license_health_score_distribution", "sum"]);
        Assert.Equal((0, 1), (values["license_suspensions_open", "OPERATOR"], values["license_suspensions_open", "EXPIRY"]));
        Assert.Equal((1, 1), (values["suspicious_activity_alerts_open", "LOW"], values["suspicious_activity_alerts_open", "HIGH"]));
        Assert.Equal(
            (1, 1), (values["suspicious_activity_measures_open", "NONE"], values["suspicious_activity_measures_open", "NOTIFIED"]));

        await database.ExecuteAsync(
            """
            delete from suspicious_activity_alerts;
            delete from license_tokens;
            delete from subscriptions;
            """);
        var none = await ReadAsync();
        Assert.All(
            (string[])["licenses", "license_health_score_distribution", "license_suspensions_open", "suspicious_activity_alerts_open",
                "suspicious_activity_measures_open"],
            name => Assert.Equal(0, none.Sum(name)));
    }

    [Fact]
    public async Task Gauges_OfRowsFromBeforeTheTriggers_AreCountedByTheMigration()
    {
        await MetricScene.ScoreAsync(database, license, 87, "ACTIVE");
        await RaiseAsync("MULTIPLE_IPS");
        await database.ExecuteAsync("delete from metric_increments; delete from metric_counters");
        var migration = Repository.Read("sql/migrations/0069_counted_gauges.sql");
        var from = migration.IndexOf("insert into metric_counters", StringComparison.Ordinal);

        await database.ExecuteAsync(migration[from..migration.IndexOf("-- The alerts whose", StringComparison.Ordinal)]);

        Assert.Equal(0, await store.CorrectGaugesAsync(Stop));
        Assert.Equal(1, (await ReadAsync())["licenses", "ACTIVE"]);
        Assert.Equal(1, (await ReadAsync())["suspicious_activity_alerts_open", "LOW"]);
    }

    [Fact]
    public async Task CorrectGauges_AfterARestoreWithoutTriggers_CountsTheRows()
    {
        await MetricScene.ScoreAsync(database, license, 87, "ACTIVE");
        await store.AddAsync([], Stop);
        await database.ExecuteAsync(
            "update metric_counters set value = 7 where name = 'gauge:licenses'; "
            + "insert into metric_increments (name, label, amount) values ('gauge:licenses', 'EXPIRED', 3)");

        var corrected = await store.CorrectGaugesAsync(Stop);

        Assert.Equal(2, corrected);
        Assert.Equal(0, await store.CorrectGaugesAsync(Stop));
        Assert.Equal((1, 0), ((await ReadAsync())["licenses", "ACTIVE"], (await ReadAsync())["licenses", "EXPIRED"]));
    }

    [Fact]
    public async Task CorrectGauges_WhileRowsChangeAndCountsAreAdded_FindsNothingToCorrect()
    {
        for (var i = 0; i < 8; i++)
            await MetricScene.ScoreAsync(database, await MetricScene.NewLicenseAsync(database), 50, "ACTIVE");
        var licenses = await database.QueryAllAsync<Guid>("select subscription_id from license_health");
        await store.AddAsync([], Stop);
        var corrected = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 120), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Stop },
            async (i, token) =>
        {
            await MetricScene.ScoreAsync(database, licenses[i % licenses.Count], (short)(i % 100), i % 3 == 0 ? "EXPIRED" : "ACTIVE");
            if (i % 2 == 0)
                await store.AddAsync([], token);
            else
                Interlocked.Add(ref corrected, await store.CorrectGaugesAsync(token));
        });

        Assert.Equal(0, corrected);
        Assert.Equal(0, await store.CorrectGaugesAsync(Stop));
        Assert.Equal(licenses.Count, (await ReadAsync()).Sum("licenses"));
    }

    [Fact]
    public async Task CorrectGauges_BesideAnotherRun_LeavesItToThatRun()
    {
        await MetricScene.ScoreAsync(database, license, 87, "ACTIVE");
        await database.ExecuteAsync("delete from metric_increments");
        await using var other = await database.Source.OpenConnectionAsync(Stop);
        await using var running = await other.BeginTransactionAsync(Stop);
        await using (var alone = new NpgsqlCommand("select pg_advisory_xact_lock(hashtext('correct_gauges'))", other))
            await alone.ExecuteNonQueryAsync(Stop);

        Assert.Equal(0, await store.CorrectGaugesAsync(Stop));
        await running.RollbackAsync(Stop);
        Assert.Equal(2, await store.CorrectGaugesAsync(Stop));
    }

    [Fact]
    public async Task Read_OfAllMetrics_CountsNeitherLicensesNorSuspensions()
    {
        var plan = await database.QueryAllAsync<string>(
            "explain " + MetricStore.Read.Replace("@perSubscription", "false", StringComparison.Ordinal));

        Assert.Contains(plan, line => line.Contains(" on metric_counters", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, line => line.Contains(" on license_health", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, line => line.Contains(" on license_suspensions", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Counts_WrittenByManyInstancesAtOnce_AddUp()
    {
        MetricRow[] rows = [new("a", "1", 1), new("b", "2", 2), new("c", "3", 3)];

        await Parallel.ForEachAsync(Enumerable.Range(0, 60), new ParallelOptions { MaxDegreeOfParallelism = 12, CancellationToken = Stop },
            async (i, token) =>
        {
            await RaiseAsync("MULTIPLE_IPS");
            await store.AddAsync(i % 2 == 0 ? rows : [.. rows.Reverse()], token);
        });

        var values = await ReadAsync();
        Assert.Equal((60, 120, 180), (values["a", "1"], values["b", "2"], values["c", "3"]));
        Assert.Equal(60, values["suspicious_activities_total", "MULTIPLE_IPS"]);
    }

    [Theory]
    [InlineData("now() - interval '50 seconds'", 10, 10)]
    [InlineData("now() - interval '1 day'", 60, double.PositiveInfinity)]
    [InlineData("null", 60, double.PositiveInfinity)]
    public async Task Timer_FinishedOrInProgress_ReportsItsDuration(string finishedAt, double least, double most)
    {
        await database.ExecuteAsync($"insert into timer_leases (timer_name, last_started_at, last_finished_at) " +
            $"values ('T', now() - interval '60 seconds', {finishedAt})");

        Assert.InRange((await ReadAsync())["timer_last_duration_seconds", "T"], least, most);
    }

    [Fact]
    public async Task Records_OfTheSqlFunction_AreCountedByOutcome()
    {
        await RecordAsync("(select token_hash from license_tokens)");
        await RecordAsync("(select token_hash from license_tokens)");
        await RecordAsync("'nobody has this token'");
        var before = await ReadAsync();
        await store.AddAsync([], Stop);

        Assert.All([before, await ReadAsync()], values => Assert.Equal(
            (2, 0, 1),
            (values["usage_records_total", "accepted"], values["usage_records_total", "duplicate"],
                values["usage_records_total", "quarantined"])));
    }

    [Fact]
    public async Task Records_OfTwoOpenTransactions_DontWaitForEachOther()
    {
        await MetricScene.NewLicenseAsync(database);
        // The first record of the week creates its partition before the concurrent part.
        await database.ExecuteAsync("select ensure_usage_partitions(now(), now())");
        const string record = """
            set lock_timeout = '1ms';
            select record_license_usage(token_hash::text, subscription_id::text, '192.0.2.1', 'EA-1', 1001)
            from (select * from license_tokens order by token_id limit 1 offset {0}) as one
            """;
        await using var first = await database.Source.OpenConnectionAsync(Stop);
        await using var second = await database.Source.OpenConnectionAsync(Stop);
        await using var open = await first.BeginTransactionAsync(Stop);
        foreach (var (connection, offset) in new[] { (first, 0), (second, 1) })
        {
            await using var command =
                new NpgsqlCommand(string.Format(System.Globalization.CultureInfo.InvariantCulture, record, offset), connection);
            await command.ExecuteNonQueryAsync(Stop);
        }

        Assert.Equal(1, (await ReadAsync())["usage_records_total", "accepted"]);
        await open.CommitAsync(Stop);
        Assert.Equal(2, (await ReadAsync())["usage_records_total", "accepted"]);
    }

    [Fact]
    public async Task Increments_MoreThanOneBatch_AreAllAdded()
    {
        await database.ExecuteAsync("insert into metric_increments (name, label, amount) select 'usage_records_total', 'accepted', 1 " +
            "from generate_series(1, 20001)");
        using var writing = new WriteCounts(new ProcessCounts(), store, TimeProvider.System, NullLogger<WriteCounts>.Instance);

        await writing.FlushAsync(Stop);

        Assert.Equal(0, await database.QueryAsync<int>("select count(*) from metric_increments"));
        Assert.Equal(20001, (await ReadAsync())["usage_records_total", "accepted"]);
    }

    [Fact]
    public async Task Counts_ThatCouldNotBeWritten_AreWrittenWithTheNext()
    {
        var counts = new ProcessCounts();
        using var writing = new WriteCounts(counts, store, TimeProvider.System, NullLogger<WriteCounts>.Instance);
        counts.AddCheck(LicenseCode.Valid, TimeSpan.FromMilliseconds(3));
        counts.AddCheck(LicenseCode.PausedToxic, TimeSpan.FromSeconds(7));
        counts.AddRecords(5, 1, 0);
        await database.ExecuteAsync("alter table metric_counters rename to gone");
        await Assert.ThrowsAsync<PostgresException>(() => writing.FlushAsync(Stop));
        // The process stops even if the write fails.
        await writing.StopAsync(Stop);
        await database.ExecuteAsync("alter table gone rename to metric_counters");

        counts.AddCheck(LicenseCode.Valid, TimeSpan.FromMilliseconds(5));
        counts.AddCheck(null, TimeSpan.Zero);
        await writing.FlushAsync(Stop);

        var values = await ReadAsync();
        Assert.Equal(2, values["license_validations_total", "VALID"]);
        Assert.Equal(1, values["license_validations_total", "PAUSED_TOXIC"]);
        Assert.Equal(1, values["license_validations_total", "NO_ANSWER"]);
        Assert.Equal(2, values["license_validation_duration_seconds", "0.005"]);
        Assert.Equal(1, values["license_validation_duration_seconds", "+Inf"]);
        Assert.Equal(7.008, values["license_validation_duration_seconds", "sum"], 9);
        Assert.Equal((5, 1, 0),
            (values["usage_records_total", "accepted"], values["usage_records_total", "duplicate"],
            values["usage_records_total", "quarantined"]));
    }

    private Task<Guid> RecordAsync(string token) => database.QueryAsync<Guid>(
        $"select record_license_usage({token}::text, @license::text, '192.0.2.1', 'EA-1', 1001)", new { license });

    private Task<Guid> RaiseAsync(string type) => database.QueryAsync<Guid>(
        "select create_suspicious_activity_alert(@license, @type, 'LOW', 'x')", new { license, type });

    private async Task<MetricValues> ReadAsync(bool perSubscription = false) => new(await store.ReadAsync(perSubscription, Stop));

    private sealed class MetricValues(IReadOnlyList<MetricRow> rows)
    {
        // One row per series: Prometheus rejects two lines of one series.
        public double this[string name, string label] => rows.SingleOrDefault(row => row.Name == name && row.Label == label)?.Value ?? 0;

        public double Sum(string name) => rows.Where(row => row.Name == name).Sum(row => row.Value);
    }
}

internal static class MetricScene
{
    public static Task<Guid> NewLicenseAsync(TestDatabase database) => database.QueryAsync<Guid>(
        """
        with people as (
            insert into users (email, role)
            values (@name || 's@x.test', 'subscriber'), (@name || 'm@x.test', 'master') returning user_id, role),
        subscription as (
            insert into subscriptions (subscriber_id, master_id)
            select (select user_id from people where role = 'subscriber'), (select user_id from people where role = 'master')
            returning subscription_id)
        insert into license_tokens (subscription_id, token_hash, expires_at)
        select subscription_id, @name, now() + interval '40 days' from subscription
        returning subscription_id
        """,
        new { name = Guid.NewGuid().ToString("N") });

    public static Task ScoreAsync(TestDatabase database, Guid license, short score, string status) => database.ExecuteAsync(
        """
        insert into license_health (subscription_id, score, status, scored_at, due_at) values (@license, @score, @status, now(), 'infinity')
        on conflict (subscription_id) do update
        set score = excluded.score, status = excluded.status, scored_at = excluded.scored_at, due_at = excluded.due_at
        """,
        new { license, score, status });
}
