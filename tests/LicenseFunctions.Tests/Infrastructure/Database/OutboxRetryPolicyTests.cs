using LicenseFunctions.Infrastructure.Database;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class OutboxRetryPolicyTests
{
    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 20)]
    [InlineData(3, 40)]
    [InlineData(4, 80)]
    [InlineData(9, 2560)]
    [InlineData(10, 3600)]
    [InlineData(1000, 3600)]
    [InlineData(int.MaxValue, 3600)]
    public void DelayAfter_OfEmails_DoublesUpToAnHour_AndNeverGivesUp(int attempts, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), OutboxRetryPolicy.Emails.DelayAfter(attempts));

    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 20)]
    [InlineData(10, 3600)]
    [InlineData(11, 3600)]
    [InlineData(12, null)]
    [InlineData(13, null)]
    public void DelayAfter_OfAlertWebhooks_IsTheSame_UntilTheTwelfthAttempt(int attempts, int? seconds) =>
        Assert.Equal(seconds is { } some ? TimeSpan.FromSeconds(some) : (TimeSpan?)null,
            OutboxRetryPolicy.AlertWebhooks.DelayAfter(attempts));

    [Fact]
    public void DelayAfter_NoAttempt_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => OutboxRetryPolicy.Emails.DelayAfter(0));
}
