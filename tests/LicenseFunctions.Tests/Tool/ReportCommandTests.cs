using LicenseFunctions.Tests.Infrastructure.Telemetry;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class ReportCommandTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Report_OfALicense_ListsEveryPointAndRecommendation()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await MetricScene.NewLicenseAsync(database);
        await database.ExecuteAsync(
            """
            insert into license_devices (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at,
                last_seen_at)
            values (@license, '1001|EA-1', 'EA-1', 1001, '198.51.100.7', 1, now(), now());
            update license_tokens set last_used_at = now();
            select create_suspicious_activity_alert(@license, 'MULTIPLE_IPS', 'HIGH', 'Five networks in a day');
            """,
            new { license });

        var (code, output) = await Licensectl.RunAsync(database, "report", $"{license}");

        Assert.True(code == 0, output);
        Assert.All((string[])[
            $"License {license}", "Status  ACTIVE, expires ", " UTC (in ", "Health  86/100 #################...", " +40  status",
                " -14  suspicion  An alert of high severity is open",
            "    86\n", "signals received 0, executed 0, rejected 0", "Devices (1 of 2)", "EA-1, account 1001, 198.51.100.7, last seen",
            "Open alerts (1)", "HIGH MULTIPLE_IPS, ", ": Five networks in a day",
                "Recommendations\n  Answer the alert on the Activity page"],
            part => Assert.Contains(part, output, StringComparison.Ordinal));
    }

    /// <summary>An operator's machine has no secrets of the providers; both count as configured.</summary>
    [Theory]
    [InlineData("stripe")]
    [InlineData("paypal")]
    public async Task Report_OfALicenseThatAProviderPays_HasNoObstacle_AndNamesADecline(string provider)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await MetricScene.NewLicenseAsync(database);
        await database.ExecuteAsync(
            """
            insert into master_pricing (master_id, monthly_fee_usd) select master_id, 49.99 from subscriptions;
            update subscriptions set created_at = now();
            update license_tokens set expires_at = now() + interval '10 days', metadata = '{"auto_renew": true}';
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
            select subscriber_id, @provider, 'cus_1', 'pm_1', true from subscriptions;
            """,
            new { provider });

        var (code, output) = await Licensectl.RunAsync(database, "report", $"{license}");
        await database.ExecuteAsync(
            """
            with renewal as (
                insert into renewals
                    (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
                select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', 'soft_declined', 49.99, now() + interval '20 days',
                       now() + interval '1 day'
                from subscriptions s join license_tokens t using (subscription_id)
                returning renewal_id, user_id)
            insert into renewal_attempts
                (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code)
            select uuid_generate_v4(), r.renewal_id, 1, m.payment_provider, m.payment_method_id, '{}', now(), true, 'soft_declined',
                   'insufficient_funds'
            from renewal r join user_payment_methods m using (user_id)
            """);
        var (_, declined) = await Licensectl.RunAsync(database, "report", $"{license}");

        Assert.True(code == 0, output);
        Assert.Equal("+40", Assert.Single(StatusLines(output))[2..6].Trim());
        Assert.Equal(["The last payment was declined"], StatusLines(declined).Skip(1).Select(line => line[19..]));
    }

    private static List<string> StatusLines(string output) =>
        [.. output.Split('\n').Where(line => line.Contains("  status  ", StringComparison.Ordinal))];

    [Fact]
    public async Task Report_OfADay_LeavesOutReasonsThatCameAndWent()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await MetricScene.NewLicenseAsync(database);
        await database.ExecuteAsync(
            """
            insert into license_health_days (subscription_id, day, score, previous_score, gained, lost)
            values (@license, current_date, 86, 100, '[{"reason": "Suspended"}, {"reason": "Alert"}]',
                    '[{"reason": "No alert"}, {"reason": "Suspended"}]')
            """,
            new { license });

        var (code, output) = await Licensectl.RunAsync(database, "report", $"{license}");

        Assert.True(code == 0, output);
        Assert.Contains("  100 to 86\n    new: Alert\n    no longer: No alert\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfNoId_NamesAnExample()
    {
        var (code, output) = await Licensectl.RunAsync([], "report", "123");

        Assert.Equal(1, code);
        Assert.Contains("'123' is not a subscription_id. Example: 0000", output, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_UnknownLicense_FailsWithAMessage()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Equal((1, "There is no such license.\n"), await Licensectl.RunAsync(database, "report", $"{Guid.NewGuid()}"));
    }
}
