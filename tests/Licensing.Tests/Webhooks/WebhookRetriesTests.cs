using Licensing.Webhooks;
using Xunit;

namespace Licensing.Tests.Webhooks;

public sealed class WebhookRetriesTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 20)]
    [InlineData(9, 2_560)]
    [InlineData(10, 3_600)]
    [InlineData(1_000_000, 3_600)]
    public void After_AFailure_DelaysDoubleUpToAnHour(int attempts, int seconds) =>
        Assert.Equal(new WebhookRetry(TimeSpan.FromSeconds(seconds), null), WebhookRetries.After(attempts, TimeSpan.Zero, 500));

    [Fact]
    public void After_FiveDaysOfFailures_DisablesTheEndpoint()
    {
        Assert.Null(WebhookRetries.After(100, (5 * Day) - TimeSpan.FromSeconds(1), null).DisabledBy);
        Assert.Equal("failures", WebhookRetries.After(100, 5 * Day, null).DisabledBy);
    }

    [Theory]
    [InlineData(410, "gone")]
    [InlineData(404, null)]
    [InlineData(null, null)]
    public void After_Gone_DisablesTheEndpointAtOnce(int? status, string? by) =>
        Assert.Equal(by, WebhookRetries.After(1, TimeSpan.Zero, status).DisabledBy);

    [Fact]
    public void After_NoAttempt_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => WebhookRetries.After(0, TimeSpan.Zero, null));
}
