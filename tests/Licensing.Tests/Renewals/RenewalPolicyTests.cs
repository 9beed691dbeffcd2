using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class RenewalPolicyTests
{
    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void AutoRenews_NeedsBothSwitches(bool installation, bool license, bool renews) => Assert.Equal(
        renews, (Policy with { AutoRenewal = installation }).AutoRenews(new RenewalLicense(Expiry, license)));

    [Theory]
    [InlineData(-7 * 86400 - 1, false)]
    [InlineData(-7 * 86400, true)]
    [InlineData(20 * 86400, true)]
    public void OpensAt_BySecondsFromExpiry_AgreesWithOpensUntil(int seconds, bool isOpen)
    {
        var now = Expiry.AddSeconds(seconds);

        Assert.Equal(isOpen, Policy.OpensAt(Expiry) <= now);
        Assert.Equal(isOpen, Expiry <= Policy.OpensUntil(now));
    }

    [Theory]
    [InlineData(10 * 86400 - 1, -1, true)]
    [InlineData(10 * 86400, -1, false)]
    [InlineData(10 * 86400 - 1, 3 * 86400 - 1, true)]
    [InlineData(3 * 86400 + 2, 3 * 86400, false)] // it had lapsed at the last run
    [InlineData(3 * 86400 - 1, null, true)]
    [InlineData(3 * 86400, null, false)] // it had lapsed at the first run
    public void OpensAfter_BySecondsSinceExpiry_CatchesUpForSevenDaysWhatLapsedSinceTheLastRun(int seconds, int? lastOpened, bool opens) =>
        Assert.Equal(
            opens,
            Expiry > Policy.OpensAfter(Expiry.AddSeconds(seconds), lastOpened is { } last ? Expiry.AddSeconds(last) : null));

    [Theory]
    [InlineData(-7, 1, 3)]
    [InlineData(2, 1, 3)]
    [InlineData(3, 1, 4)]
    public void GivesUpAt_ByDaysFromExpiry_IsTheLaterOfGraceAndWindow(int daysNow, int window, int daysUntil) => Assert.Equal(
        Expiry.AddDays(daysUntil), Policy.GivesUpAt(Expiry, Expiry.AddDays(daysNow), TimeSpan.FromDays(window)));

    [Theory]
    [InlineData(-1, true)]
    [InlineData(3 * 86400 - 1, true)]
    [InlineData(3 * 86400, false)]
    public void PaidFrom_BySecondsFromExpiry_IsTheExpiryUntilTheGraceEnds(int seconds, bool fromExpiry)
    {
        var (paidAt, now) = (Expiry.AddSeconds(seconds), Expiry.AddDays(9));

        Assert.Equal(fromExpiry ? Expiry : now, Policy.PaidFrom(Expiry, paidAt, now));
    }

    [Theory]
    [InlineData(1, 72, 5)]
    [InlineData(3, 72, 1440)]
    [InlineData(3, 25, 60)] // the last day begins with a try
    [InlineData(3, 24, 60)]
    [InlineData(9, 2, 60)]
    [InlineData(1, 2, 5)]
    [InlineData(3, 0, 1440)]
    [InlineData(3, -5, 1440)]
    [InlineData(3, null, 1440)]
    public void NextEvidence_ByTheHoursToTheDeadline_IsInMinutes(int tries, int? hours, int minutes)
    {
        var due = hours is { } left ? Given.Expiry.AddHours(left) : (DateTimeOffset?)null;

        Assert.Equal(minutes, (RenewalPolicy.NextEvidence(tries, Given.Expiry, due) - Given.Expiry).TotalMinutes);
    }
}
