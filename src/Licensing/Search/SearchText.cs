using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Licensing.Devices;

namespace Licensing.Search;

/// <summary>The meanings of a text that an operator searches for. A meaning that the text can't have is null.</summary>
public sealed partial record SearchText
{
    public const int Shortest = 3;

    public const int Longest = 255;

    private const string FirstId = "00000000-0000-0000-0000-000000000000";
    private const string LastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

    private const int ShortestIdPart = 6;

    private const int HashDigits = 64;

    private const string TokenPrefix = "lic_";
    private const int ShortestTokenPart = 8;

    // As many as token_beginnings stores.
    private const int LongestTokenPart = 12;

    private SearchText()
    {
    }

    /// <summary>A part of a mail address, in lower case.</summary>
    public string? AddressPart { get; private init; }

    /// <summary>An MT5 account number.</summary>
    public long? Account { get; private init; }

    /// <summary>The network of an IP address, as devices are recorded with it: 192.0.2.1/32 or 2001:db8::/64.</summary>
    public string? Network { get; private init; }

    /// <summary>The first ID that begins with the text; for a whole ID, the ID.</summary>
    public Guid? IdFrom { get; private init; }

    /// <summary>The last ID that begins with the text; for a whole ID, the ID.</summary>
    public Guid? IdTo { get; private init; }

    /// <summary>The SHA-256 of the text, for the case that it is a whole token. Whole tokens are stored as hashes.</summary>
    public string? TokenHash { get; private init; }

    /// <summary>
    /// The first 12 characters of the text, if it may be the beginning of a token that was made here: lic_ and at least 4 characters.
    /// A whole token doesn't leave this process: a server may log the values that it is sent.
    /// </summary>
    public string? TokenBeginning { get; private init; }

    /// <summary>The beginning of a token's hash, as logs and lists of tokens show it.</summary>
    public string? HashFrom { get; private init; }

    /// <summary>The last hash with that beginning.</summary>
    public string? HashTo { get; private init; }

    /// <summary>The beginning of the name of an EA instance, in lower case.</summary>
    public string? EaBeginning { get; private init; }

    /// <summary>
    /// The payment provider's ID of a payment, refund, dispute, customer or payment method: pi_…, ch_… of Stripe; those of PayPal have
    /// no beginning of their own, except disputes (PP-D-…).
    /// </summary>
    public string? ProviderId { get; private init; }

    /// <summary>The number of an invoice or credit note.</summary>
    public string? InvoiceNumber { get; private init; }

    public static Outcome<SearchText> Parse(string typed)
    {
        var text = typed.Trim();
        if (text.Length is < Shortest or > Longest)
        {
            return new Refusal(
                RefusalKind.Invalid, "SEARCH_LENGTH", $"The text must have {Shortest} to {Longest} characters.", "text",
                "Enter a part of a mail address, an account number, an EA instance, an IP address, a token, an invoice number or an ID.");
        }

        if (text.Any(char.IsControl))
            return new Refusal(RefusalKind.Invalid, "SEARCH_INVALID", "The text contains a control character.", "text");
        var lower = text.ToLowerInvariant();
        // EA instances have any names, also such ones.
        if (OfProvider().IsMatch(text))
            return new SearchText { ProviderId = text, EaBeginning = lower };
        if (Invoice().IsMatch(text))
            return new SearchText { InvoiceNumber = text.ToUpperInvariant(), EaBeginning = lower };
        if (NetworkOf(text) is { } network)
            return new SearchText { Network = network };

        var isAddress = lower.Contains('@', StringComparison.Ordinal);
        if (text.StartsWith(TokenPrefix, StringComparison.Ordinal) && text.Length >= ShortestTokenPart && !isAddress)
        {
            return new SearchText
            {
                TokenHash = Hash(text),
                TokenBeginning = text[..Math.Min(text.Length, LongestTokenPart)],
                EaBeginning = text.Length <= LongestTokenPart ? lower : null,
            };
        }

        if (OfAttempt().Match(lower) is { Success: true } attempt)
            lower = attempt.Groups["renewal"].Value;
        var (from, to) = (Filled(lower, FirstId), Filled(lower, LastId));
        if (from is not null && from == to)
            return new SearchText { IdFrom = from, IdTo = to };
        var isHex = lower.Length is >= ShortestIdPart and <= HashDigits && lower.All(char.IsAsciiHexDigitLower);
        return new SearchText
        {
            AddressPart = lower,
            Account = lower.Length <= 18 && lower.All(char.IsAsciiDigit) ? long.Parse(lower, CultureInfo.InvariantCulture) : null,
            IdFrom = from,
            IdTo = to,
            TokenHash = isAddress ? null : Hash(text),
            HashFrom = isHex ? lower.PadRight(HashDigits, '0') : null,
            HashTo = isHex ? lower.PadRight(HashDigits, 'f') : null,
            EaBeginning = isAddress ? null : lower,
            ProviderId = OfPayPal().IsMatch(text) ? text : null,
        };
    }

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private static string? NetworkOf(string text)
    {
        // IPAddress also reads "7" as an address.
        var isWritten = text.Count(sign => sign == '.') == 3 || text.Contains(':', StringComparison.Ordinal);
        if (!isWritten || text.Contains('%', StringComparison.Ordinal) || !IPAddress.TryParse(text, out var address))
            return null;
        var network = SourceNetwork.Of(address);
        return $"{network}/{(network.AddressFamily is System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 64)}";
    }

    private static Guid? Filled(string text, string rest) =>
        text.Length is >= ShortestIdPart and <= 36 && Guid.TryParseExact(text + rest[text.Length..], "D", out var id) ? id : null;

    [GeneratedRegex("^(?:(?:pi|ch|py|re|pyr|du|dp|cus|pm|src)_[A-Za-z0-9_]{3,}|PP-[A-Z0-9]+-[A-Z0-9-]+)$")]
    private static partial Regex OfProvider();

    // PayPal's invoice ID of a payment: the renewal's id and the attempt's number.
    [GeneratedRegex("^(?<renewal>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[0-9]{1,3}$")]
    private static partial Regex OfAttempt();

    // Orders, captures and refunds have 17 letters and digits; tokens and customers have others.
    [GeneratedRegex("^[A-Za-z0-9_-]{7,36}$")]
    private static partial Regex OfPayPal();

    [GeneratedRegex("^[A-Z0-9]{1,12}-[0-9]{4}-[0-9]{6,9}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Invoice();
}
