using Licensing.Devices;
using Xunit;

namespace Licensing.Tests.Devices;

public sealed class CloseOnlyOpeningsTests
{
    private static readonly DateTimeOffset Began = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(15, null, 1, true)]
    [InlineData(14, null, 1, false)]
    [InlineData(60, 45, 1, true)]
    [InlineData(60, 46, 1, false)]
    [InlineData(60, 6_000, 3, false)]
    [InlineData(60, 0, 0, false)]
    [InlineData(-60, null, 1, false)]
    public void Of_ARecord_CountsIfItsWholeSessionIsAfterTheBeginning(int minutes, int? session, int opened, bool counts)
    {
        var record = new OpenedPositions(
            "EA-1", 1, Began.AddMinutes(minutes), session is { } length ? TimeSpan.FromMinutes(length) : null, opened);

        Assert.Equal(counts, CloseOnlyOpenings.Of(new CloseOnlyPeriod(LicenseCode.Expired, Began, null), [record]).Count == 1);
    }

    [Theory]
    [InlineData(LicenseCode.Expired, true)]
    [InlineData(LicenseCode.Suspended, true)]
    [InlineData(LicenseCode.Inactive, true)]
    [InlineData(LicenseCode.LockedNoFunds, true)]
    [InlineData(LicenseCode.PausedToxic, true)]
    [InlineData(LicenseCode.Revoked, false)]
    [InlineData(LicenseCode.Grace, false)]
    [InlineData(LicenseCode.Valid, false)]
    public void Of_ALicenseThatIsValidAgainOrRevoked_IsEmpty(LicenseCode code, bool counts) =>
        Assert.Equal(counts, CloseOnlyOpenings.Of(new CloseOnlyPeriod(code, Began, null), [Opened(60)]).Count == 1);

    [Theory]
    [InlineData(24 * 60 + 15, true)]
    [InlineData(24 * 60 + 14, false)]
    [InlineData(60, false)]
    public void Of_ALicenseThatWasValidInTheMeantime_CountsFromThePresentRefusal(int minutes, bool counts) =>
        Assert.Equal(counts, CloseOnlyOpenings.Of(
            new CloseOnlyPeriod(LicenseCode.Expired, Began, Began.AddDays(1)), [Opened(minutes)]).Count == 1);

    [Fact]
    public void Of_ARefusalBeforeTheFirstRefusedCheck_CountsFromTheCheck() =>
        Assert.Empty(CloseOnlyOpenings.Of(new CloseOnlyPeriod(LicenseCode.Expired, Began, Began.AddDays(-1)), [Opened(14)]));

    private static OpenedPositions Opened(int minutes) => new("EA-1", 1, Began.AddMinutes(minutes), null, 2);
}
