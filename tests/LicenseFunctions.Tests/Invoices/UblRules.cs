using System.Globalization;
using System.Xml.Linq;
using Licensing.Invoices;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>
/// The business rules of EN 16931 that an invoice with one tax rate can violate, by the names of the standard. There are no allowances and
/// charges, and of the categories of tax only S and Z.
/// </summary>
internal static class UblRules
{
    private const string Seller = "AccountingSupplierParty/Party/";
    private const string Buyer = "AccountingCustomerParty/Party/";
    private const string Totals = "LegalMonetaryTotal/";
    private const string Breakdown = "TaxTotal/TaxSubtotal/";
    private const string Line = "*Line/";

    /// <summary>
    /// The tax is the price minus the net amount, so it may differ by a cent from what the net amount gives: by two in a credit
    /// note, whose net amount is a difference. The official validation accepts less than one unit of the currency.
    /// </summary>
    private const decimal MostDifference = 0.02m;

    public static readonly IReadOnlyDictionary<string, Func<Ubl, bool>> All = new Dictionary<string, Func<Ubl, bool>>
    {
        ["BR-01"] = ubl => ubl.Has("CustomizationID"),
        ["BR-02"] = ubl => ubl.Has("ID"),
        ["BR-03"] = ubl => ubl.Has("IssueDate"),
        ["BR-04"] = ubl => ubl.Has("*TypeCode"),
        ["BR-05"] = ubl => ubl.Has("DocumentCurrencyCode"),
        ["BR-06"] = ubl => ubl.Has(Seller + "PartyLegalEntity/RegistrationName"),
        ["BR-07"] = ubl => ubl.Has(Buyer + "PartyLegalEntity/RegistrationName"),
        ["BR-08"] = ubl => ubl.Exists(Seller + "PostalAddress"),
        ["BR-09"] = ubl => ubl.Has(Seller + "PostalAddress/Country/IdentificationCode"),
        ["BR-10"] = ubl => ubl.Exists(Buyer + "PostalAddress"),
        ["BR-11"] = ubl => ubl.Has(Buyer + "PostalAddress/Country/IdentificationCode"),
        ["BR-12"] = ubl => ubl.Has(Totals + "LineExtensionAmount"),
        ["BR-13"] = ubl => ubl.Has(Totals + "TaxExclusiveAmount"),
        ["BR-14"] = ubl => ubl.Has(Totals + "TaxInclusiveAmount"),
        ["BR-15"] = ubl => ubl.Has(Totals + "PayableAmount"),
        ["BR-16"] = ubl => ubl.Exists("*Line"),
        ["BR-21"] = ubl => ubl.EachHas("*Line", "ID"),
        ["BR-22"] = ubl => ubl.EachHas("*Line", "*Quantity"),
        ["BR-23"] = ubl => ubl.Of(Line + "*Quantity").All(quantity => quantity.Attribute("unitCode") is not null),
        ["BR-24"] = ubl => ubl.EachHas("*Line", "LineExtensionAmount"),
        ["BR-25"] = ubl => ubl.EachHas("*Line", "Item/Name"),
        ["BR-26"] = ubl => ubl.EachHas("*Line", "Price/PriceAmount"),
        ["BR-27"] = ubl => ubl.Numbers(Line + "Price/PriceAmount").All(price => price >= 0),
        ["BR-29"] = ubl => ubl.Of("InvoicePeriod").All(IsForward),
        ["BR-30"] = ubl => ubl.Of(Line + "InvoicePeriod").All(IsForward),
        ["BR-45"] = ubl => ubl.EachHas(Breakdown[..^1], "TaxableAmount"),
        ["BR-46"] = ubl => ubl.EachHas(Breakdown[..^1], "TaxAmount"),
        ["BR-47"] = ubl => ubl.EachHas(Breakdown[..^1], "TaxCategory/ID"),
        ["BR-48"] = ubl => ubl.EachHas(Breakdown[..^1], "TaxCategory/Percent"),
        ["BR-49"] = ubl => ubl.EachHas("PaymentMeans", "PaymentMeansCode"),
        ["BR-55"] = ubl => ubl.Of("BillingReference").Count() == (ubl.IsCredit ? 1 : 0)
            && ubl.EachHas("BillingReference", "InvoiceDocumentReference/ID"),
        ["BR-CL-01"] = ubl => ubl.Text("*TypeCode") == (ubl.IsCredit ? "381" : "380"),
        ["BR-CL-03"] = ubl => ubl.Amounts.All(amount => amount.Attribute("currencyID")?.Value == "USD"),
        ["BR-CL-14"] = ubl => ubl.Named("IdentificationCode").All(code => Countries.Codes.Contains(code.Value)),
        ["BR-CL-16"] = ubl => ubl.Text("PaymentMeans/PaymentMeansCode") is "48" or "68" or "ZZZ",
        ["BR-CL-17"] = ubl => ubl.Text(Breakdown + "TaxCategory/ID") is "S" or "Z",
        ["BR-CL-18"] = ubl => ubl.Of(Line + "Item/ClassifiedTaxCategory/ID").All(category => category.Value is "S" or "Z"),
        ["BR-CL-23"] = ubl => ubl.Of(Line + "*Quantity").All(quantity => quantity.Attribute("unitCode")?.Value is null or "C62"),
        ["BR-CO-04"] = ubl => ubl.EachHas("*Line", "Item/ClassifiedTaxCategory/ID"),
        ["BR-CO-09"] = ubl => ubl.VatIdentifiers.All(Countries.IsVatIdentifier),
        ["BR-CO-10"] = ubl => ubl.Number(Totals + "LineExtensionAmount") == ubl.Numbers(Line + "LineExtensionAmount").Sum(),
        ["BR-CO-13"] = ubl => ubl.Number(Totals + "TaxExclusiveAmount") == ubl.Number(Totals + "LineExtensionAmount"),
        ["BR-CO-14"] = ubl => ubl.Number("TaxTotal/TaxAmount") == ubl.Numbers(Breakdown + "TaxAmount").Sum(),
        ["BR-CO-15"] = ubl => ubl.Number(Totals + "TaxInclusiveAmount")
            == ubl.Number(Totals + "TaxExclusiveAmount") + ubl.Number("TaxTotal/TaxAmount"),
        ["BR-CO-16"] = ubl => ubl.Number(Totals + "PayableAmount")
            == ubl.Number(Totals + "TaxInclusiveAmount") - ubl.Number(Totals + "PrepaidAmount"),
        ["BR-CO-17"] = ubl => ubl.Of(Breakdown[..^1]).All(IsTaxOfItsRate),
        ["BR-CO-18"] = ubl => ubl.Exists(Breakdown[..^1]),
        ["BR-CO-19"] = ubl => ubl.Of("InvoicePeriod").All(period => period.HasElements),
        ["BR-CO-20"] = ubl => ubl.Of(Line + "InvoicePeriod").All(period => period.HasElements),
        ["BR-CO-25"] = ubl => ubl.Number(Totals + "PayableAmount") is not > 0, // neither a due date nor terms
        ["BR-CO-26"] = ubl => ubl.Has(Seller + "PartyLegalEntity/CompanyID")
            || ubl.Of(Seller + "PartyTaxScheme").Any(scheme => Ubl.At(scheme, "TaxScheme/ID").SingleOrDefault()?.Value == "VAT"),
        ["BR-DEC"] = ubl => ubl.Amounts.All(amount => amount.Value.Split('.') is not [_, { Length: > 2 }]),
        ["BR-S-01"] = ubl => ubl.HasCategory("S", Line + "Item/ClassifiedTaxCategory") == ubl.HasCategory("S", Breakdown + "TaxCategory"),
        ["BR-S-02"] = ubl => !ubl.HasCategory("S", Line + "Item/ClassifiedTaxCategory") || ubl.Has(Seller + "PartyTaxScheme/CompanyID"),
        ["BR-S-05"] = ubl => ubl.RatesOf("S").All(rate => rate > 0),
        ["BR-S-08"] = ubl => AgreesWithLines(ubl, "S"),
        ["BR-S-09"] = ubl => ubl.Breakdowns("S").All(IsTaxOfItsRate),
        ["BR-S-10"] = ubl => !ubl.Breakdowns("S").Any(HasReason),
        ["BR-Z-01"] = ubl => ubl.HasCategory("Z", Line + "Item/ClassifiedTaxCategory") == ubl.HasCategory("Z", Breakdown + "TaxCategory"),
        ["BR-Z-02"] = ubl => !ubl.HasCategory("Z", Line + "Item/ClassifiedTaxCategory") || ubl.Has(Seller + "PartyTaxScheme/CompanyID"),
        ["BR-Z-05"] = ubl => ubl.RatesOf("Z").All(rate => rate == 0),
        ["BR-Z-08"] = ubl => AgreesWithLines(ubl, "Z"),
        ["BR-Z-09"] = ubl => ubl.Breakdowns("Z").All(one => Ubl.NumberAt(one, "TaxAmount") == 0),
        ["BR-Z-10"] = ubl => !ubl.Breakdowns("Z").Any(HasReason),
    };

    public static IEnumerable<string> ViolatedBy(XElement document) =>
        All.Where(rule => !rule.Value(new Ubl(document))).Select(rule => rule.Key);

    private static bool IsForward(XElement period) =>
        Ubl.TextAt(period, "StartDate") is not { } start || Ubl.TextAt(period, "EndDate") is not { } end
        || string.CompareOrdinal(start, end) <= 0;

    private static bool IsTaxOfItsRate(XElement breakdown) =>
        Ubl.NumberAt(breakdown, "TaxableAmount") * Ubl.NumberAt(breakdown, "TaxCategory/Percent") / 100 is { } tax
        && Math.Abs(Math.Round(tax, 2, MidpointRounding.AwayFromZero) - Ubl.NumberAt(breakdown, "TaxAmount") ?? decimal.MaxValue)
            <= MostDifference;

    private static bool AgreesWithLines(Ubl ubl, string category) => ubl.Breakdowns(category).All(
        one => Ubl.NumberAt(one, "TaxableAmount") == ubl.Of("*Line")
            .Where(line => Ubl.TextAt(line, "Item/ClassifiedTaxCategory/ID") == category
                && Ubl.TextAt(line, "Item/ClassifiedTaxCategory/Percent") == Ubl.TextAt(one, "TaxCategory/Percent"))
            .Sum(line => Ubl.NumberAt(line, "LineExtensionAmount")));

    private static bool HasReason(XElement breakdown) =>
        Ubl.At(breakdown, "TaxCategory").Elements().Any(one => one.Name.LocalName.StartsWith("TaxExemption", StringComparison.Ordinal));
}

/// <summary>Reads a document in the syntax UBL. A path has local names; "*Line" stands for InvoiceLine and CreditNoteLine.</summary>
internal sealed class Ubl(XElement root)
{
    public bool IsCredit => root.Name.LocalName == "CreditNote";

    public IEnumerable<XElement> Amounts =>
        root.Descendants().Where(one => one.Name.LocalName.EndsWith("Amount", StringComparison.Ordinal));

    public IEnumerable<string> VatIdentifiers =>
        from scheme in Named("PartyTaxScheme")
        where TextAt(scheme, "TaxScheme/ID") == "VAT"
        select TextAt(scheme, "CompanyID") ?? "";

    public static IEnumerable<XElement> At(XElement from, string path) => path.Split('/').Aggregate<string, IEnumerable<XElement>>(
        [from], (found, name) => found.Elements().Where(one => name[0] == '*'
            ? one.Name.LocalName.EndsWith(name[1..], StringComparison.Ordinal)
            : one.Name.LocalName == name));

    public static string? TextAt(XElement from, string path) => At(from, path).FirstOrDefault()?.Value;

    public static decimal? NumberAt(XElement from, string path) =>
        decimal.TryParse(TextAt(from, path), NumberStyles.Number, CultureInfo.InvariantCulture, out var number) ? number : null;

    public IEnumerable<XElement> Named(string name) => root.Descendants().Where(one => one.Name.LocalName == name);

    public IEnumerable<XElement> Of(string path) => At(root, path);

    public bool Exists(string path) => Of(path).Any();

    public bool Has(string path) => Of(path).Any(one => one.Value.Trim().Length > 0);

    public bool EachHas(string groups, string path) => Of(groups).All(one => At(one, path).Any(found => found.Value.Trim().Length > 0));

    public string? Text(string path) => TextAt(root, path);

    public decimal? Number(string path) => NumberAt(root, path);

    public IEnumerable<decimal?> Numbers(string path) => Of(path).Select(
        one => decimal.TryParse(one.Value, NumberStyles.Number, CultureInfo.InvariantCulture, out var number) ? number : (decimal?)null);

    public bool HasCategory(string category, string path) => Of(path).Any(one => TextAt(one, "ID") == category);

    public IEnumerable<XElement> Breakdowns(string category) =>
        Of("TaxTotal/TaxSubtotal").Where(one => TextAt(one, "TaxCategory/ID") == category);

    public IEnumerable<decimal?> RatesOf(string category) => Of("*Line/Item/ClassifiedTaxCategory")
        .Concat(Of("TaxTotal/TaxSubtotal/TaxCategory")).Where(one => TextAt(one, "ID") == category)
        .Select(one => NumberAt(one, "Percent"));
}
