using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Links in mails that customers use without signing in. The token has an ID, an expiry and an HMAC-SHA-256. It is in the URL's fragment,
/// which browsers and mail scanners don't send to servers, and it takes effect only by a POST.
/// </summary>
/// <param name="keys">The first key signs and all keys verify, so that keys can be rotated. Without keys there are no links.</param>
public sealed class SignedLinks(IReadOnlyList<byte[]> keys, TimeProvider clock)
{
    public static IReadOnlyList<byte[]> ReadKeys(SettingReader settings)
    {
        var keys = new List<byte[]>();
        foreach (var word in settings.Words("LINK_SIGNING_KEYS"))
        {
            if (SettingReader.TryParseKey(word) is { } key)
            {
                keys.Add(key);
            }
            else
            {
                settings.Fault(
                    "LINK_SIGNING_KEYS", $"has a key that is not base64 of at least {SettingReader.MinKeyBytes} bytes",
                    "(the output of: openssl rand -base64 32)", 0);
            }
        }

        return keys;
    }

    /// <param name="purpose">The page that the link opens. It is signed, too, so that a link is invalid for any other page.</param>
    /// <param name="id">ID of the row that the link is for.</param>
    /// <param name="validUntil">To the second, inclusive.</param>
    /// <param name="number">What else the link states, for example an amount in cents; null for nothing.</param>
    /// <returns>The path with its fragment; null if no key is set.</returns>
    public string? Path(string purpose, Guid id, DateTimeOffset validUntil, long? number = null)
    {
        if (keys.Count == 0) return null;
        var text = string.Create(CultureInfo.InvariantCulture, $"{id:N}.{validUntil.ToUnixTimeSeconds()}");
        if (number is { } stated) text += string.Create(CultureInfo.InvariantCulture, $".{stated}");
        return $"/app/{purpose}#{text}.{Sign(keys[0], purpose, text)}";
    }

    /// <returns>The ID in the token; null if the token is forged, for another purpose, or expired.</returns>
    public Guid? Read(string purpose, string? token) => ReadNumber(purpose, token)?.Id;

    /// <returns>The ID and the number in the token; null if the token is forged, for another purpose, or expired.</returns>
    public (Guid Id, long? Number)? ReadNumber(string purpose, string? token)
    {
        if (token?.Split('.') is not [var about, var expires, .. { Length: <= 1 } more, var signature]
            || !Guid.TryParseExact(about, "N", out var id)
            || !long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until < clock.GetUtcNow().ToUnixTimeSeconds()) return null;

        var given = Encoding.ASCII.GetBytes(signature);
        var text = token[..^(signature.Length + 1)];
        var signed = keys.Select(key => Encoding.ASCII.GetBytes(Sign(key, purpose, text)));
        if (!signed.Any(expected => CryptographicOperations.FixedTimeEquals(expected, given))) return null;
        return (id, more is [var stated] ? long.Parse(stated, CultureInfo.InvariantCulture) : null);
    }

    private static string Sign(byte[] key, string purpose, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"{purpose}:{text}")));
}
