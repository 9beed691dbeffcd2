using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LicenseFunctions.Renewals;

/// <param name="Keys">The first signs, all are believed: that is how they rotate. Without one no link is sent.</param>
public sealed record PriceLinkSettings(IReadOnlyList<byte[]> Keys)
{
    private const int LeastKeyBytes = 32;

    public static PriceLinkSettings Read(SettingReader settings)
    {
        var keys = new List<byte[]>();
        foreach (var word in settings.Words("LINK_SIGNING_KEYS"))
        {
            var bytes = new byte[word.Length];
            if (Convert.TryFromBase64String(word, bytes, out var length) && length >= LeastKeyBytes) keys.Add(bytes[..length]);
            else settings.Fault("LINK_SIGNING_KEYS", $"has a key that is not base64 of at least {LeastKeyBytes} bytes", "(openssl rand -base64 32)", 0);
        }

        return new PriceLinkSettings(keys);
    }
}

/// <summary>
/// Signed links to "I agree to the new price": renewal, expiry, HMAC-SHA-256. The token stands in the fragment, which no
/// server sees and no mail scanner sends on; it has an effect only by the POST of a click.
/// </summary>
public sealed class PriceLinks(PriceLinkSettings settings, TimeProvider clock)
{
    /// <returns>A path of the pages; null where no key is configured.</returns>
    public string? To(Guid renewalId, DateTimeOffset validUntil)
    {
        if (settings.Keys.Count == 0) return null;
        var text = string.Create(CultureInfo.InvariantCulture, $"{renewalId:N}.{validUntil.ToUnixTimeSeconds()}");
        return $"/app/price#{text}.{Signature(settings.Keys[0], text)}";
    }

    /// <returns>The renewal that the token speaks of; null where it isn't ours or is too old.</returns>
    public Guid? Read(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || !Guid.TryParseExact(parts[0], "N", out var renewalId)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until < clock.GetUtcNow().ToUnixTimeSeconds()) return null;

        var given = Encoding.ASCII.GetBytes(parts[2]);
        var isOurs = settings.Keys.Any(key =>
            CryptographicOperations.FixedTimeEquals(given, Encoding.ASCII.GetBytes(Signature(key, $"{parts[0]}.{parts[1]}"))));
        return isOurs ? renewalId : null;
    }

    private static string Signature(byte[] key, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes("price:" + text)));
}
