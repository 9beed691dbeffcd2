using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class AlertStatusTests
{
    [Theory]
    [InlineData("OPEN", "INVESTIGATING RESOLVED FALSE_POSITIVE")]
    [InlineData("INVESTIGATING", "OPEN RESOLVED FALSE_POSITIVE")]
    [InlineData("RESOLVED", "OPEN")]
    [InlineData("FALSE_POSITIVE", "OPEN")]
    [InlineData("BROKEN", "")]
    public void After_AStatus_ReturnsWhatAReviewMayGive(string status, string next) =>
        Assert.Equal(next, string.Join(' ', AlertStatus.After(status)));

    [Theory]
    [InlineData("OPEN", true)]
    [InlineData("INVESTIGATING", false)]
    [InlineData("RESOLVED", true)]
    [InlineData("FALSE_POSITIVE", true)]
    public void NeedsReason_OfAStatus_IsTrueForClosingAndReopening(string status, bool needs) =>
        Assert.Equal(needs, AlertStatus.NeedsReason(status));
}
