using Licensing.Devices;
using Licensing.Health;
using Xunit;

namespace Licensing.Tests.Health;

public sealed class HealthDueTests
{
    private static readonly DateTimeOffset Now = new(2026, 9, 2, 12, 0, 0, TimeSpan.Zero);

    private static readonly HealthFacts Used = new(
        Now, LicenseStatus.Active, Now.AddDays(-100), null, Now, 1, 2, 0, 0, 0, [], new PaymentFacts(true, null));

    [Fact]
    public void After_NothingNear_IsTheLongest() => Assert.Equal(Now + HealthDue.Longest, HealthDue.After(Used, null));

    [Theory]
    [InlineData(-23, 60)] // a day of silence in an hour
    [InlineData(-23.999, 1)] // in less than a minute, but it is scored at most once per minute
    [InlineData(-24, 360)] // the next step is in two days
    public void After_Silence_IsTheNextStep(double usedHoursAgo, double minutes) =>
        Assert.Equal(
            Now.AddMinutes(minutes), HealthDue.After(Used with { LastUsedAt = Now.AddHours(usedHoursAgo) }, null), TimeSpan.FromSeconds(1));

    [Theory]
    [InlineData(30)]
    [InlineData(7)]
    [InlineData(3)]
    [InlineData(0)]
    public void After_AStepBeforeExpiry_IsThatStep(int days) =>
        Assert.Equal(Now.AddHours(2), HealthDue.After(Used with { ExpiresAt = Now.AddDays(days).AddHours(2) }, null));

    [Fact]
    public void After_TheEndOfGrace_IsThatEnd() =>
        Assert.Equal(
            Now.AddHours(1), HealthDue.After(Used with { Status = LicenseStatus.Grace, ExpiresAt = Now.AddDays(-2) }, Now.AddHours(1)));
}
