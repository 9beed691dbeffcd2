using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Failures;

/// <summary>A value or row that can't be processed affects only its own license. The others are processed, and operators see it.</summary>
public sealed class UnusableRowTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Check = """{"ea_instance_id": "EA-1", "mt5_account_number": 1001}""";
    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");

    private TestDatabase database = null!;
    private PostgresWorld world = null!;
    private RunningApp app = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        world = new PostgresWorld(database, TimeProvider.System);
        app = await RunningApp.StartHereAsync(database, ("RATE_LIMIT_PER_MINUTE", "100000"), ("METRICS_TOKEN", "a-token-of-the-scrape"));
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await database.DisposeAsync();
    }

    [Theory]
    [InlineData("infinity", true, "ACTIVE")]
    [InlineData("200000-01-01", true, "ACTIVE")]
    [InlineData("9999-12-31 23:59:59", true, "ACTIVE")]
    [InlineData("-infinity", false, "EXPIRED")]
    [InlineData("0044-03-15 BC", false, "EXPIRED")]
    public async Task Expiry_ThatDotNetDoesNotHave_IsShownInEveryReadAndChecked(string expiry, bool valid, string status)
    {
        var (odd, other) = (await NewLicenseAsync(), await NewLicenseAsync());
        await database.ExecuteAsync(
            """
            update license_tokens
            set expires_at = @expiry::timestamptz, last_used_at = @expiry::timestamptz, token_hash = @hash
            where subscription_id = @odd
            """,
            new { expiry, odd, hash = LicenseScene.Hash("odd") });
        var owner = await database.QueryAsync<Guid>("select subscriber_id from subscriptions where subscription_id = @odd", new { odd });
        var subscriber = "Bearer " + RunningApp.Token("subscriber", owner);

        var all = (await OkAsync("/api/v1/licenses", Operator))["licenses"]!.AsArray();
        Assert.Equal(new[] { odd, other }.Order(), all.Select(one => (Guid)one!["subscription_id"]!).Order());
        Assert.Equal(status, (string?)all.Single(one => (Guid)one!["subscription_id"]! == odd)!["status"]);
        Assert.Single((await OkAsync("/api/v1/licenses", subscriber))["licenses"]!.AsArray());
        foreach (var read in (string[])["", "/health", "/devices", "/renewals", "/usage"])
            await OkAsync($"/api/v1/licenses/{odd}{read}", subscriber);
        var (answer, body, _) = await app.PostAsync("/api/v1/licenses/validate", "License odd", Check);
        Assert.Equal((200, valid), (answer, (bool)body!["valid"]!));

        await RunTimersAsync("ScoreLicenses", "WarnExpiring", "RunRenewals", "ScanUsage");
        await OkAsync("/api/v1/renewals/preview", Operator);
        Assert.Equal(2L, await database.QueryAsync<long>("select count(*) from license_health where score is not null"));
    }

    [Theory]
    [InlineData("20250-01-01")]
    [InlineData("infinity")]
    [InlineData("-infinity")]
    [InlineData("0044-03-15 BC")]
    public async Task Times_ThatDotNetDoesNotHave_AreShownInEveryList(string at)
    {
        var (odd, other) = (await NewLicenseAsync(), await NewLicenseAsync());
        await database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts
                (subscription_id, activity_type, severity, detected_at, updated_at, status, resolved_at, customer_confirmed_at, appealed_at)
            select @odd, 'MULTIPLE_IPS', 'LOW', @at::timestamptz, @at::timestamptz, status, @at::timestamptz, @at::timestamptz,
                   @at::timestamptz
            from unnest(array['OPEN', 'RESOLVED', 'OPEN']) as status;
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity) values (@other, 'MULTIPLE_IPS', 'LOW');
            insert into license_renewal_history (subscription_id, attempted_at, renewal_type, amount_usd, status, failure_reason)
            select license, at, 'auto', 1, 'failed', 'card_declined'
            from (values (@odd, @at::timestamptz), (@odd, now()), (@other, now())) as history (license, at);
            insert into user_payment_methods
                (user_id, payment_provider, provider_payment_id, is_default, created_at, updated_at, last_used_at, details_changed_at)
            select subscriber_id, 'stripe', 'pm_odd', true, @at::timestamptz, @at::timestamptz, @at::timestamptz, @at::timestamptz
            from subscriptions where subscription_id = @odd;
            update subscriptions set created_at = @at::timestamptz, paused_at = @at::timestamptz, last_signal_at = @at::timestamptz
            where subscription_id = @odd;
            update users set created_at = @at::timestamptz, last_login_at = @at::timestamptz;
            update master_pricing set created_at = @at::timestamptz, updated_at = @at::timestamptz;
            """,
            new { odd, other, at });
        var owner = await database.QueryAsync<Guid>("select subscriber_id from subscriptions where subscription_id = @odd", new { odd });
        var subscriber = "Bearer " + RunningApp.Token("subscriber", owner);

        Assert.Equal(4, await CountAlertsByPagesAsync());
        var alert = await database.QueryAsync<Guid>(
            "select alert_id from suspicious_activity_alerts where subscription_id = @odd limit 1", new { odd });
        await OkAsync($"/api/v1/licenses/alerts/{alert}", Operator);
        foreach (var read in (string[])["", "/health", "/devices", "/renewals", "/usage", "/activity"])
            await OkAsync($"/api/v1/licenses/{odd}{read}", subscriber);
        Assert.Single((await OkAsync("/api/v1/payment-methods", subscriber))["payment_methods"]!.AsArray());
        await OkAsync("/api/v1/renewals/failures", Operator);
        await OkAsync("/api/v1/renewals/preview", Operator);

        await RunTimersAsync("ScoreLicenses", "WarnExpiring", "RunRenewals", "ScanUsage");
        Assert.Equal(2L, await database.QueryAsync<long>("select count(*) from license_health where score is not null"));
    }

    // The token's expiry and the time of an earlier pause are read when the license changes.
    [Fact]
    public async Task License_WithTimesThatDotNetDoesNotHave_CanBeSuspendedReinstatedAndRotated()
    {
        var odd = await NewLicenseAsync();
        await database.ExecuteAsync(
            """
            update license_tokens set expires_at = '20250-01-01';
            update subscriptions set paused_at = '20250-01-01';
            """);

        foreach (var change in (string[])["suspend", "reinstate", "token"])
        {
            var (status, body, _) = await app.PostAsync(
                $"/api/v1/licenses/{odd}/{change}", Operator, change == "token" ? "{}" : """{"reason": "Leaked"}""");
            Assert.True(status is 200 or 201, $"{change}: {status} {body}");
        }
    }

    [Fact]
    public async Task PricesCardsAndWallets_ThatCannotBeUsed_StopNoSweep()
    {
        var due = new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(2), WalletUsd = 100m };
        var paying = await world.AddAsync(due);
        var (price, wallet) = (await world.AddAsync(due), await world.AddAsync(due));
        var card = await world.AddAsync(due with { CardId = "pm_1" });
        await database.ExecuteAsync(
            """
            update master_pricing set monthly_fee_usd = 'NaN'
            where master_id = (select master_id from subscriptions where subscription_id = @price);
            update user_wallets set balance_usd = 'NaN'
            where user_id = (select subscriber_id from subscriptions where subscription_id = @wallet);
            update user_payment_methods set expiry_year = 0, expiry_month = 1;
            """,
            new { price, wallet });

        await RunTimersAsync("RunRenewals", "WarnExpiring", "ScoreLicenses", "ScanUsage");

        Assert.Equal([paying], await database.QueryAllAsync<Guid>(
            "select subscription_id from renewals where status = 'applied' and subscription_id = @paying", new { paying }));
        Assert.Equal(4L, await database.QueryAsync<long>("select count(*) from license_health where score is not null"));
        foreach (var license in (Guid[])[paying, price, wallet, card])
            await OkAsync($"/api/v1/licenses/{license}", Operator);
        await OkAsync("/api/v1/renewals/preview", Operator);
        var skipped = (await OkAsync("/api/v1/system", Operator))["skipped_rows"]!.AsArray();
        Assert.Equal(["card", "price", "wallet"], skipped.Select(row => (string?)row!["source"]).Order());
        Assert.Contains("skipped_rows{source=\"price\"} 1", await MetricsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SuspensionForExpiry_OfALockedLicense_WaitsAndTheOthersAreSuspended()
    {
        var expired = new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(-8), AutoRenew = false };
        var locked = await world.AddAsync(expired);
        for (var n = 0; n < 4; n++)
            await world.AddAsync(expired);
        await using var platform = await database.Source.OpenConnectionAsync(Stop);
        await platform.ExecuteAsync("begin; select from subscriptions where subscription_id = @locked for update", new { locked });

        await RunTimersAsync("RunRenewals");

        Assert.Equal(4L, await SuspendedAsync());
        Assert.Equal(locked, await database.QueryAsync<Guid>("select row_id from skipped_rows where source = 'expiry'"));
        await platform.ExecuteAsync("commit");
        await RunTimersAsync("RunRenewals");
        Assert.Equal(5L, await SuspendedAsync());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"incidents\": 7}")]
    public async Task DetectionState_ThatCannotBeRead_StopsNeitherTheScanNorACheck(string state)
    {
        var (odd, other) = (await NewLicenseAsync(), await NewLicenseAsync());
        await database.ExecuteAsync(
            "update license_tokens set token_hash = @hash where subscription_id = @odd", new { odd, hash = LicenseScene.Hash("odd") });
        await database.ExecuteAsync(
            """
            insert into suspicion_states (subscription_id, state) values (@odd, @state::jsonb);
            insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
            values (array[@odd, @other], array[now(), now()] , array[now(), now()]);
            """,
            new { odd, other, state });

        await RunTimersAsync("ScanUsage");

        Assert.Equal([odd, other], await database.QueryAllAsync<Guid>(
            "select subscription_id from suspicion_states order by subscription_id <> @odd", new { odd }));
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from usage_arrivals"));
        Assert.Equal(odd, await database.QueryAsync<Guid>("select row_id from skipped_rows where source = 'detection'"));
        Assert.Equal(200, (await app.PostAsync("/api/v1/licenses/validate", "License odd", Check)).Status);
    }

    private Task<Guid> NewLicenseAsync() => world.AddAsync(new LicenseSeed { ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(20) });

    private async Task<int> CountAlertsByPagesAsync()
    {
        var ids = new HashSet<string>();
        for (string? path = "/api/v1/licenses/alerts?status=ALL&limit=1", next; path is not null;
            path = next is null ? null : $"/api/v1/licenses/alerts?status=ALL&limit=1&cursor={next}")
        {
            var page = await OkAsync(path, Operator);
            Assert.All(page["alerts"]!.AsArray(), alert => Assert.True(ids.Add((string)alert!["alert_id"]!)));
            next = (string?)page["next"];
        }

        return ids.Count;
    }

    private Task<long> SuspendedAsync() => database.QueryAsync<long>("select count(*) from license_suspensions where closed_at is null");

    /// <summary>Runs the timers; each must succeed.</summary>
    private async Task RunTimersAsync(params string[] timers)
    {
        foreach (var timer in timers)
        {
            await app.RunTimerAsync(database, timer);
            Assert.Equal(("succeeded", null), await database.QueryAsync<(string, string?)>(
                "select last_status, last_error from timer_leases where timer_name = @timer", new { timer }));
        }
    }

    private async Task<JsonNode> OkAsync(string path, string caller)
    {
        var (status, body, _) = await app.GetAsync(path, caller);
        Assert.True(status == 200, $"{path}: {status} {body}");
        return body!;
    }

    private async Task<string> MetricsAsync()
    {
        var (_, _, response) = await app.GetAsync("/metrics", "Bearer a-token-of-the-scrape");
        return await response.Content.ReadAsStringAsync(Stop);
    }
}
