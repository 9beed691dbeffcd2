using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>The guide's statements, unchanged, and the results of its views and functions.</summary>
public sealed class GuideStatementsTests(PostgresFixture postgres)
{
    private const string Subscription = "33333333-3333-3333-3333-333333333333";

    [Theory]
    [InlineData("""
        SELECT * FROM suspicious_activity_alerts 
        WHERE subscription_id = 'uuid' 
        ORDER BY detected_at DESC LIMIT 1;
        """)]
    [InlineData("""
        UPDATE license_tokens
        SET is_active = TRUE,
            revoked_at = NULL,
            revoked_reason = NULL
        WHERE subscription_id = 'uuid';
        """)]
    [InlineData("""
        UPDATE suspicious_activity_alerts
        SET status = 'FALSE_POSITIVE',
            resolved_at = NOW(),
            resolution_notes = 'User has legitimate backup VPS'
        WHERE alert_id = 'alert-uuid';
        """)]
    [InlineData("""
        SELECT * FROM license_renewal_history
        WHERE subscription_id = 'uuid'
        ORDER BY attempted_at DESC
        LIMIT 10;
        """)]
    [InlineData("""
        SELECT balance_usd FROM user_wallets
        WHERE user_id = (
            SELECT subscriber_id FROM subscriptions WHERE subscription_id = 'uuid'
        );
        """)]
    [InlineData("""
        SELECT * FROM user_payment_methods
        WHERE user_id = (
            SELECT subscriber_id FROM subscriptions WHERE subscription_id = 'uuid'
        )
        AND is_default = TRUE;
        """)]
    [InlineData("""
        UPDATE license_tokens
        SET expires_at = NOW() + INTERVAL '3 days',
            metadata = jsonb_set(
                COALESCE(metadata, '{}'::jsonb),
                '{auto_renew}',
                'true'
            )
        WHERE subscription_id = 'uuid'
        """)]
    [InlineData("SELECT expires_at FROM license_tokens WHERE subscription_id = 'uuid'")]
    [InlineData("SELECT * FROM v_renewal_candidates WHERE subscription_id = 'uuid'")]
    [InlineData("SELECT subscription_id, health_score FROM v_license_health")]
    [InlineData("""
        SELECT 
            ip_address,
            ea_instance_id,
            mt5_account_number,
            country_code,
            city,
            MAX(logged_at) as last_seen,
            COUNT(*) as usage_count
        FROM license_usage_log
        WHERE subscription_id = 'uuid'
          AND logged_at > NOW() - INTERVAL '30 days'
        GROUP BY ip_address, ea_instance_id, mt5_account_number, country_code, city
        ORDER BY last_seen DESC
        """)]
    public async Task GuidesStatement_FindsOneRow(string statement)
    {
        await using var database = await LicenseAsync("now() + interval '3 days'");
        var alert = await database.QueryAsync<Guid>(
            $"select create_suspicious_activity_alert('{Subscription}', 'MULTIPLE_IPS', 'HIGH', 'five addresses in a day', " +
            "'{\"ips\": 5}')");
        await database.ExecuteAsync($"""
            insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status)
                values ('{Subscription}', 'auto', 49, 'failed');
            insert into user_payment_methods (user_id, payment_provider, provider_payment_id, is_default)
            select subscriber_id, 'stripe', 'pm_1', true from subscriptions;
            select record_license_usage('hash', '{Subscription}', '198.51.100.7', 'EA-1', 1001)
            """);

        await using var connection = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(
            statement.Replace("alert-uuid", $"{alert}", StringComparison.Ordinal).Replace("uuid", Subscription, StringComparison.Ordinal),
                connection);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);

        Assert.True(reader.RecordsAffected == 1
            || (await reader.ReadAsync(TestContext.Current.CancellationToken)
            && !await reader.ReadAsync(TestContext.Current.CancellationToken)));
    }

    [Theory]
    [InlineData("now() + interval '7 days 1 minute'", false)]
    [InlineData("now() + interval '6 days 23 hours'", true)]
    [InlineData("now() - interval '2 days 23 hours'", true)]
    [InlineData("now() - interval '3 days 1 minute'", false)]
    [InlineData("null", false)]
    public async Task RenewalCandidates_AreThoseFrom7DaysBeforeExpiryTo3After(string expiry, bool candidate)
    {
        await using var database = await LicenseAsync(expiry);

        Assert.Equal(candidate ? 1 : 0, (await database.QueryAllAsync<Guid>("select subscription_id from v_renewal_candidates")).Count);
    }

    [Theory]
    [InlineData("update license_tokens set is_active = false, revoked_at = now()")]
    [InlineData("update subscriptions set state = 'SUSPENDED_ADMIN'")]
    [InlineData("update subscriptions set is_active = false")]
    public async Task RenewalCandidates_LeaveOutWhatIsNotActive(string change)
    {
        await using var database = await LicenseAsync("now() + interval '3 days'");
        await database.ExecuteAsync(change);

        Assert.Empty(await database.QueryAllAsync<Guid>("select subscription_id from v_renewal_candidates"));
    }

    [Theory]
    [InlineData("", "none 100 false - false 2")]
    [InlineData("insert into master_pricing (master_id, monthly_fee_usd, is_active) select master_id, 100, false from subscriptions",
        "none 100 false - false 2")]
    [InlineData("insert into master_pricing (master_id) select master_id from subscriptions", "0 100 true - false 2")]
    [InlineData("insert into master_pricing (master_id) select master_id from subscriptions; delete from user_wallets",
        "0 0 true - false 2")]
    [InlineData("insert into master_pricing (master_id, monthly_fee_usd) select master_id, 100 from subscriptions",
        "100 100 true - false 2")]
    [InlineData("insert into master_pricing (master_id, monthly_fee_usd) select master_id, 100.01 from subscriptions",
        "100.01 100 false - false 2")]
    [InlineData("insert into master_pricing (master_id, monthly_fee_usd) select master_id, 100 from subscriptions; update user_wallets " +
        "set reserved_usd = 0.01",
        "100 100 false - false 2")]
    [InlineData("delete from user_wallets", "none 0 false - false 2")]
    [InlineData("update license_tokens set metadata = '{\"auto_renew\": true}'", "none 100 false - true 2")]
    [InlineData("update license_tokens set metadata = '{\"auto_renew\": \"maybe\"}'", "none 100 false - false 2")]
    [InlineData("insert into user_payment_methods (payment_method_id, user_id, payment_provider, provider_payment_id, is_default) "
        + "select '66666666-6666-6666-6666-666666666666', subscriber_id, 'stripe', 'pm_1', true from subscriptions",
        "none 100 false 66666666-6666-6666-6666-666666666666 false 2")]
    [InlineData("insert into user_payment_methods (user_id, payment_provider, provider_payment_id, is_default, is_active) "
        + "select subscriber_id, 'stripe', 'pm_1', true, false from subscriptions", "none 100 false - false 2")]
    public async Task RenewalCandidate_ShowsFeeBalanceAndMethod(string change, string expected)
    {
        await using var database = await LicenseAsync("now() + interval '2 days 12 hours'");
        await database.ExecuteAsync(change + ";");

        Assert.Equal(expected, await database.QueryAsync<string>("""
            select concat_ws(' ', coalesce(trim_scale(renewal_fee)::text, 'none'), trim_scale(wallet_balance), has_sufficient_balance::text,
                             coalesce(default_payment_method::text, '-'), auto_renew_enabled::text, days_until_expiry)
            from v_renewal_candidates
            """));
    }

    [Theory]
    [InlineData("now() + interval '6 days 23 hours'", 7, true)]
    [InlineData("now() + interval '7 days 1 minute'", 7, false)]
    [InlineData("now() + interval '23 hours'", 1, true)]
    [InlineData("now() - interval '1 minute'", 7, false)]
    [InlineData("null", 7, false)]
    public async Task IsLicenseExpiringSoon_AnswersForTheDaysAhead(string expiry, int days, bool soon)
    {
        await using var database = await LicenseAsync(expiry);

        Assert.Equal(soon, await database.QueryAsync<bool>($"select is_license_expiring_soon('{Subscription}', {days})"));
        Assert.False(await database.QueryAsync<bool>("select is_license_expiring_soon(uuid_generate_v4())"));
    }

    [Theory]
    [InlineData("null", "", "ACTIVE")]
    [InlineData("now() + interval '7 days 1 minute'", "", "ACTIVE")]
    [InlineData("now() + interval '6 days 23 hours'", "", "PENDING_RENEWAL")]
    [InlineData("now() - interval '1 minute'", "", "EXPIRED")]
    [InlineData("now() + interval '20 days'", "update license_tokens set is_active = false, revoked_at = now()", "REVOKED")]
    [InlineData("now() + interval '20 days'", "update subscriptions set state = 'SUSPENDED_ADMIN'", "SUSPENDED")]
    [InlineData("now() - interval '4 days'", "update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'License expired'",
        "EXPIRED")]
    public async Task LicenseHealth_ShowsTheStatus(string expiry, string change, string status)
    {
        await using var database = await LicenseAsync(expiry);
        await database.ExecuteAsync(change + ";");

        Assert.Equal(status, await database.QueryAsync<string>("select status from v_license_health"));
    }

    [Fact]
    public async Task CreateSuspiciousActivityAlert_FillsInSubscriberAndToken()
    {
        await using var database = await LicenseAsync("null");

        await database.QueryAsync<Guid>(
            $"select create_suspicious_activity_alert('{Subscription}', 'MULTIPLE_IPS', 'HIGH', 'five addresses', null, 'NOTIFIED')");

        Assert.Equal("11111111-1111-1111-1111-111111111111 hash OPEN NOTIFIED", await database.QueryAsync<string>(
            "select concat_ws(' ', user_id, token_hash, status, auto_action_taken) from suspicious_activity_alerts"));
        await Assert.ThrowsAsync<PostgresException>(() => database.QueryAsync<Guid>(
            "select create_suspicious_activity_alert(uuid_generate_v4(), 'MULTIPLE_IPS', 'HIGH', 'of nobody')"));
    }

    private async Task<TestDatabase> LicenseAsync(string expiry)
    {
        var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            ExistingPlatform.Data.Replace("'hash-of-the-token', now() + interval '20 days'", $"'hash', {expiry}", StringComparison.Ordinal)
            .Split("insert into billing_ledger")[0]);
        await database.ExecuteAsync("update user_wallets set balance_usd = 100");
        return database;
    }
}
