using Licensing.Devices;
using Xunit;

namespace Licensing.Tests.Devices;

public sealed class EntitlementTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Length = TimeSpan.FromDays(30);
    private static readonly CloseOnlyFacts Had = new(Now.AddDays(-90), Now, SuspendedSince: null, IsFraud: false);

    [Theory]
    [InlineData(LicenseCode.Valid, Entitlement.Full)]
    [InlineData(LicenseCode.Grace, Entitlement.Full)]
    [InlineData(LicenseCode.Expired, Entitlement.CloseOnly)]
    [InlineData(LicenseCode.Suspended, Entitlement.CloseOnly)]
    [InlineData(LicenseCode.Inactive, Entitlement.CloseOnly)]
    [InlineData(LicenseCode.LockedNoFunds, Entitlement.CloseOnly)]
    [InlineData(LicenseCode.PausedToxic, Entitlement.CloseOnly)]
    [InlineData(LicenseCode.TooManyDevices, Entitlement.None)]
    [InlineData(LicenseCode.Revoked, Entitlement.None)]
    [InlineData(LicenseCode.NotFound, Entitlement.None)]
    public void Of_EveryCode_OfADeviceThatHadASlot_IsAsInTheTable(LicenseCode code, Entitlement expected) =>
        Assert.Equal(expected, Of(code, Had));

    [Theory]
    [InlineData(LicenseCode.Valid, Entitlement.Full)]
    [InlineData(LicenseCode.Expired, Entitlement.None)]
    [InlineData(LicenseCode.Suspended, Entitlement.None)]
    [InlineData(LicenseCode.LockedNoFunds, Entitlement.None)]
    public void Of_ADeviceThatNeverHadASlot_IsFullOrNone(LicenseCode code, Entitlement expected) =>
        Assert.Equal(expected, Of(code, Had with { FirstSeenAt = null }));

    [Fact]
    public void Of_SuspendedForFraud_IsNone() =>
        Assert.Equal(Entitlement.None, Of(LicenseCode.Suspended, Had with { IsFraud = true }));

    [Theory]
    [InlineData(24, 1, Entitlement.None)]
    [InlineData(24, 0, Entitlement.CloseOnly)]
    [InlineData(1, 0, Entitlement.None)]
    public void Of_AdmittedBeforeTheSuspension_DependsOnTheHours(int hoursBefore, int secondsLater, Entitlement expected)
    {
        var suspended = Now.AddDays(-2);
        var facts = Had with { FirstSeenAt = suspended.AddHours(-hoursBefore).AddSeconds(secondsLater), SuspendedSince = suspended };

        Assert.Equal(expected, Of(LicenseCode.Suspended, facts));
        Assert.Equal(Entitlement.CloseOnly, Of(LicenseCode.Expired, facts));
    }

    [Theory]
    [InlineData(0, 720)]
    [InlineData(719, 1)]
    [InlineData(720, null)]
    [InlineData(2_159, null)]
    public void CloseOnlyUntil_SomeHoursAfterTheFirstRefusal_IsItsFixedEnd(int hoursSince, int? hoursLeft)
    {
        var until = Entitlements.CloseOnlyUntil(
            LicenseCode.Expired, Had with { RefusedSince = Now.AddHours(-hoursSince) }, Length, Now);

        Assert.Equal(hoursLeft is { } left ? Now.AddHours(left) : null, until);
    }

    [Fact]
    public void CloseOnlyUntil_OfNoDays_IsNull() =>
        Assert.Null(Entitlements.CloseOnlyUntil(LicenseCode.Expired, Had, TimeSpan.Zero, Now));

    private static Entitlement Of(LicenseCode code, CloseOnlyFacts facts) =>
        Entitlements.Of(new LicenseVerdict(code, [code], "").IsValid, Entitlements.CloseOnlyUntil(code, facts, Length, Now));
}
