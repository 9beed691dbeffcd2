using System.Text;
using Dapper;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Usage;
using Licensing.Devices;
using Licensing.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class IngestUsageTests(PostgresFixture postgres) : IAsyncLifetime
{
    private UsageScene scene = null!;
    private License license = null!;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        license = await scene.LicenseAsync();
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Send_NewRecords_StoresThemAndUpdatesWhatDependsOnThem()
    {
        await scene.DeviceAsync(license, "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));

        var done = await scene.SendAsync(
            scene.Record(license, secondsAgo: 60), UsageScene.Array([scene.Record(license, secondsAgo: 10, address: "198.51.100.9")]));

        Assert.Equal((2, 0, 0), (done.Accepted, done.Duplicates, done.Quarantined.Count));
        Assert.Equal((2L, 6L),
            await scene.Database.QueryAsync<(long, long)>("select count(*), sum(signals_received) from license_usage_log"));
        Assert.Equal(
            (scene.Now.UtcDateTime.AddSeconds(-10), "198.51.100.9"),
            await scene.Database.QueryAsync<(DateTime, string)>("select last_used_at, host(ip_address) from license_tokens"));
        Assert.Equal(scene.Now.UtcDateTime.AddSeconds(-10),
            await scene.Database.QueryAsync<DateTime>("select last_seen_at from license_devices"));
        Assert.Equal(
            (license.SubscriptionId, scene.Now.UtcDateTime.AddSeconds(-60), scene.Now.UtcDateTime.AddSeconds(-10)),
            await scene.Database.QueryAsync<(Guid, DateTime,
                DateTime)>("select subscription_ids[1], earliest_at[1], latest_at[1] from usage_arrivals"));
    }

    [Fact]
    public async Task Send_SameRecordsAgain_ChangesNothing()
    {
        var bad = scene.Record(license, address: "not-an-address");
        string[] messages = [UsageScene.Array([scene.Record(license), bad, scene.Record(license, secondsAgo: 5)]), "{",
            scene.Record(license, secondsAgo: 9)];
        var first = await scene.SendAsync(messages);
        var state = await scene.StateAsync();

        var again = await scene.SendAsync(messages);
        var reordered = await scene.SendAsync([.. messages.Reverse()]);

        Assert.Equal((3, 0, 2), (first.Accepted, first.Duplicates, first.Quarantined.Count));
        Assert.Equal((0, 3, 2), (again.Accepted, again.Duplicates, again.Quarantined.Count));
        Assert.Equal((0, 3, 2), (reordered.Accepted, reordered.Duplicates, reordered.Quarantined.Count));
        Assert.Equal(state, await scene.StateAsync());
    }

    [Fact]
    public async Task Send_OneRecordTwiceInABatch_CountsOnce()
    {
        var id = Guid.NewGuid();

        var done = await scene.SendAsync(UsageScene.Array([scene.Record(license, id), scene.Record(license, id), scene.Record(license)]));

        Assert.Equal((2, 1), (done.Accepted, done.Duplicates));
        Assert.Equal(2L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
    }

    [Fact]
    public async Task Send_LateRecord_IsStoredAndMovesNoTimeBack()
    {
        await scene.DeviceAsync(license, "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));
        await scene.SendAsync(scene.Record(license, secondsAgo: 10, address: "198.51.100.9"));

        var late = await scene.SendAsync(scene.Record(license, secondsAgo: 3600));

        Assert.Equal(1, late.Accepted);
        Assert.Equal(
            (scene.Now.UtcDateTime.AddSeconds(-10), "198.51.100.9", scene.Now.UtcDateTime.AddSeconds(-10)),
            await scene.Database.QueryAsync<(DateTime, string, DateTime)>(
                "select last_used_at, host(t.ip_address), d.last_seen_at " +
                "from license_tokens t join license_devices d using (subscription_id)"));
    }

    [Theory]
    [InlineData("1001|EA-1", "203.0.113.1", true)]
    [InlineData("198.51.100.4|1001|EA-1", "198.51.100.4", true)]
    [InlineData("203.0.113.1|1001|EA-1", "203.0.113.1", false)]
    public async Task Send_ForADeviceUnderEitherIdentity_MovesThatDeviceOnly(string key, string address, bool moved)
    {
        var before = scene.Now.UtcDateTime.AddDays(-1);
        await scene.DeviceAsync(license, key, "EA-1", 1001, address, before);
        await scene.DeviceAsync(license, "1001|EA-2", "EA-2", 1001, "198.51.100.4", before);

        await scene.SendAsync(scene.Record(license));

        Assert.Equal(
            [moved ? scene.Now.UtcDateTime : before, before],
            await scene.Database.QueryAllAsync<DateTime>("select last_seen_at from license_devices order by slot"));
    }

    [Fact]
    public async Task Send_EveryKindOfInvalidRecord_IsQuarantinedAndTheRestStored()
    {
        var other = await scene.LicenseAsync();
        var done = await scene.SendAsync(
            UsageScene.Array(
            [
                scene.Record(license),
                scene.Record(license with { TokenHash = new string('0', 64) }),
                scene.Record(license with { TokenHash = other.TokenHash }),
                scene.Record(license, ea: "a\0b"),
                scene.Record(license, secondsAgo: 90 * 86_400),
            ]),
            "no json",
            scene.Record(license, secondsAgo: 1));

        Assert.Equal(2, done.Accepted);
        Assert.Equal(
            [
                (1, UsageFault.UnknownToken), (2, UsageFault.SubscriptionMismatch), (3, UsageFault.InvalidText), (4, UsageFault.TooOld),
                (5, UsageFault.InvalidJson),
            ],
            done.Quarantined.Select(one => (one.Index, one.Code)));
        Assert.Equal(5, (await scene.Quarantine.ListAsync("OPEN", null, null, 100, TestContext.Current.CancellationToken)).Count);
    }

    [Fact]
    public async Task Send_BytesThatAreNotText_AreQuarantinedUnchangedAndAsReadableText()
    {
        byte[] message = [.. " {\"a\":\""u8, 0, 0xC3, 0x28, .. "\"\n"u8];

        await scene.Ingest.RunAsync([new UsageMessage(message)], "queue", TestContext.Current.CancellationToken);

        var (text, bytes) = await scene.Database.QueryAsync<(string, byte[])>("select payload, payload_bytes from usage_quarantine");
        Assert.Equal(" {\"a\":\"\uFFFD\uFFFD(\"\n", text);
        Assert.Equal(message, bytes);
    }

    [Fact]
    public async Task Send_RecordThatOnlyTheTableRejects_IsQuarantinedAlone()
    {
        await scene.Database.ExecuteAsync("alter table license_usage_log add constraint no_account_13 check (mt5_account_number <> 13)");
        var records = Enumerable.Range(10, 7).Select(account => scene.Record(license, account: account));

        var done = await scene.SendAsync(UsageScene.Array(records));

        Assert.Equal(6, done.Accepted);
        Assert.Equal((3, UsageFault.RefusedByDatabase), Assert.Single(done.Quarantined.Select(one => (one.Index, one.Code))));
        Assert.Contains("no_account_13", done.Quarantined[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_IntoAMissingPartition_CreatesIt()
    {
        await scene.Database.SkipOnHypertableAsync();
        var day = scene.Now.UtcDateTime.AddDays(-30);
        var partition = await scene.Database.QueryAsync<string?>(
            "select to_regclass('license_usage_log_w' || to_char(date_trunc('week', @day at time zone 'UTC'), 'YYYYMMDD'))::text",
                new { day });
        Assert.NotNull(partition);
        await scene.Database.ExecuteAsync($"drop table {partition}");

        var done = await scene.SendAsync(UsageScene.Array([scene.Record(license, secondsAgo: 30 * 86_400), scene.Record(license)]));

        Assert.Equal(2, done.Accepted);
    }

    [Fact]
    public async Task Send_IntoADetachedPartition_QuarantinesItsRecords()
    {
        await scene.Database.SkipOnHypertableAsync();
        await scene.Database.ExecuteAsync(
            "do $$ begin execute 'alter table license_usage_log detach partition license_usage_log_w'"
            + " || to_char(date_trunc('week', (now() - interval '30 days') at time zone 'UTC'), 'YYYYMMDD'); end $$");

        var done = await scene.SendAsync(UsageScene.Array([scene.Record(license, secondsAgo: 30 * 86_400), scene.Record(license)]));

        Assert.Equal(1, done.Accepted);
        Assert.Equal((0, UsageFault.RefusedByDatabase), Assert.Single(done.Quarantined.Select(one => (one.Index, one.Code))));
    }

    [Fact]
    public async Task Send_OverlappingBatchesInParallel_CountEachRecordOnceWithoutADeadlock()
    {
        var licenses = new List<License>();
        for (var i = 0; i < 8; i++)
        {
            licenses.Add(await scene.LicenseAsync());
            await scene.DeviceAsync(licenses[^1], "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));
        }

        var records = Enumerable.Range(0, 400).Select(i => scene.Record(licenses[i % 8], secondsAgo: i)).ToArray();
        var batches = Enumerable.Range(0, 12).Select(seed =>
        {
            var batch = records[(seed * 20)..(seed * 20 + 180)];
            new Random(seed).Shuffle(batch);
            return UsageScene.Array(batch);
        }).ToArray();

        var done = await Task.WhenAll(batches.Select(batch => scene.SendAsync(batch)));

        Assert.Equal(400, done.Sum(one => one.Accepted));
        Assert.Equal(12 * 180 - 400, done.Sum(one => one.Duplicates));
        Assert.Equal(400L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.Equal(
            8L,
            await scene.Database.QueryAsync<long>(
                """
                select count(*) from license_tokens t join license_devices d using (subscription_id)
                join (select subscription_id, max(logged_at) as newest from license_usage_log group by 1) u using (subscription_id)
                where t.last_used_at = newest and d.last_seen_at = newest
                """));
        await scene.Database.ExecuteAsync("select pg_stat_force_next_flush()");
        Assert.Equal(0L, await scene.Database.QueryAsync<long>(
            "select deadlocks from pg_stat_database where datname = current_database()"));
    }

    [Theory]
    [InlineData("select from license_tokens where subscription_id = @SubscriptionId for update")]
    [InlineData("update license_tokens set expires_at = expires_at where subscription_id = @SubscriptionId")]
    [InlineData("select from license_devices where subscription_id = @SubscriptionId for update")]
    public async Task Send_WhileARowOfOneLicenseIsLocked_StoresAllRecords(string lockSql)
    {
        var other = await scene.LicenseAsync();
        foreach (var one in (License[])[license, other])
            await scene.DeviceAsync(one, "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));
        await using var platform = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await platform.ExecuteAsync("begin transaction");
        await platform.ExecuteAsync(lockSql, new { license.SubscriptionId });

        for (var n = 2; n > 0; n--)
        {
            var done = await scene.SendAsync(UsageScene.Array([scene.Record(license, secondsAgo: n), scene.Record(other, secondsAgo: n)]));
            Assert.Equal(2, done.Accepted);
        }

        Assert.Equal([other.SubscriptionId], await CurrentAsync());
        await platform.ExecuteAsync("rollback transaction");
        await scene.SendAsync(UsageScene.Array([scene.Record(license)]));
        Assert.Equal(2, (await CurrentAsync()).Count);
    }

    /// <summary>The licenses whose token and device have the time of their newest usage.</summary>
    private Task<IReadOnlyList<Guid>> CurrentAsync() => scene.Database.QueryAllAsync<Guid>(
        """
        select t.subscription_id from license_tokens t join license_devices d using (subscription_id)
        join (select subscription_id, max(logged_at) as newest from license_usage_log group by 1) u using (subscription_id)
        where t.last_used_at = newest and d.last_seen_at = newest
        """);

    [Fact]
    public async Task RecordLicenseUsage_FromSql_IsCounted()
    {
        const string Call = "select record_license_usage(@hash, @SubscriptionId::text, '198.51.100.7', 'EA-1', 1001, 1, 0, 0, null)";
        await scene.DeviceAsync(license, "1001|EA-1", "EA-1", 1001, "203.0.113.1", scene.Now.UtcDateTime.AddDays(-1));

        var id = await scene.Database.QueryAsync<Guid>(Call, new { hash = license.TokenHash, license.SubscriptionId });
        var unknown = await scene.Database.QueryAsync<Guid>(Call, new { hash = "nobody's", license.SubscriptionId });
        Assert.Equal(
            "198.51.100.7",
            await scene.Database.QueryAsync<string>(
                "select host(t.ip_address) from license_tokens t join license_usage_log u on u.logged_at = t.last_used_at"));
        await scene.SumAsync();

        Assert.Equal(id, await scene.Database.QueryAsync<Guid>("select log_id from license_usage_log"));
        Assert.Equal(
            [license.SubscriptionId],
            await scene.Database.QueryAllAsync<Guid>(
                """
                select a.subscription_ids[1] from usage_arrivals a, license_usage_log u, license_tokens t, license_devices d
                where u.logged_at = a.latest_at[1] and u.logged_at = t.last_used_at and u.logged_at = d.last_seen_at
                """));
        var quarantined = Assert.Single(await scene.Quarantine.ListAsync("OPEN", null, null, 100, TestContext.Current.CancellationToken));
        Assert.Equal(("sql", UsageFault.UnknownToken), (quarantined.Source, quarantined.Code));
        Assert.Contains(unknown.ToString(), quarantined.Excerpt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0, 0, true)]
    [InlineData(3, 2, 1, true)]
    [InlineData(1, 0, 1_000_000, false)]
    [InlineData(1, 2, 0, false)]
    [InlineData(3, 2, 2, false)]
    [InlineData(int.MaxValue, int.MaxValue, int.MaxValue, false)]
    public async Task RecordLicenseUsage_CountersThatContradictEachOther_AreQuarantined(
        int received, int executed, int rejected, bool isStored)
    {
        const string Call =
            "select record_license_usage(@TokenHash, @SubscriptionId::text, '198.51.100.7', 'EA-1', 1001, @received, @executed, @rejected)";

        await scene.Database.QueryAsync<Guid>(
            Call, new { license.TokenHash, license.SubscriptionId, received, executed, rejected });

        Assert.Equal(isStored ? 1L : 0, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.Equal(
            isStored ? [] : [(UsageFault.ContradictingCounters, "signals_received")],
            await scene.Database.QueryAllAsync<(string, string)>("select code, field from usage_quarantine"));
    }

    [Theory]
    [InlineData("opened => 0, closed => 1000000", null)]
    [InlineData("opened => null, closed => null", null)]
    [InlineData("opened => -1", "opened")]
    [InlineData("closed => 1000001", "closed")]
    [InlineData("received => 1000001", "signals_received")]
    [InlineData("executed => -1", "signals_executed")]
    [InlineData("avg_latency_ms => -1", "avg_latency_ms")]
    public async Task RecordLicenseUsage_NumberOutOfItsRange_IsQuarantinedWithItsField(string argument, string? field)
    {
        await scene.Database.QueryAsync<Guid>(
            $"select record_license_usage(@TokenHash::text, @SubscriptionId::text, '198.51.100.7', 'EA-1', 1001, {argument})", license);

        var most = field == "avg_latency_ms" ? 3_600_000 : 1_000_000;
        Assert.Equal(field is null ? 1L : 0, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.Equal(
            field is null ? [] : [(UsageFault.OutOfRange, field, $"{field} must be from 0 to {most}")],
            await scene.Database.QueryAllAsync<(string, string, string)>(
                "select code, field, replace(detail, 'record_license_usage: ', '') from usage_quarantine"));
    }

    [Fact]
    public async Task OpenedAndClosed_FromEverySource_AreStored()
    {
        var record = scene.Record(license, secondsAgo: 60).TrimEnd().TrimEnd('}');

        await scene.SendAsync(UsageScene.Array([record + ",\"opened\":2,\"closed\":3}"]));
        await scene.Database.QueryAsync<Guid>(
            "select record_license_usage(@TokenHash::text, @SubscriptionId::text, '198.51.100.7', 'EA-1', 1001, 1, 0, 0, null, 4, 5)",
            license);
        await scene.Database.QueryAsync<Guid>(
            "select record_license_usage(@TokenHash::text, @SubscriptionId::text, '198.51.100.7', 'EA-1', 1001)", license);

        Assert.Equal(
            ["2 3", "4 5", "null null"],
            await scene.Database.QueryAllAsync<string>(
                """
                select coalesce(opened::text, 'null') || ' ' || coalesce(closed::text, 'null') from license_usage_log order by opened
                """));
    }

    [Fact]
    public async Task OpenedOutOfRange_HarmsOnlyItsRecord()
    {
        var bad = scene.Record(license).TrimEnd().TrimEnd('}') + ",\"opened\":-1}";

        var done = await scene.SendAsync(UsageScene.Array([scene.Record(license), bad, scene.Record(license)]));

        Assert.Equal(2, done.Accepted);
        var quarantined = Assert.Single(done.Quarantined);
        Assert.Equal(
            (1, UsageFault.OutOfRange, "opened must be from 0 to 1000000"), (quarantined.Index, quarantined.Code, quarantined.Detail));
    }

    [Theory]
    [InlineData(" EA-1 ", true)]
    [InlineData(null, true)]
    [InlineData("EA\t1", false)]
    [InlineData("EA\uFFFD", false)]
    [InlineData("", false)]
    [InlineData("\u3000", false)]
    public async Task RecordLicenseUsage_EaName_IsAcceptedOrQuarantinedAsInAMessage(string? name, bool isStored)
    {
        const string Call = "select record_license_usage(@TokenHash, @SubscriptionId::text, '198.51.100.7', @name, 1001)";

        await scene.Database.QueryAsync<Guid>(Call, new { license.TokenHash, license.SubscriptionId, name });
        await scene.Database.QueryAsync<Guid>(
            Call, new { license.TokenHash, license.SubscriptionId, name = new string('a', EaName.MaxLength + 1) });

        Assert.Equal(isStored ? 1L : 0, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.All(
            await scene.Database.QueryAllAsync<(string, string, string)>("select code, field, detail from usage_quarantine"),
            row => Assert.Equal((UsageFault.InvalidText, "ea_instance_id", "record_license_usage: ea_instance_id " + EaName.Rule), row));
        Assert.Equal(isStored ? 1L : 2, await scene.Database.QueryAsync<long>("select count(*) from usage_quarantine"));
    }

    [Fact]
    public async Task EaName_OfEveryCharacter_MeansTheSameInSql()
    {
        var characters = Enumerable.Range(1, 0x1FFFF).Where(Rune.IsValid).Select(code => new Rune(code).ToString()).ToList();
        string[] names =
        [
            "", .. characters, .. characters.Select(character => "A" + character), new('a', 100), new('a', 101),
            string.Concat(Enumerable.Repeat("😀", 100)), string.Concat(Enumerable.Repeat("😀", 101)),
        ];

        var valid = await scene.Database.QueryAllAsync<string>(
            "select name from unnest(@names) with ordinality as n (name, ordinal) where is_ea_name(name) order by ordinal", new { names });

        Assert.Equal(names.Where(EaName.IsValid), valid);
    }

    [Fact]
    public async Task Batch_OfSeveralMessages_KeepsTheIndexesAcrossMessages()
    {
        var messages = Enumerable.Range(0, 5)
            .Select(i => UsageScene.Array([scene.Record(license), scene.Record(license, address: i == 3 ? "x" : "198.51.100.4")]));

        var done = await scene.Ingest.RunAsync(
            [.. messages.Select(text => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text))], "queue",
                TestContext.Current.CancellationToken);

        Assert.Equal(9, done.Accepted);
        Assert.Equal(new QuarantinedRecord(7, UsageFault.InvalidAddress, "ip_address must be an IPv4 or IPv6 address"),
            Assert.Single(done.Quarantined));
    }

    [Fact]
    public async Task Batch_OfSeveralStatements_KeepsTheIndexesAndCountsEachRecordOnce()
    {
        var repeated = scene.Record(license);
        var messages = Enumerable.Range(0, 4).Select(i => UsageScene.Array(
            [.. Enumerable.Range(0, 400)
                .Select(n => n == 0 ? repeated : scene.Record(license, address: (i, n) == (3, 7) ? "x" : "198.51.100.4"))]));

        var done = await scene.Ingest.RunAsync(
            [.. messages.Select(text => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text))], "queue",
                TestContext.Current.CancellationToken);

        Assert.Equal((1596, 3), (done.Accepted, done.Duplicates));
        Assert.Equal(1207, Assert.Single(done.Quarantined).Index);
    }
}
