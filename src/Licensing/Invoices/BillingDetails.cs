using System.Text.RegularExpressions;

namespace Licensing.Invoices;

/// <summary>What a customer wants on invoices. An invoice keeps the details of its time.</summary>
/// <param name="Address">Lines, separated by a line feed; null if none is given.</param>
/// <param name="Country">ISO 3166-1 alpha-2; null if none is given.</param>
/// <param name="TaxId">For example DE123456789; null if none is given.</param>
public sealed partial record BillingDetails(string Name, string? Address, string? Country, string? TaxId)
{
    public const int LongestName = 100;
    public const int LongestAddress = 300;
    public const int MostAddressLines = 5;

    /// <summary>Trims the texts and checks them.</summary>
    public static Outcome<BillingDetails> Of(string? name, string? address, string? country, string? taxId)
    {
        var (title, lines) = ((name ?? "").Trim(), Lines(address));
        var code = (country ?? "").Trim().ToUpperInvariant();
        var tax = Spaces().Replace((taxId ?? "").ToUpperInvariant(), "");
        return title.Length is 0 or > LongestName || title.Any(char.IsControl)
            ? Wrong(
                "name", $"name must have 1 to {LongestName} characters in one line.", "The name of the person or company that pays.")
            : lines.Count > MostAddressLines || lines.Sum(line => line.Length) > LongestAddress
                || lines.Exists(line => line.Any(char.IsControl))
                ? Wrong(
                    "address", $"address must have at most {MostAddressLines} lines and {LongestAddress} characters.",
                    "Street, postal code and city; the country is a field of its own.")
            : code.Length > 0 && !Countries.Codes.Contains(code)
                ? Wrong("country", "country must be a code of ISO 3166-1, such as DE.", "Use two letters.")
            : tax.Length > 0 && !TaxIds().IsMatch(tax)
                ? Wrong(
                    "tax_id", "tax_id must have 4 to 20 letters, digits, dots, slashes and hyphens, and no sign at its beginning and end.",
                    "With the country's prefix, for example DE123456789.")
            : new BillingDetails(title, lines.Count == 0 ? null : string.Join('\n', lines), Text(code), Text(tax));
    }

    private static Outcome<BillingDetails> Wrong(string field, string detail, string hint) =>
        new Refusal(RefusalKind.Invalid, "BILLING_DETAILS_INVALID", detail, field, hint);

    private static List<string> Lines(string? text) =>
        [.. (text ?? "").ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    private static string? Text(string text) => text.Length == 0 ? null : text;

    [GeneratedRegex(@"\s")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^[A-Z0-9][A-Z0-9./-]{2,18}[A-Z0-9]\z")]
    private static partial Regex TaxIds();
}
