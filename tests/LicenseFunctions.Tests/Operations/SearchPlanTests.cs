using System.Data;
using Dapper;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>What the operators' search reads in a database with thousands of customers, and what its indexes cost.</summary>
public sealed class SearchPlanTests(PostgresFixture postgres)
{
    private const string Fill = """
        create temp table n on commit drop as
        select i, (lpad(i::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid as id, md5(i::text) as hash
        from generate_series(1, 3000) i;
        insert into users (user_id, email, password_hash) select id, 'customer' || i || '@x.test', 'x' from n;
        insert into subscriptions (subscription_id, subscriber_id, master_id)
        select id, id, (select id from n where i = 1) from n where i > 1;
        insert into license_tokens (token_id, subscription_id, token_hash) select id, id, hash || hash from n where i > 1;
        insert into token_beginnings (token_id, subscription_id, beginning) select id, id, 'lic_' || left(hash, 8) from n where i > 1;
        insert into license_devices (device_id, subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, beyond_limit,
                                     first_seen_at, last_seen_at)
        select id, id, i || '|EA', 'EA-' || i, 500000 + i, '203.0.113.7', true, now(), now() from n where i > 1;
        insert into license_device_networks (device_id, network, first_seen_at, last_seen_at)
        select id, ('2001:db8:0:' || to_hex(i) || '::/64')::cidr, now(), now() from n where i > 1;
        insert into suspicious_activity_alerts (alert_id, subscription_id, activity_type, severity, evidence)
        select id, id, 'TOO_MANY_DEVICES', 'LOW', jsonb_build_object(
            case when i % 2 = 0 then 'refused_device' else 'newcomer' end, jsonb_build_object(
                'ea_instance_id', 'Out-' || i, 'mt5_account_number', 600000 + i, 'ip_address', '2001:db8:1:' || to_hex(i) || '::1'),
            'last_refused_device', jsonb_build_object(
                'ea_instance_id', 'Last-' || i, 'mt5_account_number', (700000 + i)::text,
                'ip_address', '::ffff:10.0.' || i / 256 || '.' || i % 256))
        from n where i > 1
        """;

    private const string Find = """
        select kind || ' ' || label
        from find_customers(@address, @account::bigint, @network::cidr, @first::uuid, @last::uuid, @token, @firstHash, @lastHash,
                            @beginning, @ea, @provider, @invoice, 8)
        """;

    // The rows that were read, and how many tables were read from the beginning to the end.
    private const string Reads = """
        select coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint as rows, coalesce(sum(seq_scan), 0)::bigint as scans
        from pg_stat_xact_user_tables
        """;

    private static readonly string[] Parameters =
        ["address", "account", "network", "first", "last", "token", "firstHash", "lastHash", "beginning", "ea", "provider", "invoice"];

    private const string Id1234 = "00001234-0000-4000-8000-000000000000";

    /// <summary>Each meaning of a text, but for a part of an address: that one reads the whole index of addresses.</summary>
    private static readonly (string Parameters, string Found)[] Meanings =
    [
        ("address=customer1234@x.test", "customer customer1234@x.test"),
        ("account=501234", "device EA-1234"),
        ("account=601234", "refused_device Out-1234"),
        ("account=601235", "refused_device Out-1235"),
        ("account=701234", "refused_device Last-1234"),
        ("network=2001:db8:0:4d2::/64", "device EA-1234"),
        ("network=2001:db8:1:4d2::/64", "refused_device Out-1234"),
        ("network=10.0.4.210/32", "refused_device Last-1234"),
        ("ea=ea-1234", "device EA-1234"),
        ("ea=out-1234", "refused_device Out-1234"),
        ("ea=out-1235", "refused_device Out-1235"),
        ("ea=last-1234", "refused_device Last-1234"),
        ("token=81dc9bdb52d04dc20036dbd8313ed05581dc9bdb52d04dc20036dbd8313ed055", "token 81dc9bdb52d0"),
        ("firstHash=81dc9bdb000 lastHash=81dc9bdbfff", "token 81dc9bdb52d0"),
        ("beginning=lic_81dc9b", "token 81dc9bdb52d0"),
        ("beginning=lic_81dc9bdb_and_the_rest", "token 81dc9bdb52d0"),
        ($"first={Id1234} last={Id1234}", "customer customer1234@x.test"),
        ("provider=pi_nothing", ""),
        ("invoice=NO-2026-000001", ""),
    ];

    [Theory]
    [InlineData("force_custom_plan")]
    [InlineData("force_generic_plan")]
    public async Task Find_ByEachMeaning_ReadsNoWholeTable(string planCacheMode)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var connection = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using (var filling = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await connection.ExecuteAsync(Fill);
            await filling.CommitAsync(TestContext.Current.CancellationToken);
        }

        await connection.ExecuteAsync($"analyze; set plan_cache_mode = {planCacheMode}; set enable_seqscan = off");

        foreach (var (parameters, expected) in Meanings)
        {
            var (found, rows, scans) = await FindAsync(connection, parameters);

            Assert.StartsWith(expected, found.FirstOrDefault() ?? "", StringComparison.Ordinal);
            Assert.True(found.Count > 0 == expected.Length > 0, parameters);
            Assert.True(scans == 0 && rows < 100, $"{parameters}: {scans} whole tables, {rows} rows");
        }
    }

    private static async Task<(List<string> Found, long Rows, long Scans)> FindAsync(NpgsqlConnection connection, string parameters)
    {
        var values = new DynamicParameters();
        foreach (var name in Parameters)
            values.Add(name, null, DbType.String);
        foreach (var pair in parameters.Split(' '))
            values.Add(pair[..pair.IndexOf('=', StringComparison.Ordinal)], pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..]);

        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var before = await connection.QuerySingleAsync<(long Rows, long Scans)>(Reads);
        var found = (await connection.QueryAsync<string>(Find, values)).AsList();
        var after = await connection.QuerySingleAsync<(long Rows, long Scans)>(Reads);
        return (found, after.Rows - before.Rows, after.Scans - before.Scans);
    }

    [Fact]
    public async Task Alert_OfARefusalThatRepeats_IsUpdatedWithoutItsIndexes()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var connection = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var license = Guid.Parse(Id1234);
        await connection.ExecuteAsync(
            """
            insert into users (user_id, email, password_hash) values (@license, 'a@x.test', 'x'), (gen_random_uuid(), 'b@x.test', 'x');
            insert into subscriptions (subscription_id, subscriber_id, master_id)
            select @license, @license, user_id from users where user_id <> @license
            """,
            new { license });

        for (var minute = 0; minute < 4; minute++)
        {
            await DeviceStore.AddRefusalAlertAsync(
                connection, license, "hash", "3|EA-3", "Refused",
                $$$"""
                {"device_key": "3|EA-3", "refused_device": {"ea_instance_id": "EA-3", "mt5_account_number": 3,
                 "ip_address": "203.0.113.7", "refused_at": "2026-11-28T23:0{{{minute}}}:00Z"}}
                """,
                new DateTimeOffset(2026, 11, 28, 23, minute, 0, TimeSpan.Zero), TestContext.Current.CancellationToken);
        }

        // HOT: PostgreSQL writes a new version of the row, and no index.
        Assert.Equal((3, 3), await connection.QuerySingleAsync<(int Updates, int Hot)>(
            """
            select n_tup_upd::int, n_tup_hot_upd::int from pg_stat_xact_user_tables where relname = 'suspicious_activity_alerts'
            """));
        Assert.Equal("EA-3 3 203.0.113.7/32", await connection.QuerySingleAsync<string>(
            "select concat_ws(' ', ea_instance_id, mt5_account_number, network) from refused_devices"));
    }

    [Theory]
    [InlineData("""{"refused_device": "EA-3"}""", "")]
    [InlineData("[1]", "")]
    [InlineData("null", "")]
    [InlineData("""{"refused_device": {"ea_instance_id": "EA-3", "mt5_account_number": -1, "ip_address": "somewhere"}}""", "f EA-3")]
    [InlineData("""{"refused_device": {"mt5_account_number": "7", "ip_address": 7}}""", "f 7")]
    [InlineData("""{"newcomer": {"ip_address": "2001:db8::1"}, "last_refused_device": {"ip_address": "::FFFF:10.1.2.3"}}""",
        "f 2001:db8::/64, t 10.1.2.3/32")]
    public async Task RefusedDevices_OfAnyEvidence_AreThoseThatItNames(string evidence, string expected)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            with people as (
                insert into users (email, password_hash) values ('a@x.test', 'x'), ('b@x.test', 'x') returning user_id),
            license as (
                insert into subscriptions (subscriber_id, master_id)
                select min(user_id::text)::uuid, max(user_id::text)::uuid from people returning subscription_id)
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, evidence)
            select subscription_id, 'TOO_MANY_DEVICES', 'LOW', case n when 1 then @evidence::jsonb end from license, generate_series(1, 2) n
            """,
            new { evidence });
        var named = await NamedAsync();
        await database.ExecuteAsync("update suspicious_activity_alerts set evidence = @evidence::jsonb", new { evidence });
        var changed = await NamedAsync();
        await database.ExecuteAsync("update suspicious_activity_alerts set evidence = null");

        Assert.Equal((expected, string.Join(", ", new[] { expected, expected }.Where(text => text.Length > 0))), (named, changed));
        Assert.Equal("", await NamedAsync());

        async Task<string> NamedAsync() => string.Join(", ", await database.QueryAllAsync<string>(
            """
            select concat_ws(' ', is_last, ea_instance_id, mt5_account_number, network) from refused_devices order by alert_id, is_last
            """));
    }
}
