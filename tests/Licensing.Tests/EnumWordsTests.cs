using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

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
