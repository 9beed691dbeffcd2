using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Links that let a customer answer a mail without signing in: what it is about, until when, HMAC-SHA-256. The token stands in the fragment,
/// which no server and no mail scanner sends on, and takes effect only by a POST.
/// </summary>
/// <param name="keys">The first signs, all are believed: that is how they rotate. Without one there are no links.</param>
public sealed class SignedLinks(IReadOnlyList<byte[]> keys, TimeProvider clock)
{
    private const int LeastKeyBytes = 32;

    public static IReadOnlyList<byte[]> ReadKeys(SettingReader settings)
    {
        var keys = new List<byte[]>();
        foreach (var word in settings.Words("LINK_SIGNING_KEYS"))
        {
            var bytes = new byte[word.Length];
            if (Convert.TryFromBase64String(word, bytes, out var length) && length >= LeastKeyBytes) keys.Add(bytes[..length]);
            else settings.Fault("LINK_SIGNING_KEYS", $"has a key that is not base64 of at least {LeastKeyBytes} bytes", "(the output of: openssl rand -base64 32)", 0);
        }

        return keys;
    }

    /// <param name="purpose">The page that the link opens. It is signed as well: a link for one thing never answers another.</param>
    /// <param name="id">What the link is about.</param>
    /// <param name="validUntil">To the second, inclusive.</param>
    /// <returns>The path with its fragment; null where no key is set.</returns>
    public string? Path(string purpose, Guid id, DateTimeOffset validUntil)
    {
        if (keys.Count == 0) return null;
        var text = string.Create(CultureInfo.InvariantCulture, $"{id:N}.{validUntil.ToUnixTimeSeconds()}");
        return $"/app/{purpose}#{text}.{Sign(keys[0], purpose, text)}";
    }

    /// <returns>What the token is about; null where it is forged, for something else, or its time is over.</returns>
    public Guid? Read(string purpose, string? token)
    {
        if (token?.Split('.') is not [var about, var expires, var signature]
            || !Guid.TryParseExact(about, "N", out var id)
            || !long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until < clock.GetUtcNow().ToUnixTimeSeconds()) return null;

        var given = Encoding.ASCII.GetBytes(signature);
        return keys.Any(key => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Sign(key, purpose, $"{about}.{expires}")), given)) ? id : null;
    }

    private static string Sign(byte[] key, string purpose, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"{purpose}:{text}")));
}
