using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

/// <summary>The installation over tables of the contract that the platform's first version has created.</summary>
public sealed class UsageLogConversionTests(PostgresFixture postgres)
{
    private const string FirstVersion = """
        create table license_usage_log (
            log_id uuid primary key default uuid_generate_v4(), logged_at timestamptz not null default now(),
            token_hash varchar(255) not null, subscription_id uuid not null, ip_address inet, ea_instance_id varchar(100),
            mt5_account_number bigint, country_code char(2), city varchar(100), latitude numeric(10,8), longitude numeric(11,8),
            signals_received int default 0, signals_executed int default 0, signals_rejected int default 0,
            avg_latency_ms int, session_duration_sec int, device_label text);
        create index idx_usage_log_subscription on license_usage_log (subscription_id, logged_at desc);
        create view v_license_usage_24h as select subscription_id, count(*) as uses from license_usage_log group by 1;
        insert into license_usage_log (log_id, logged_at, token_hash, subscription_id, ip_address, country_code, latitude,
            signals_received, device_label)
        select md5(n::text)::uuid, now() - n * interval '40 days', 'hash-of-the-token', '33333333-3333-3333-3333-333333333333',
               '198.51.100.7', 'DE', 52.5, nullif(n, 3), 'attic'
        from generate_series(0, 12) n;
        """;

    [Fact]
    public async Task FirstVersion_IsConvertedWithItsRowsColumnsAndGrants()
    {
        await using var database = await PlatformAsync(FirstVersion);
        var reader = "reader_" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync(
            $"drop view v_license_usage_24h; create role {reader}; grant select, insert on license_usage_log to {reader}; " +
            $"grant update on license_usage_log to {reader} with grant option; grant select on license_usage_log to public; " +
            $"grant references (device_label) on license_usage_log to {reader}; grant update (city) on license_usage_log to public");

        await InstallAsync(database);

        Assert.NotNull(await database.QueryAsync<string?>("select usage_log_storage()"));
        Assert.Equal("13 attic 75 52.5", await database.QueryAsync<string>(
            "select count(*) || ' ' || min(device_label) || ' ' || sum(signals_received) || ' ' || max(latitude) from license_usage_log"));
        Assert.True(await database.QueryAsync<bool>(
            "select exists (select from license_usage_log where log_id = md5('12')::uuid and logged_at < now() - interval '479 days')"));
        Assert.True(await database.QueryAsync<bool>(
            $"""
            select bool_and(has_table_privilege('{reader}', 'license_usage_log', kept))
                   and has_column_privilege('{reader}', 'license_usage_log', 'device_label', 'references')
                   and exists (select from pg_class, aclexplode(relacl) acl
                               where oid = 'license_usage_log'::regclass and acl.grantee = 0 and acl.privilege_type = 'SELECT')
                   and exists (select from pg_attribute, aclexplode(attacl) acl
                               where attrelid = 'license_usage_log'::regclass and attname = 'city' and acl.grantee = 0)
            from unnest(array['select', 'insert', 'update with grant option']) as kept
            """));
        Assert.Equal("(logged_at, log_id)", await database.QueryAsync<string>(
            "select substring(pg_get_constraintdef(oid) from '\\(.*') from pg_constraint where conrelid = 'license_usage_log'::regclass " +
            "and contype = 'p'"));
        await database.ExecuteAsync($"drop owned by {reader}; drop role {reader}");
    }

    // The conversion into a hypertable copies them in the same way.
    [Fact]
    public async Task CopyUsageLogGrants_ToAnotherTable_KeepsPublicColumnsAndGrantOptions()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var reader = "reader_" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync(
            $"""
            create role {reader};
            grant select, insert on license_usage_log to {reader} with grant option;
            grant select on license_usage_log to public;
            grant update (city) on license_usage_log to {reader};
            create table usage_log_next (like license_usage_log);
            select copy_usage_log_grants('usage_log_next');
            """);

        const string Grants = """
            select string_agg(concat_ws(' ', grantee, privilege_type, is_grantable, attname), ', ' order by grantee, privilege_type)
            from (select relacl as acl, null as attname from pg_class where oid = @log::regclass
                  union all
                  select attacl, attname from pg_attribute where attrelid = @log::regclass) as granted, aclexplode(acl)
            where grantee <> (select relowner from pg_class where oid = @log::regclass)
            """;
        var before = await database.QueryAsync<string>(Grants, new { log = "license_usage_log" });
        Assert.Contains("UPDATE f city", before, StringComparison.Ordinal);
        Assert.Equal(before, await database.QueryAsync<string>(Grants, new { log = "usage_log_next" }));
        await database.ExecuteAsync($"drop owned by {reader}; drop role {reader}");
    }

    [Theory]
    [InlineData("create view theirs as select * from license_usage_log", "view theirs depends on table first_version_license_usage_log")]
    [InlineData("update license_usage_log set signals_received = -1 where log_id = md5('5')::uuid", "signals_not_negative")]
    [InlineData("alter table license_usage_log alter country_code type varchar(20); update license_usage_log set country_code = 'Germany'",
        "character(2)")]
    public async Task FirstVersion_ThatCantBeConverted_FailsWithTheNameAndChangesNothing(string obstacle, string named)
    {
        await using var database = await PlatformAsync(FirstVersion);
        await database.ExecuteAsync("drop view v_license_usage_24h");
        await database.ExecuteAsync(obstacle);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => InstallAsync(database));

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.Equal("r 13", await database.QueryAsync<string>(
            "select relkind::text || ' ' || (select count(*) from license_usage_log) from pg_class " +
            "where oid = 'license_usage_log'::regclass"));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from schema_migrations where name = '0002_licensing'"));
    }

    [Theory]
    [InlineData("create view license_usage_log as select 1 as log_id", "is not a table")]
    [InlineData("create table license_usage_log (log_id uuid, logged_at timestamptz, token_hash text) partition by hash (token_hash)",
        "HASH (token_hash)")]
    public async Task UsageLog_OfAnotherKind_FailsWithItsName(string found, string named)
    {
        await using var database = await PlatformAsync(found);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => InstallAsync(database));

        Assert.Contains("license_usage_log", refused.MessageText, StringComparison.Ordinal);
        Assert.Contains(named, refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FirstVersionsView_IsReplaced()
    {
        await using var database = await PlatformAsync(FirstVersion);

        await InstallAsync(database);

        Assert.Equal(1, await database.QueryAsync<int>("select count(unique_devices)::int from v_license_usage_24h"));
    }

    [Fact]
    public async Task FirstVersionsFunctions_AreReplaced()
    {
        await using var database = await PlatformAsync("""
            create function get_device_count(p_token_hash varchar) returns int language sql as 'select 7';
            create function is_license_expiring_soon(p_subscription_id uuid, p_days int default 7)
                returns boolean language sql as 'select true';
            create function record_license_usage(
                p_token_hash varchar, p_subscription_id uuid, p_ip inet, p_ea varchar, p_account bigint, p_received int default 1,
                p_executed int default 0, p_rejected int default 0, p_latency numeric default null)
            returns uuid language sql as 'select uuid_generate_v4()';
            create view v_license_health as select subscription_id, get_device_count(token_hash) as devices from license_tokens;
            create view v_renewal_candidates as select subscription_id, is_license_expiring_soon(subscription_id) as soon
                from license_tokens;
            """);

        await InstallAsync(database);

        Assert.Equal("0 false", await database.QueryAsync<string>(
            "select get_device_count('nobody') || ' ' || is_license_expiring_soon('33333333-3333-3333-3333-333333333333')"));
        Assert.Equal(1, await database.QueryAsync<int>("select count(health_score)::int from v_license_health"));
        await database.ExecuteAsync(
            "select record_license_usage('hash-of-the-token', '33333333-3333-3333-3333-333333333333', '192.0.2.1', 'EA-1', 1, 1, 0, 0, " +
            "NULL)");
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from license_usage_log"));
    }

    [Fact]
    public async Task FirstVersionsFunction_InUse_FailsTheInstallationWithItsName()
    {
        await using var database = await PlatformAsync("""
            create function get_device_count(p_token_hash varchar) returns int language sql as 'select 7';
            create view theirs as select get_device_count(token_hash) from license_tokens;
            """);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => InstallAsync(database));

        Assert.Contains("view theirs depends on function get_device_count", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherTablesOfTheContract_AreKeptAndCompleted()
    {
        await using var database = await PlatformAsync("""
            create table suspicious_activity_alerts (
                alert_id uuid primary key default uuid_generate_v4(), detected_at timestamptz default now(), subscription_id uuid,
                activity_type varchar(50), severity varchar(20), status varchar(20) default 'OPEN', operators_note text);
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, operators_note) values
                ('33333333-3333-3333-3333-333333333333', 'MULTIPLE_IPS', 'HIGH', 'kept');
            create table master_pricing (
                pricing_id uuid primary key default uuid_generate_v4(), master_id uuid unique references users (user_id),
                    monthly_fee_usd numeric(10,2));
            insert into master_pricing (master_id, monthly_fee_usd) values ('22222222-2222-2222-2222-222222222222', 49);
            """);

        await InstallAsync(database);

        Assert.Equal("kept OPEN NONE", await database.QueryAsync<string>(
            "select operators_note || ' ' || status || ' ' || auto_action_taken from suspicious_activity_alerts"));
        Assert.Equal("49.00 20.00 30", await database.QueryAsync<string>(
            "select monthly_fee_usd || ' ' || performance_fee_pct || ' ' || min_subscription_days from master_pricing"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() =>
            database.ExecuteAsync("update suspicious_activity_alerts set severity = 'SOME'"));
        Assert.Equal("severity_is_known", refused.ConstraintName);
    }

    [Fact]
    public async Task Row_ThatViolatesAConstraint_FailsTheInstallationWithItsName()
    {
        await using var database = await PlatformAsync("""
            create table master_pricing (pricing_id uuid primary key, master_id uuid, monthly_fee_usd numeric(10,2));
            insert into master_pricing values (uuid_generate_v4(), '22222222-2222-2222-2222-222222222222', -5);
            """);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => InstallAsync(database));

        Assert.Contains("monthly_fee_not_negative", refused.MessageText, StringComparison.Ordinal);
    }

    private async Task<TestDatabase> PlatformAsync(string found)
    {
        var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync(ExistingPlatform.Schema);
        await database.ExecuteAsync(ExistingPlatform.Data);
        await database.ExecuteAsync(found);
        return database;
    }

    private static async Task InstallAsync(TestDatabase database)
    {
        await using var source = NpgsqlDataSource.Create(database.ConnectionString + ";Include Error Detail=true");
        await new Migrations(source).RunAsync(_ => { }, TestContext.Current.CancellationToken);
    }
}
