using System.Globalization;
using Licensing.Usage;
using Xunit;

namespace Licensing.Tests.Usage;

public sealed class UsageSpanTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 34, 56, TimeSpan.Zero);

    [Theory]
    [InlineData(null, null, null, "2026-11-22T13:00 2026-11-23T13:00 24")]
    [InlineData(null, null, "day", "2026-10-25T00:00 2026-11-24T00:00 30")]
    [InlineData("2026-11-01", "2026-11-02", "day", "2026-11-01T00:00 2026-11-02T00:00 1")]
    [InlineData("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "hour", "2026-11-01T10:00 2026-11-01T11:00 1")]
    [InlineData("2026-11-01T10:59:59Z", "2026-11-01T11:00:00.0000001Z", "hour", "2026-11-01T10:00 2026-11-01T12:00 2")]
    [InlineData("2026-11-01T10:00:00+02:00", "2026-11-01T11:00:00+02:00", "hour", "2026-11-01T08:00 2026-11-01T09:00 1")]
    [InlineData("2025-10-20", "2026-11-24", "day", "2025-10-20T00:00 2026-11-24T00:00 400")]
    public void Of_RequestedSpan_IsExtendedToWholeBuckets(string? from, string? to, string? bucket, string expected)
    {
        var span = UsageSpan.Of(from, to, bucket, Now).Value;

        Assert.Equal(expected,
            string.Create(CultureInfo.InvariantCulture,
            $"{span.From:yyyy-MM-ddTHH:mm} {span.To:yyyy-MM-ddTHH:mm} {(span.To - span.From) / span.Step}"));
    }

    [Theory]
    [InlineData(null, null, "week", "bucket")]
    [InlineData("soon", null, null, "from")]
    [InlineData(null, "11/23/2026", null, "to")]
    [InlineData("9999-12-31", null, null, "from")]
    [InlineData("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z", null, "from")]
    [InlineData("2026-11-23T13:00:00Z", "2026-11-23T12:00:00Z", null, "from")]
    [InlineData("2025-10-19", "2026-11-24", "day", "from")]
    public void Of_InvalidSpan_IsRefusedWithItsField(string? from, string? to, string? bucket, string field) =>
        Assert.Equal(field, UsageSpan.Of(from, to, bucket, Now).Refusal?.Field);
}
