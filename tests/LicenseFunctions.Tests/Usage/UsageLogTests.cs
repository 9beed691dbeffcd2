using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>license_usage_log with native weekly partitions, or with TimescaleDB if the server has it.</summary>
public sealed class UsageLogTests(PostgresFixture postgres)
{
    private const string InsertDaily = """
        insert into license_usage_log (logged_at, token_hash, subscription_id, ea_instance_id, mt5_account_number)
        select now() - n * interval '1 day', 'hash', '33333333-3333-3333-3333-333333333333', 'EA-1', 1001 from generate_series(0, @days) n
        """;

    private const string Partitions = """
        select substring(inhrelid::regclass::text from 'w(\d+)$') from pg_inherits
            where inhparent = 'license_usage_log'::regclass order by 1
        """;

    [Fact]
    public async Task Server_WithTimescaleDb_StoresAHypertable()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var preloaded = await database.QueryAsync<bool>(
            "select exists (select from pg_settings where name = 'timescaledb.max_background_workers')");
        await Console.Error.WriteLineAsync(preloaded
            ? $"NOTE: TimescaleDB under the license {await database.QueryAsync<string>("show timescaledb.license")}: these tests run on " +
                "a hypertable."
            : "NOTE: this server has NO TimescaleDB: these tests run on native partitions; " +
              "tests/timescale installs the schema on a hypertable.");

        Assert.Equal(preloaded ? "hypertable" : "partitions", await database.QueryAsync<string>("select usage_log_storage()"));
    }

    [Fact]
    public async Task FreshInstallation_HasPartitionsFrom13WeeksBackTo8Ahead()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.SkipOnHypertableAsync();

        var weeks = await database.QueryAllAsync<string>(Partitions);

        var expected = await database.QueryAllAsync<string>(
            "select to_char(date_trunc('week', now() at time zone 'UTC') + n * interval '7 days', 'YYYYMMDD') " +
            "from generate_series(-13, 8) n");
        Assert.Equal(expected, weeks);
    }

    [Fact]
    public async Task EnsureUsagePartitions_SeveralAtOnce_CreateEachMissingWeekOnce()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.SkipOnHypertableAsync();

        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => database.QueryAsync<int>(
            "select ensure_usage_partitions('2031-03-09 23:59:59Z', '2031-03-31 00:00Z')")));

        Assert.Equal(5, made.Sum());
        Assert.Equal(["20310303", "20310310", "20310317", "20310324", "20310331"],
            (await database.QueryAllAsync<string>(Partitions)).Where(week => week.StartsWith("2031", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task EnsureUsagePartitions_DuringAnOpenInsert_DoesNotWaitForIt()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var inserting = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var open = await inserting.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var insert = new NpgsqlCommand(
            "insert into license_usage_log (token_hash, subscription_id) values ('hash', uuid_generate_v4())", inserting);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var made = await database.QueryAsync<int>(
            "select ensure_usage_partitions('2031-03-05Z', '2031-03-05Z') from set_config('lock_timeout', '1s', false)");

        Assert.Equal(1, made);
    }

    [Fact]
    public async Task EnsureUsagePartitions_ForMoreThanAYear_Raises()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.QueryAsync<int>(
            "select ensure_usage_partitions('1970-01-01Z', '2031-03-05Z')"));

        Assert.Equal(PostgresErrorCodes.InvalidParameterValue, refused.SqlState);
    }

    [Fact]
    public async Task RecordLicenseUsage_ThisWeeksPartitionIsMissing_CreatesIt()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.SkipOnHypertableAsync();

        await database.ExecuteAsync("""
            do $$ declare week text; begin
                for week in select inhrelid::regclass from pg_inherits where inhparent = 'license_usage_log'::regclass loop
                    execute 'drop table ' || week;
                end loop;
            end $$
            """);

        await database.QueryAsync<Guid>("select record_license_usage('hash', uuid_generate_v4(), '198.51.100.7'::inet, 'EA-1', 1001)");

        Assert.Single(await database.QueryAllAsync<string>(Partitions));
    }

    [Theory]
    [InlineData("select record_license_usage('hash', '33333333-3333-3333-3333-333333333333', '198.51.100.7', 'EA-1', 1001, 1, 0, 0, null)")]
    [InlineData("select record_license_usage('hash', '33333333-3333-3333-3333-333333333333'::uuid, '198.51.100.7'::inet, 'EA-1', 1001)")]
    [InlineData("select record_license_usage('hash'::varchar, '33333333-3333-3333-3333-333333333333'::uuid, '198.51.100.7'::inet, " +
        "'EA-1'::varchar, 1001::bigint, 1, 0, 0, 25)")]
    [InlineData("select record_license_usage('hash'::text, '33333333-3333-3333-3333-333333333333'::text, '198.51.100.7'::text, " +
        "'EA-1'::text, 1001::bigint, 1, 0, 0, null)")]
    [InlineData("prepare p(text, text, text, text, bigint) as select record_license_usage($1, $2, $3, $4, $5, 1, 0, 0, null); "
        + "execute p('hash', '33333333-3333-3333-3333-333333333333', '198.51.100.7', 'EA-1', 1001)")]
    [InlineData("prepare p as select record_license_usage($1, $2, $3, $4, $5, 1, 0, 0, null); "
        + "execute p('hash', '33333333-3333-3333-3333-333333333333', '198.51.100.7', 'EA-1', 1001)")]
    [InlineData("select record_license_usage(token_hash => 'hash', subscription_id => '33333333-3333-3333-3333-333333333333', "
        + "ip => '198.51.100.7', ea_instance_id => 'EA-1', mt5_account => 1001, received => 1)")]
    public async Task RecordLicenseUsage_ParametersOfAnyType_LogsAndUpdatesTheToken(string call)
    {
        await using var database = await LicenseAsync();

        await using var connection = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        foreach (var statement in call.Split("; "))
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal("33333333-3333-3333-3333-333333333333 198.51.100.7 EA-1 1001 1 0 0", await database.QueryAsync<string>("""
            select concat_ws(' ', subscription_id, host(ip_address), ea_instance_id, mt5_account_number, signals_received,
                signals_executed, signals_rejected)
            from license_usage_log where token_hash = 'hash'
            """));
        Assert.Equal("198.51.100.7 true", await database.QueryAsync<string>(
            """
            select host(ip_address) || ' ' || (last_used_at > now() - interval '1 minute')
            from license_tokens where token_hash = 'hash'
            """));
    }

    [Fact]
    public async Task GetDeviceCount_CountsInstanceAndAccountNotAddress()
    {
        await using var database = await LicenseAsync();
        await database.ExecuteAsync("""
            insert into license_usage_log (logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number)
            select now() - days * interval '1 day', hash, '33333333-3333-3333-3333-333333333333', ip::inet, ea, account
            from (values ('hash', 0, '198.51.100.1', 'EA-1', 1001), ('hash', 1, '198.51.100.2', 'EA-1', 1001),
                         ('hash', 29, '198.51.100.1', 'EA-1', 1002), ('hash', 31, '198.51.100.1', 'EA-9', 1001),
                         ('other', 0, '198.51.100.1', 'EA-8', 1001)) as seen (hash, days, ip, ea, account)
            """);

        Assert.Equal(2, await database.QueryAsync<int>("select get_device_count('hash')"));
        Assert.Equal(0, await database.QueryAsync<int>("select get_device_count('nobody')"));
    }

    [Fact]
    public async Task DropExpiredUsage_DropsWeeksOlderThan90Days_OldestFirst_FourPerCall()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("select ensure_usage_partitions(now() - interval '150 days', now())");
        await database.ExecuteAsync(InsertDaily, new { days = 140 });
        var youngest = await database.QueryAsync<int>(
            "select count(*)::int from license_usage_log where logged_at > now() - interval '90 days'");

        var dropped = new List<int>();
        do
            dropped.Add((await database.QueryAllAsync<string>("select drop_expired_usage(most => 3)")).Count);
        while (dropped[^1] == 3);

        // 140 days contain at least six whole weeks that ended more than 90 days ago.
        Assert.InRange(dropped.Sum(), 6, 10);
        Assert.Empty(await database.QueryAllAsync<string>("select drop_expired_usage()"));
        Assert.Equal(youngest,
            await database.QueryAsync<int>("select count(*)::int from license_usage_log where logged_at > now() - interval '90 days'"));
        Assert.Equal(0, await database.QueryAsync<int>(
            "select count(*)::int from license_usage_log where logged_at < now() - interval '97 days'"));
    }

    [Fact]
    public async Task DropExpiredUsage_DuringARead_StopsAndContinuesAtTheNextCall()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("select ensure_usage_partitions('2025-01-06Z', '2025-01-13Z')");
        await using (var reading = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using var open = await reading.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var read = new NpgsqlCommand("select count(*) from license_usage_log", reading);
            await read.ExecuteScalarAsync(TestContext.Current.CancellationToken);

            Assert.Empty(await database.QueryAllAsync<string>("select drop_expired_usage()"));
        }

        // Two weekly partitions, or two chunks, which begin on Thursdays. On Sundays, the oldest week of a new log has expired, too.
        const string Old = "select count(*)::int from usage_log_parts() where ends_at < '2025-02-01Z'";
        Assert.Equal(2, await database.QueryAsync<int>(Old));
        Assert.InRange((await database.QueryAllAsync<string>("select drop_expired_usage(most => 4)")).Count, 2, 3);
        Assert.Equal(0, await database.QueryAsync<int>(Old));
    }

    [Theory]
    [InlineData("interval '1 hour', 4")]
    [InlineData("interval '90 days', 0")]
    public async Task DropExpiredUsage_InvalidArguments_Raises(string arguments)
    {
        await using var database = await postgres.NewDatabaseAsync();

        var refused = await Assert.ThrowsAsync<PostgresException>(() =>
            database.QueryAllAsync<string>($"select drop_expired_usage({arguments})"));

        Assert.Equal(PostgresErrorCodes.InvalidParameterValue, refused.SqlState);
    }

    [Fact]
    public async Task Record_IsIdentifiedByTimeAndId()
    {
        await using var database = await postgres.NewDatabaseAsync();
        const string Insert = """
            insert into license_usage_log (log_id, logged_at, token_hash, subscription_id)
            values ('44444444-4444-4444-4444-444444444444', @at, 'hash', '33333333-3333-3333-3333-333333333333')
            on conflict (logged_at, log_id) do nothing
            """;
        var at = await database.QueryAsync<DateTime>("select now()");

        Assert.Equal(1, await database.ExecuteAsync(Insert, new { at }));
        Assert.Equal(0, await database.ExecuteAsync(Insert, new { at }));
    }

    [Fact]
    public async Task UsageLog_HasOnlyTheContractsIndexes()
    {
        await using var database = await postgres.NewDatabaseAsync();

        var indexes = await database.QueryAllAsync<string>("""
            select substring(pg_get_indexdef(indexrelid) from '\(.*\)') from pg_index
                where indrelid = 'license_usage_log'::regclass order by 1
            """);

        Assert.Equal(["(ip_address, logged_at DESC)", "(logged_at, log_id)", "(subscription_id, logged_at DESC)",
            "(token_hash, logged_at DESC)"], indexes);
    }

    private async Task<TestDatabase> LicenseAsync()
    {
        var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("""
            insert into users (user_id, email, role) values
                ('11111111-1111-1111-1111-111111111111', 'subscriber@example.test', 'subscriber'),
                ('22222222-2222-2222-2222-222222222222', 'master@example.test', 'master');
            insert into subscriptions (subscription_id, subscriber_id, master_id) values
                ('33333333-3333-3333-3333-333333333333', '11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222');
            insert into license_tokens (subscription_id, token_hash) values ('33333333-3333-3333-3333-333333333333', 'hash');
            """);
        return database;
    }
}
