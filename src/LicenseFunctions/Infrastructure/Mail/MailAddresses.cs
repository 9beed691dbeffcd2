using System.Diagnostics.CodeAnalysis;
using MimeKit;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The only parser of mail addresses, so that mail can be sent to every address that a setting accepts.</summary>
public static class MailAddresses
{
    /// <summary>SMTP allows 254 characters; a name may be before the address.</summary>
    private const int MaxLength = 1_000;

    private static readonly ParserOptions Options = new()
    {
        // docomo gave its customers addresses with dots in a row and before the @, which RFC 5322 does not allow.
        AddressParserComplianceMode = RfcComplianceMode.Looser,
        AllowAddressesWithoutDomain = false,
        AllowUnquotedCommasInAddresses = false,
    };

    /// <param name="text">One address, with or without a name: <c>jo@example.com</c> or <c>Jo &lt;jo@example.com&gt;</c>.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out MailboxAddress? address)
    {
        address = null;
        if (text is not { Length: > 0 and <= MaxLength } || text.Any(char.IsControl))
            return false;
        if (!MailboxAddress.TryParse(Options, text, out address))
            return false;
        var local = address.LocalPart;
        // RFC 5321 requires quotation marks here, and relays reject the address without them.
        if (!local.StartsWith('"') && (local.EndsWith('.') || local.Contains("..", StringComparison.Ordinal)))
            address.Address = $"\"{local}\"@{address.Domain}";
        return true;
    }
}
