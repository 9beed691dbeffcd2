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
