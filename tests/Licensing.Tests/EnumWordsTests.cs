using Licensing.Devices;
using Licensing.Renewals;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests;

public sealed class EnumWordsTests
{
    [Fact]
    public void EachValue_IsReadFromItsWords()
    {
        foreach (var status in Enum.GetValues<RenewalStatus>())
        {
            Assert.Equal(status, EnumWords.Parse<RenewalStatus>(EnumWords.Of(status)));
            Assert.Equal(status, EnumWords.Parse<RenewalStatus>(EnumWords.UpperOf(status)));
        }
    }

    [Fact]
    public void Words_AreSnakeCase()
    {
        Assert.Equal("soft_declined", EnumWords.Of(RenewalStatus.SoftDeclined));
        Assert.Equal("LOCKED_NO_FUNDS", EnumWords.UpperOf(SubscriptionState.LockedNoFunds));
        Assert.Null(EnumWords.Of((PaidWith?)null));
    }

    /// <summary>auto_action_taken has no value for a refusal; the report of a backtest has one.</summary>
    [Theory]
    [InlineData(FindingAction.Alert, "NONE", "NONE")]
    [InlineData(FindingAction.Notify, "NOTIFIED", "NOTIFIED")]
    [InlineData(FindingAction.Refuse, "NOTIFIED", "REFUSED")]
    [InlineData(FindingAction.Suspend, "SUSPENDED", "SUSPENDED")]
    public void FindingActions_HaveTheWordsOfTheColumnAndOfTheReport(FindingAction action, string column, string report)
    {
        Assert.Equal(column, action.AutoActionTaken());
        Assert.Equal(report, action.StrongestEffect());
    }

    [Fact]
    public void AllUpper_OfTheSeverities_AreThoseOfTheGuideInRisingOrder() =>
        Assert.Equal(["LOW", "MEDIUM", "HIGH", "CRITICAL"], EnumWords.AllUpper<AlertSeverity>());

    [Theory]
    [InlineData("PAUSED")]
    [InlineData("PausedToxic")]
    [InlineData("1")]
    [InlineData("")]
    public void Parse_AnUnknownWord_NamesItAndItsSource(string word) =>
        Assert.Contains(
            $"subscriptions.state has no value {word}",
            Assert.Throws<InvalidOperationException>(() => EnumWords.Parse<SubscriptionState>(word, "subscriptions.state")).Message,
            StringComparison.Ordinal);
}
