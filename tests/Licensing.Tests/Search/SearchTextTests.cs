using System.Globalization;
using Licensing.Search;
using Xunit;

namespace Licensing.Tests.Search;

public sealed class SearchTextTests
{
    private const string Id = "0199a3c4-1111-4222-8333-444455556666";

    [Theory]
    [InlineData(" Nora.L ", "address token ea")]
    [InlineData("nora@example.com", "address")]
    [InlineData("510101", "address account id token hash ea")]
    [InlineData("51010", "address account token ea")]
    [InlineData("0199a3", "address id token hash ea")]
    [InlineData("1234567890123456789", "address token hash ea provider")]
    [InlineData("198.51.100.7", "network")]
    [InlineData("::ffff:198.51.100.7", "network")]
    [InlineData("2001:db8:1:2:3:4:5:6", "network")]
    [InlineData("1.2.3", "address token ea")]
    [InlineData("pi_3QkExample", "ea provider")]
    [InlineData("re_grid", "ea provider")] // may be the name of an EA instance
    [InlineData("PP-D-27803", "ea provider")] // a dispute of PayPal
    [InlineData("5O190127TN364715T", "address token ea provider")] // an order of PayPal
    [InlineData("acme-2026-000123", "ea invoice")]
    [InlineData("ACME-2026-12", "address token ea provider")]
    [InlineData("ch_1", "address token ea")]
    [InlineData("lic_Zq81", "token beginning ea")]
    [InlineData("lic_Zq81Zq81Zq", "token beginning")]
    [InlineData("lic_Zq8", "address token ea provider")]
    [InlineData("lic_anna@example.com", "address")]
    [InlineData("LIC_Zq81", "address token ea provider")]
    [InlineData("EA-NORA", "address token ea provider")]
    [InlineData("0199A3C4-1111", "address id token ea provider")]
    [InlineData(Id, "id")]
    [InlineData(Id + "-2", "id")] // PayPal's invoice ID of the second attempt
    public void Parse_AText_HasTheMeaningsThatItCanHave(string text, string meanings)
    {
        var found = SearchText.Parse(text).Value;

        Assert.Equal(
            meanings,
            string.Join(' ', new[]
            {
                (found.AddressPart, "address"), (found.Account?.ToString(CultureInfo.InvariantCulture), "account"),
                (found.Network, "network"),
                (found.IdFrom?.ToString(), "id"), (found.TokenHash, "token"), (found.HashFrom, "hash"),
                (found.TokenBeginning, "beginning"), (found.EaBeginning, "ea"),
                (found.ProviderId, "provider"), (found.InvoiceNumber, "invoice"),
            }.Where(one => one.Item1 is not null).Select(one => one.Item2)));
    }

    [Theory]
    [InlineData("198.51.100.7", "198.51.100.7/32")]
    [InlineData("::ffff:198.51.100.7", "198.51.100.7/32")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    public void Parse_AnAddress_IsTheNetworkThatDevicesAreRecordedWith(string text, string network) =>
        Assert.Equal(network, SearchText.Parse(text).Value.Network);

    [Theory]
    [InlineData("lic_Zq81", "lic_Zq81")]
    [InlineData("lic_Zq81Zq81", "lic_Zq81Zq81")]
    [InlineData("lic_Zq81Zq81-and-all-other-characters-of-the-token", "lic_Zq81Zq81")]
    public void Parse_AToken_KeepsNoMoreOfItThanIsStored(string token, string beginning)
    {
        var found = SearchText.Parse(token).Value;

        Assert.Equal(beginning, found.TokenBeginning);
        Assert.DoesNotContain("other", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnEaNamedLikeAnInvoiceOrACharge_IsFoundByItsName()
    {
        Assert.Equal("ea-2024-123456", SearchText.Parse("EA-2024-123456").Value.EaBeginning);
        Assert.Equal("src_london", SearchText.Parse("src_London").Value.EaBeginning);
    }

    [Fact]
    public void Parse_TheBeginningOfAnId_IsTheRangeOfIdsWithIt()
    {
        var found = SearchText.Parse("0199A3C4-1").Value;

        Assert.Equal(Guid.Parse("0199a3c4-1000-0000-0000-000000000000"), found.IdFrom);
        Assert.Equal(Guid.Parse("0199a3c4-1fff-ffff-ffff-ffffffffffff"), found.IdTo);
        Assert.Equal(Guid.Parse(Id), SearchText.Parse(Id.ToUpperInvariant()).Value.IdTo);
    }

    [Theory]
    [InlineData("ab", "SEARCH_LENGTH")]
    [InlineData("  ab  ", "SEARCH_LENGTH")]
    [InlineData("abc\0d", "SEARCH_INVALID")]
    public void Parse_ATextThatIsTooShortOrNoText_IsRefused(string text, string code) =>
        Assert.Equal(code, SearchText.Parse(text).Refusal?.Code);

    [Fact]
    public void Parse_ATextOf255Characters_IsTheLongest()
    {
        Assert.Null(SearchText.Parse(new string('x', 255)).Refusal);
        Assert.Equal("SEARCH_LENGTH", SearchText.Parse(new string('x', 256)).Refusal?.Code);
    }
}
