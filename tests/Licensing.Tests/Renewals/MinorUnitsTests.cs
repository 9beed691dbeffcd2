using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests.Renewals;

public sealed class MinorUnitsTests
{
    [Theory]
    [InlineData(104_999, "usd", "1,049.99")]
    [InlineData(-4999, "eur", "-49.99")]
    [InlineData(5000, "jpy", "5,000")]
    [InlineData(5000, "isk", "50.00")]
    [InlineData(5120, "kwd", "5.120")]
    public void Text_OfACurrency_HasItsDecimals(long minor, string currency, string text) =>
        Assert.Equal(text, MinorUnits.Text(minor, currency));
}
