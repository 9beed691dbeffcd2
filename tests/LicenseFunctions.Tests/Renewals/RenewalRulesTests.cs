using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>Rules that exist in SQL and in C#: sql/repeatable/35_renewal_rules.sql has the same results as Licensing.</summary>
public sealed class RenewalRulesTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Statuses_MeanTheSameInSql()
    {
        await using var database = await postgres.NewDatabaseAsync();

        foreach (var status in Enum.GetValues<RenewalStatus>())
        {
            var sql = await database.QueryAsync<string>(
                """
                select concat_ws(' ', @word, is_charge_unknown(@word), is_charge_open(@word), is_awaiting_provider(@word),
                                 is_waiting_for_card(@word), is_renewal_final(@word))
                """,
                new { word = EnumWords.Of(status) });

            Assert.Equal(
                $"{EnumWords.Of(status)} {Letter(status.IsChargeUnknown())} {Letter(status.IsChargeOpen())} "
                + $"{Letter(status.IsAwaitingProvider())} {Letter(status.IsWaitingForCard())} {Letter(status.IsFinal())}", sql);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("pi_1")]
    public async Task HasIntentLeft_MeansTheSameInSql(string? intent)
    {
        await using var database = await postgres.NewDatabaseAsync();

        foreach (var status in Enum.GetValues<RenewalStatus>())
        {
            var renewal = Due with { Status = status, IntentId = intent };
            var sql = await database.QueryAsync<bool>(
                "select has_intent_left(@word, @intent)", new { word = EnumWords.Of(status), intent });

            Assert.Equal((status, renewal.HasIntentLeft), (status, sql));
        }
    }

    private static readonly Renewal Due = new()
    {
        RenewalId = Guid.NewGuid(),
        SubscriptionId = Guid.NewGuid(),
        UserId = Guid.NewGuid(),
        PeriodStart = DateTimeOffset.UnixEpoch,
        Type = RenewalType.Auto,
        Status = RenewalStatus.Due,
        GivesUpAt = DateTimeOffset.UnixEpoch,
        NextActionAt = null,
    };

    [Theory]
    [InlineData(false, true, true, "SYNCED", false, "account_closed")]
    [InlineData(true, false, true, "SYNCED", false, "master_closed")]
    [InlineData(true, true, false, "SYNCED", false, "subscription_inactive")]
    [InlineData(true, true, true, "SYNCED", true, "license_suspended")]
    [InlineData(true, true, true, "SUSPENDED_ADMIN", false, "license_suspended")]
    [InlineData(true, true, true, "PAUSED_TOXIC", false, "paused_toxic")]
    [InlineData(true, true, true, "LOCKED_NO_FUNDS", false, "locked_no_funds")]
    [InlineData(true, true, true, "DEGRADED_GAP", false, null)]
    [InlineData(null, null, null, null, false, null)]
    public async Task Block_InSql_IsAWordOfTheRule(
        bool? subscriber, bool? master, bool? subscription, string? state, bool suspended, string? block)
    {
        await using var database = await postgres.NewDatabaseAsync();

        var sql = await database.QueryAsync<string?>(
            "select renewal_block(@subscriber, @master, @subscription, @state::subscription_state, true, false, @suspended)",
            new { subscriber, master, subscription, state, suspended });

        Assert.Equal(block, sql);
        if (sql is not null) Assert.Contains(EnumWords.Parse<RenewalBlock>(sql), Enum.GetValues<RenewalBlock>());
    }

    [Theory]
    // This backend has suspended nothing.
    [InlineData(null, null, false, "SYNCED", null, null)]
    [InlineData(null, null, false, "SUSPENDED_ADMIN", "Fraud", "license_suspended")]
    [InlineData(null, null, false, "SUSPENDED_ADMIN", "License expired", null)]
    // The subscription keeps its own state.
    [InlineData("SYNCED", null, true, "SUSPENDED_ADMIN", "License expired", null)]
    [InlineData("LOCKED_NO_FUNDS", null, true, "SUSPENDED_ADMIN", "License expired", "locked_no_funds")]
    [InlineData("PAUSED_TOXIC", null, true, "SUSPENDED_ADMIN", "License expired", "paused_toxic")]
    [InlineData("SUSPENDED_ADMIN", "Fraud", true, "SUSPENDED_ADMIN", "License expired", "license_suspended")]
    [InlineData("SUSPENDED_ADMIN", "License expired", true, "SUSPENDED_ADMIN", "License expired", null)]
    // The platform has changed the state since.
    [InlineData("SYNCED", null, true, "SUSPENDED_ADMIN", "Fraud", "license_suspended")]
    [InlineData("SYNCED", null, true, "SUSPENDED_ADMIN", null, "license_suspended")]
    [InlineData("SYNCED", null, true, "LOCKED_NO_FUNDS", null, "locked_no_funds")]
    [InlineData("SUSPENDED_ADMIN", "Fraud", true, "SYNCED", null, null)]
    [InlineData("LOCKED_NO_FUNDS", null, true, "SYNCED", null, null)]
    public async Task Block_OfASuspensionForExpiry_IsTheOneThatAPaymentLeaves(
        string? previous, string? previousReason, bool isTaken, string state, string? pausedReason, string? block)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await new PostgresWorld(database, TimeProvider.System).AddAsync(new LicenseSeed { IsActive = !isTaken });
        await database.ExecuteAsync(
            """
            update subscriptions set state = @state::subscription_state, paused_reason = @pausedReason;
            insert into license_suspensions
                (subscription_id, cause, reason, previous_state, previous_paused_reason, token_ids, suspended_at)
            select subscription_id, 'EXPIRY', 'License expired', @previous::subscription_state, @previousReason, array[token_id], now()
            from license_tokens where @previous is not null
            """,
            new { previous, previousReason, state, pausedReason });

        Assert.Equal(block, await database.QueryAsync<string?>(
            "select renewal_block from renewal_terms where subscription_id = @license", new { license }));
    }

    [Theory]
    [InlineData("2026-03-01", 30)]
    [InlineData("2026-02-01", 20)]
    [InlineData("2026-01-31", 20)]
    [InlineData(null, 20)]
    public async Task PriceAtSubscribing_IsTheOneInForceOrTheEarliestKnown(string? subscribed, decimal price)
    {
        await using var database = await postgres.NewDatabaseAsync();

        var sql = await database.QueryAsync<decimal>(
            """
            insert into users (email, role) values ('m@x.test', 'master');
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 40 from users;
            insert into master_price_changes (master_id, changed_at, monthly_fee_usd)
            select user_id, p.at::timestamptz, p.usd from users, (values ('2026-02-01', 20), ('2026-02-15', 30)) p (at, usd);
            select price_at_subscribing(user_id, @subscribed::timestamptz) from users
            """,
            new { subscribed });

        Assert.Equal(price, sql);
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(3, 47 * 60)]
    [InlineData(3, 49 * 60)]
    [InlineData(0, -60)]
    public async Task GivesUpAt_IsTheSameInSql(int graceDays, int minutesSinceExpiry)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var expiry = new DateTimeOffset(2026, 3, 28, 12, 0, 0, TimeSpan.Zero);
        var (grace, now) = (TimeSpan.FromDays(graceDays), expiry.AddMinutes(minutesSinceExpiry));
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), grace, 0, new Dictionary<string, TimeSpan>());

        var sql = await database.QueryAsync<DateTime>(
            "select renewal_gives_up_at(@expiry, @grace, @now)", new { expiry = expiry.UtcDateTime, grace, now = now.UtcDateTime });

        Assert.Equal(policy.GivesUpAt(expiry, now, RenewalPolicy.LateWindow).UtcDateTime, sql);
    }

    private static char Letter(bool value) => value ? 't' : 'f';
}
