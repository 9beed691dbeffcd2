using System.Globalization;
using Licensing.Health;
using Xunit;

namespace Licensing.Tests.Health;

public sealed class TradingHoursTests
{
    [Theory]
    [InlineData("2026-09-02T10:00", "2026-09-02T15:00", 5)] // within a Wednesday
    [InlineData("2026-09-04T21:00", "2026-09-04T22:00", 1)] // Friday up to the close
    [InlineData("2026-09-04T22:00", "2026-09-06T22:00", 0)] // the weekend
    [InlineData("2026-09-04T21:00", "2026-09-06T23:00", 2)] // across it
    [InlineData("2026-09-05T12:00", "2026-09-07T00:00", 2)] // from within it
    [InlineData("2026-09-02T10:00", "2026-09-09T10:00", 120)] // a week
    [InlineData("2023-12-31T21:00", "2023-12-31T23:00", 1)] // before the anchor
    [InlineData("2026-09-02T10:00", "2026-09-02T09:00", 0)] // backwards
    public void Between_CountsOpenHoursOnly(string start, string end, double hours) =>
        Assert.Equal(hours, TradingHours.Between(Utc(start), Utc(end)).TotalHours, 6);

    private static DateTimeOffset Utc(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
