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
            $"License {license}", "Status  ACTIVE, expires ", "(39 days)", "Health  86/100 #################...", " +40  status",
                " -14  suspicion  An alert of severity HIGH is open",
            "    86\n", "signals received 0, executed 0, rejected 0", "Devices (1 of 2)", "EA-1, account 1001, 198.51.100.7, last seen",
            "Open alerts (1)", "HIGH MULTIPLE_IPS, ", ": Five networks in a day",
                "Recommendations\n  Answer the alert on the Activity page"],
            part => Assert.Contains(part, output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Report_UnknownLicense_FailsWithAMessage()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Equal((1, "There is no such license.\n"), await Licensectl.RunAsync(database, "report", $"{Guid.NewGuid()}"));
    }
}
