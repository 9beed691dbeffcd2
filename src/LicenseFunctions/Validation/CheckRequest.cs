using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using Licensing;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Validation;

/// <summary>The body of a license check.</summary>
/// <param name="TokenHash">SHA-256 of the license token in hex; only services send it.</param>
/// <param name="IpAddress">The EA's address; only services send it.</param>
/// <param name="Nonce">Returned in the answer.</param>
public sealed record CheckRequest(
    string? EaInstanceId, long? Mt5AccountNumber, string? Nonce = null, string? TokenHash = null, string? IpAddress = null)
{
    public const int LongestNonce = 128;

    // The first unknown field with a short name, for the hint about a missing field; null for none.
    private string? UnknownField { get; init; }

    /// <summary>Reads the body without a serializer, because this is the hot path.</summary>
    public static async ValueTask<Outcome<CheckRequest>> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var body = request.BodyReader;
        while (true)
        {
            var read = await body.ReadAsync(cancellationToken);
            if (read.IsCompleted)
            {
                try
                {
                    return Parse(read.Buffer);
                }
                catch (JsonException wrong)
                {
                    return RequestBody.Malformed(wrong);
                }
                finally
                {
                    body.AdvanceTo(read.Buffer.End); // otherwise the connection would be closed after malformed JSON
                }
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <exception cref="JsonException">The body isn't JSON.</exception>
    public static Outcome<CheckRequest> Parse(ReadOnlySequence<byte> body)
    {
        var text = JsonText.Trim(body.IsSingleSegment ? body.FirstSpan : body.ToArray(), out _);
        if (text.IsEmpty)
            return RequestBody.Empty with { Hint = Example };
        var json = new Utf8JsonReader(text);
        string? ea = null, nonce = null, tokenHash = null, address = null, unknown = null;
        long? account = null;
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
            return RequestBody.NotAnObject with { Hint = Example };

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (!IsText(ref json))
                return BadName;
            if (json.ValueTextEquals("mt5_account_number"u8))
            {
                json.Read();
                if (json.TokenType != JsonTokenType.Null && (account = Account(ref json)) is null)
                    return BadAccount;
            }
            else if (json.ValueTextEquals("ea_instance_id"u8))
            {
                if (!Text(ref json, out ea))
                    return json.TokenType == JsonTokenType.String ? BadEa : EaIsNoText;
            }
            else if (json.ValueTextEquals("nonce"u8))
            {
                if (!Text(ref json, out nonce) || nonce?.Length > LongestNonce || nonce?.Any(char.IsControl) is true)
                    return BadNonce;
            }
            else if (json.ValueTextEquals("token_hash"u8))
            {
                if (!Text(ref json, out tokenHash))
                    return BadTokenHash;
            }
            else if (json.ValueTextEquals("ip_address"u8))
            {
                if (!Text(ref json, out address))
                    return BadAddress;
            }
            else
            {
                unknown ??= Name(ref json);
                json.Skip();
            }
        }

        json.Read(); // throws if text follows
        return new CheckRequest(ea, account, nonce, tokenHash, address) { UnknownField = unknown };
    }

    /// <summary>The device that checks.</summary>
    /// <param name="address">Where the check comes from.</param>
    public Outcome<DeviceClaim> Claim(IPAddress address)
    {
        if (EaInstanceId is null)
            return Missing(BadEa);
        if (!EaName.IsValid(EaInstanceId))
            return BadEa;
        return Mt5AccountNumber is { } account ? new DeviceClaim(EaInstanceId, account, address) : Missing(BadAccount);
    }

    /// <summary>The hash of the token that a service checks.</summary>
    public Outcome<string> ServiceToken() => TokenHash is null ? Missing(BadTokenHash)
        : TokenHash is { Length: 64 } hash && hash.All(char.IsAsciiHexDigit) ? hash.ToLowerInvariant() : BadTokenHash;

    /// <summary>The EA's address that a service sends.</summary>
    public Outcome<IPAddress> ServiceAddress() => IpAddress is null ? Missing(BadAddress)
        : ParseAddress(IpAddress) is { } address ? address : BadAddress;

    // A field with a wrong name is usually the missing one.
    private Refusal Missing(Refusal invalid) => invalid with
    {
        Detail = $"{invalid.Field} is missing.",
        Hint = UnknownField is null ? invalid.Hint : $"{UnknownField} is not a field of this request. {invalid.Hint}",
    };

    private const string Example = """Send {"ea_instance_id": "EA-1", "mt5_account_number": 12345678}.""";

    private static readonly Refusal BadEa = Invalid("ea_instance_id", $"ea_instance_id {EaName.Rule}.", "\"EA-INSTANCE-1\"");

    private static readonly Refusal EaIsNoText = BadEa with { Detail = "ea_instance_id must be a string." };

    private static readonly Refusal BadAccount = Invalid(
        "mt5_account_number", "mt5_account_number must be a whole number from 1 to 9223372036854775807.", "12345678");

    private static readonly Refusal BadNonce = Invalid(
        "nonce", "nonce must be a string of at most 128 characters without control characters.", "\"c2f1a0\"");

    private static readonly Refusal BadTokenHash = Invalid(
        "token_hash", "token_hash must be 64 hexadecimal digits. It identifies the license that a service checks.",
        "\"…\", the SHA-256 of the token in hex");

    private static readonly Refusal BadAddress = Invalid(
        "ip_address", "ip_address must be an IPv4 or IPv6 address. A service sends the EA's address.", "\"203.0.113.9\"");

    private static Refusal Invalid(string field, string detail, string example) =>
        new(RefusalKind.Invalid, "INVALID_FIELD", detail, field, $"Send \"{field}\": {example}.");

    private static readonly Refusal BadName = new(
        RefusalKind.Invalid, "INVALID_FIELD", "A field's name is not valid Unicode.", "$", "Send field names such as \"ea_instance_id\".");

    // Comparing a name with half of an escaped surrogate pair throws.
    private static bool IsText(ref Utf8JsonReader json)
    {
        try
        {
            return !json.ValueIsEscaped || json.GetString() is not null;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static string? Name(ref Utf8JsonReader json)
    {
        const int LongestName = 50;
        try
        {
            return json.ValueSpan.Length <= LongestName ? json.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // not valid UTF-8
        }
    }

    // Numbers above 2^53 lose digits in many clients, so these may send the number as text.
    private static long? Account(ref Utf8JsonReader json)
    {
        const int MostDigits = 19;
        long number = 0;
        if (json.TokenType == JsonTokenType.Number)
        {
            json.TryGetInt64(out number);
        }
        else if (json.TokenType == JsonTokenType.String && !json.ValueIsEscaped)
        {
            // The raw bytes: CopyString throws if they aren't UTF-8.
            if (json.ValueSpan.Length <= MostDigits)
                long.TryParse(json.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        }

        return number > 0 ? number : null;
    }

    private static bool Text(ref Utf8JsonReader json, out string? text)
    {
        text = null;
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
            return true;
        if (json.TokenType != JsonTokenType.String)
            return false;
        try
        {
            text = json.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // half of a surrogate pair
        }
    }

    // IPAddress.Parse also accepts "1", "0x7f.1" and "010.0.0.1", with surprising results.
    private static IPAddress? ParseAddress(string? text)
    {
        if (!IPAddress.TryParse(text, out var address))
            return null;
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return address.ToString() == text ? address : null;
        if (text.AsSpan().ContainsAny("%[]"))
            return null;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }
}
