using System.Text.RegularExpressions;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>The installation: in an empty database, beside a platform, twice, concurrently, with psql and with the tool.</summary>
public sealed class MigrationsTests(PostgresFixture postgres)
{
    private static readonly string[] MigrationNames = Files("migrations");

    /// <summary>The tables and views of the contract with their columns; additional columns are allowed.</summary>
    private static readonly Dictionary<string, string> ContractColumns = new()
    {
        { "users", "user_id email password_hash role is_active trust_score created_at updated_at last_login_at" },
        { "user_wallets", "wallet_id user_id balance_usd reserved_usd lifetime_deposits lifetime_fees version created_at updated_at" },
        {
            "subscriptions",
            "subscription_id subscriber_id master_id state last_sequence_id last_signal_at high_water_mark total_profit_usd " +
            "total_fees_paid "
            + "max_price_deviation max_ttl_ms is_active created_at updated_at paused_at paused_reason"
        },
        {
            "license_tokens",
            "token_id subscription_id token_hash ea_instance_id last_used_at ip_address is_active expires_at created_at revoked_at " +
            "revoked_reason metadata"
        },
        {
            "billing_ledger",
            "ledger_id user_id wallet_id entry_type amount_usd balance_before balance_after profit_amount hwm_before hwm_after " +
            "fee_percentage "
            + "reference_id description metadata created_at created_by"
        },
        {
            "user_payment_methods",
            "payment_method_id user_id payment_provider provider_customer_id provider_payment_id payment_type last_four brand expiry_month "
            + "expiry_year is_default is_active billing_address created_at updated_at last_used_at"
        },
        {
            "master_pricing",
            "pricing_id master_id performance_fee_pct monthly_fee_usd min_subscription_days trial_days max_subscribers min_deposit_usd "
            + "is_active created_at updated_at"
        },
        {
            "license_usage_log",
            "log_id logged_at token_hash subscription_id ip_address ea_instance_id mt5_account_number country_code city latitude longitude "
            + "signals_received signals_executed signals_rejected avg_latency_ms session_duration_sec"
        },
        {
            "license_renewal_history",
            "renewal_id attempted_at subscription_id user_id renewal_type amount_usd previous_expiry new_expiry payment_method_id "
            + "payment_provider payment_transaction_id status failure_reason metadata"
        },
        {
            "suspicious_activity_alerts",
            "alert_id detected_at subscription_id user_id token_hash activity_type severity description evidence status resolved_at "
            + "resolved_by resolution_notes auto_action_taken"
        },
        {
            "v_license_health",
            "subscription_id subscriber_id email is_active expires_at status days_until_expiry device_count last_used_at hours_since_use "
            + "open_alerts health_score"
        },
        {
            "v_license_usage_24h",
            "subscription_id unique_ips unique_devices total_signals_received total_signals_executed total_signals_rejected " +
            "avg_latency_ms last_activity"
        },
        {
            "v_renewal_candidates",
            "subscription_id subscriber_id email expires_at days_until_expiry renewal_fee wallet_balance has_sufficient_balance "
            + "default_payment_method auto_renew_enabled"
        },
    };

    [Fact]
    public async Task Run_OnAnEmptyDatabase_CreatesTheContractsColumns()
    {
        await using var database = await postgres.NewDatabaseAsync();

        var present = await database.QueryAllAsync<string>(
            "select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'");

        Assert.Empty(ContractColumns.SelectMany(table => table.Value.Split(' '), (table, column) => $"{table.Key}.{column}")
            .Except(present));
    }

    [Fact]
    public async Task Run_ASecondTime_ChangesNothing()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        Assert.True(await RunAsync(database));
        var before = await StateAsync(database);

        Assert.False(await RunAsync(database));
        Assert.Equal(before, await StateAsync(database));
        Assert.DoesNotContain("installing", await Psql.InstallAsync(database), StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync(database));
    }

    [Fact]
    public async Task Run_AfterPsql_ChangesNothing()
    {
        await using var byPsql = await postgres.NewEmptyDatabaseAsync();
        await using var byTool = await postgres.NewDatabaseAsync();

        await Psql.InstallAsync(byPsql);

        Assert.False(await RunAsync(byPsql));
        Assert.Equal(await SchemaDump.ReadAsync(byTool), await SchemaDump.ReadAsync(byPsql));
    }

    [Fact]
    public async Task Psql_FromAnotherFolder_InstallsToo()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();

        await Psql.RunAsync("psql", database, Path.GetTempPath(), "-X", "-f",
            Path.Combine(Psql.SqlFolder(), "schema_license_extensions.sql"));

        Assert.False(await RunAsync(database));
    }

    [Fact]
    public async Task Psql_MigrationFails_NamesTheErrorAndStops()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync("create view license_usage_log as select 1 as log_id");

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Psql.RunAsync("psql", database, Psql.SqlFolder(), "-X", "-c", "\\i schema_license_extensions.sql"));

        Assert.Contains("license_usage_log is not a table", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["0001_platform"], await database.QueryAllAsync<string>("select name from schema_migrations"));
    }

    [Fact]
    public async Task Run_TenAtOnceByPsqlAndTool_InstallsOnce()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        var installed = new List<string>();
        void Report(string line)
        {
            lock (installed)
                installed.Add(line);
        }

        var byTool = Enumerable.Range(0, 5)
            .Select(_ => new Migrations(database.Source).RunAsync(Report, TestContext.Current.CancellationToken));
        var byPsql = Enumerable.Range(0, 5).Select(async _ =>
        {
            foreach (var line in (await Psql.InstallAsync(database)).Split('\n'))
                Report(line);
            return true;
        });
        await Task.WhenAll(byTool.Concat(byPsql));

        Assert.Equal(MigrationNames.Select(name => $"installing {name}").Order(),
            installed.Where(line => line.StartsWith("installing ", StringComparison.Ordinal)).Order());
        Assert.Equal(MigrationNames, await database.QueryAllAsync<string>("select name from schema_migrations order by name"));
    }

    [Theory]
    [InlineData("migrations", @"^\\set migration (\w+)$")]
    [InlineData("repeatable", @"^\\ir repeatable/(\w+)\.sql$")]
    public void PsqlEntry_NamesEveryFileOnceInOrder(string folder, string line)
    {
        var entry = File.ReadAllText(Path.Combine(Psql.SqlFolder(), "schema_license_extensions.sql"));

        Assert.Equal(Files(folder), Regex.Matches(entry, line, RegexOptions.Multiline).Select(match => match.Groups[1].Value));
    }

    [Fact]
    public async Task Run_AfterAChangeOfAView_ReplacesItOnce()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            "create or replace function get_device_count(token_hash varchar) returns int language sql as 'select 7'");

        Assert.True(await RunAsync(database));
        Assert.Equal(0, await database.QueryAsync<int>("select get_device_count('nobody')"));
        Assert.False(await RunAsync(database));
    }

    [Fact]
    public async Task Run_WithAFunctionOfFewerParameters_ReplacesItAndKeepsItsGrants()
    {
        var role = $"ingest_{Guid.NewGuid():N}";
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            $"""
            create role {role};
            create function record_license_usage(
                token_hash text, subscription_id text, ip text, ea_instance_id text, mt5_account bigint,
                received int default 1, executed int default 0, rejected int default 0, avg_latency_ms int default null)
            returns uuid language sql as 'select uuid_generate_v4()';
            revoke execute on function record_license_usage(text, text, text, text, bigint, int, int, int, int) from public;
            grant execute on function record_license_usage(text, text, text, text, bigint, int, int, int, int) to {role};
            """);
        try
        {
            Assert.True(await RunAsync(database));

            Assert.Equal(
                [(11, true, false), (11, false, true)],
                await database.QueryAllAsync<(int, bool, bool)>(
                    $"""
                    select pronargs::int, has_function_privilege('{role}', oid, 'execute') and proacl is not null,
                           has_function_privilege('public', oid, 'execute')
                    from pg_proc where proname = 'record_license_usage' order by proacl is null
                    """));
        }
        finally
        {
            await database.ExecuteAsync($"drop owned by {role}; drop role {role}");
        }
    }

    [Fact]
    public async Task DaysSeen_OfDevicesFromBeforeLeases_AreThoseWithUsage()
    {
        await using var usage = await UsageScene.NewAsync(postgres);
        var license = await usage.LicenseAsync();
        foreach (var ea in (string[])["EA-1", "EA-2"])
        {
            await usage.DeviceAsync(license, $"1001|{ea}", ea, 1001, "198.51.100.4", usage.Now.UtcDateTime);
            await usage.Database.ExecuteAsync(
                "update license_devices set first_seen_at = @first where ea_instance_id = @ea",
                new { ea, first = usage.Now.UtcDateTime.AddDays(ea == "EA-1" ? -60 : -1.5) });
        }

        const int Day = 86_400;
        await usage.SendAsync(UsageScene.Array(
            ((int[])[0, Day, 4 * Day, 20 * Day, 40 * Day]).SelectMany(ago => (string[])
            [
                usage.Record(license, secondsAgo: ago, ea: "EA-1"), usage.Record(license, secondsAgo: ago, ea: "EA-2"),
            ])));
        await usage.Database.ExecuteAsync("update license_devices set days_seen = 1");
        var migration = Repository.Read("sql/migrations/0036_close_only_openings.sql");
        var from = migration.IndexOf("update license_devices", StringComparison.Ordinal);

        await usage.Database.ExecuteAsync(migration[from..(migration.IndexOf("seen.days;", from, StringComparison.Ordinal) + 10)]);

        Assert.Equal(
            ["EA-1 4", "EA-2 2"],
            await usage.Database.QueryAllAsync<string>("select ea_instance_id || ' ' || days_seen from license_devices order by 1"));
    }

    [Fact]
    public async Task Run_WithNothingToChangeBesideAReader_DoesNotWait()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var reader = await ReadingAsync(database);

        Assert.False(await RunAsync(database));
    }

    [Fact]
    public async Task Run_WithAChangedViewBesideAReader_LetsOthersPassAndRepeats()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync("update schema_fingerprints set files = 'older'; drop function get_device_count");
        var reader = await ReadingAsync(database);
        var waited = new TaskCompletionSource<string>();

        var migrating = new Migrations(database.Source).RunAsync(line => waited.TrySetResult(line), TestContext.Current.CancellationToken);
        Assert.StartsWith("views and functions: other sessions use the tables", await waited.Task, StringComparison.Ordinal);
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from v_current_license_tokens"));
        await reader.DisposeAsync();

        Assert.True(await migrating);
        Assert.Equal(0, await database.QueryAsync<int>("select get_device_count('nobody')"));
    }

    private static async Task<NpgsqlConnection> ReadingAsync(TestDatabase database)
    {
        var reader = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await reader.ExecuteAsync("begin; select from v_current_license_tokens; select from v_license_health");
        return reader;
    }

    [Fact]
    public async Task Run_BesideAPlatformWithData_ChangesNothingButTheAdditions()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        await database.ExecuteAsync(ExistingPlatform.Schema);
        await database.ExecuteAsync(ExistingPlatform.Data);
        var before = await PlatformAsync(database);

        await RunAsync(database);

        Assert.Equal(before, await PlatformAsync(database));
        Assert.Equal(1, await database.QueryAsync<int>(
            "select count(*)::int from v_license_health where email = 'subscriber@example.test'"));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from pg_proc where proname = 'debit_wallet'"));
    }

    [Fact]
    public async Task Run_UuidOsspNotAllowed_DefinesItsFunction()
    {
        await using var database = await postgres.NewEmptyDatabaseAsync();
        var role = "modest_" + Guid.NewGuid().ToString("N");
        await database.ExecuteAsync($"create role {role} login password 'x'; grant usage, create on schema public to {role}");
        await using var modest = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString)
            {
                Username = role,
                Password = "x",
                Pooling = false
            }.ConnectionString);

        await new Migrations(modest).RunAsync(_ => { }, TestContext.Current.CancellationToken);

        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from pg_extension where extname = 'uuid-ossp'"));
        Assert.Equal(4, await database.QueryAsync<int>("select substr(uuid_generate_v4()::text, 15, 1)::int"));
        await database.ExecuteAsync($"drop owned by {role}; drop role {role}");
    }

    private static Task<bool> RunAsync(TestDatabase database) =>
        new Migrations(database.Source).RunAsync(_ => { }, TestContext.Current.CancellationToken);

    private static string[] Files(string folder) =>
        [.. Directory.GetFiles(Path.Combine(Psql.SqlFolder(), folder), "*.sql").Select(file => Path.GetFileNameWithoutExtension(file))
            .Order(StringComparer.Ordinal)];

    /// <summary>The versions of the catalog's rows that a change would modify.</summary>
    private static Task<string> StateAsync(TestDatabase database) => database.QueryAsync<string>("""
        select string_agg(item, e'\n' order by item) from (
            select 'class ' || relname || ' ' || xmin from pg_class where relnamespace = 'public'::regnamespace
            union all select 'function ' || proname || ' ' || xmin from pg_proc where pronamespace = 'public'::regnamespace
            union all select 'rule ' || oid || ' ' || xmin from pg_rewrite
            union all select 'trigger ' || tgname || ' ' || xmin from pg_trigger
            union all select 'constraint ' || conname || ' ' || xmin from pg_constraint
            union all select 'fingerprint ' || files || definitions || ' ' || xmin from schema_fingerprints
            union all select 'journal ' || name || ' ' || installed_at || ' ' || xmin from schema_migrations) as items (item)
        """);

    /// <summary>Everything in the platform's tables except the two additions that the contract allows.</summary>
    private static Task<string> PlatformAsync(TestDatabase database) => database.QueryAsync<string>("""
        with platform as (
            select unnest(array['users', 'user_wallets', 'subscriptions', 'license_tokens', 'billing_ledger'])::regclass as oid)
        select string_agg(item, e'\n' order by item) from (
            select a.attrelid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
            from pg_attribute a join platform p on p.oid = a.attrelid
            where a.attnum > 0 and (a.attrelid::regclass::text, a.attname) <> ('license_tokens', 'metadata')
            union all select pg_get_indexdef(i.indexrelid) from pg_index i join platform p on p.oid = i.indrelid
            union all select c.conrelid::regclass || ' ' || pg_get_constraintdef(c.oid) from pg_constraint c
                join platform p on p.oid = c.conrelid
            union all select pg_get_triggerdef(t.oid) from pg_trigger t join platform p on p.oid = t.tgrelid
                      where not t.tgisinternal and t.tgrelid <> 'license_tokens'::regclass
            union all select pg_get_functiondef(f.oid) from pg_proc f
                      where f.proname in ('credit_wallet', 'update_updated_at_column', 'uuid_generate_v4')
            union all select u::text from users u
            union all select w::text from user_wallets w
            union all select s::text from subscriptions s
            union all select row(t.token_id, t.subscription_id, t.token_hash, t.is_active, t.expires_at, t.revoked_at)::text
                from license_tokens t
            union all select l::text from billing_ledger l) as items (item)
        """);
}
