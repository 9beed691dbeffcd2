using Licensing.Invoices;
using Xunit;

namespace Licensing.Tests.Invoices;

public sealed class BillingDetailsTests
{
    private static readonly string LongAddress = new('a', 301);

    public static readonly TheoryData<string?, string?, string?, string?, string?> Cases = new()
    {
        { "Ada", null, null, null, null },
        { "Ada", "Street 1\n10115 Berlin", "DE", "DE 123 456 789", null },
        { "Ada", "", "", "", null },
        { "", null, null, null, "name" },
        { null, null, null, null, "name" },
        { new string('a', 100), null, null, null, null },
        { new string('a', 101), null, null, null, "name" },
        { "A\nB", null, null, null, "name" },
        { "Ada", "1\n2\n3\n4\n5", null, null, null },
        { "Ada", "1\n2\n3\n4\n5\n6", null, null, "address" },
        { "Ada", LongAddress[1..], null, null, null },
        { "Ada", LongAddress, null, null, "address" },
        { "Ada", null, "de", null, null },
        { "Ada", null, "XX", null, "country" },
        { "Ada", null, "Germany", null, "country" },
        { "Ada", null, null, "123", "tax_id" },
        { "Ada", null, null, "1234", null },
        { "Ada", null, null, "12/345/67890", null },
        { "Ada", null, null, "123456789012345678901", "tax_id" },
        { "Ada", null, null, "<b>abc</b>", "tax_id" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Of_Texts_NamesTheWrongField(string? name, string? address, string? country, string? taxId, string? wrong) =>
        Assert.Equal(wrong, BillingDetails.Of(name, address, country, taxId).Refusal?.Field);

    [Fact]
    public void Of_Texts_AreTrimmed() => Assert.Equal(
        new BillingDetails("Ada", "Street 1\nBerlin", "DE", "DE123456789"),
        BillingDetails.Of(" Ada ", " Street 1 \r\n\r\nBerlin ", " de", "de 123 456 789").Value);

    [Theory]
    [InlineData("DE123456789", true)]
    [InlineData("EL123456789", true)]
    [InlineData("12/345/67890", false)]
    [InlineData("XX123456789", false)]
    public void IsVatIdentifier_NeedsTheCodeOfACountry(string taxId, bool isVat) =>
        Assert.Equal(isVat, Countries.IsVatIdentifier(taxId));
}
