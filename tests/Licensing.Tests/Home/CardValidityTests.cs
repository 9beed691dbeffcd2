using Licensing.Home;
using Xunit;

namespace Licensing.Tests.Home;

public sealed class CardValidityTests
{
    // A card of 12/2026 is valid until the end of that month.
    [Theory]
    [InlineData(12, 2026, "2026-12-01T23:59:59Z", CardValidity.Valid)]
    [InlineData(12, 2026, "2026-12-02T00:00:00Z", CardValidity.ExpiresSoon)]
    [InlineData(12, 2026, "2026-12-31T23:59:59Z", CardValidity.ExpiresSoon)]
    [InlineData(12, 2026, "2027-01-01T00:00:00Z", CardValidity.Expired)]
    [InlineData(null, 2026, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(12, null, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(13, 2026, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(12, 26, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(12, 1999, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(12, 2000, "2027-01-01T00:00:00Z", CardValidity.Expired)]
    [InlineData(12, 8999, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    [InlineData(12, 9999, "2027-01-01T00:00:00Z", CardValidity.Valid)]
    public void Of_APrintedMonth_ExpiresAtItsEnd_AndSoonThirtyDaysBefore(int? month, int? year, string now, CardValidity expected) =>
        Assert.Equal(
            expected,
            CardValidities.Of(month, year, DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture)));
}
