using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LicenseFunctions.Suspicion;

/// <summary>
/// Signed links to "this was me": alert, expiry, HMAC-SHA-256. The token stands in the fragment, which no server and no mail scanner sends on, and
/// takes effect only by a POST.
/// </summary>
public sealed class CustomerLinks(SuspicionSettings settings, TimeProvider time)
{
    private static readonly TimeSpan Life = TimeSpan.FromDays(14);

    /// <summary>The path with its fragment; null where no key is set.</summary>
    public string? Path(Guid alertId)
    {
        if (settings.LinkKeys.Count == 0)
            return null;
        var text = string.Create(CultureInfo.InvariantCulture, $"{alertId:N}.{(time.GetUtcNow() + Life).ToUnixTimeSeconds()}");
        return $"/app/was-this-you#{text}.{Sign(settings.LinkKeys[0], text)}";
    }

    /// <summary>The alert that a token is for; null where it is forged, or its time is over. Every key that is still listed verifies.</summary>
    public Guid? Read(string? token)
    {
        if (token?.Split('.') is not [var alert, var expires, var signature]
            || !Guid.TryParseExact(alert, "N", out var alertId)
            || !long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until < time.GetUtcNow().ToUnixTimeSeconds())
            return null;
        var given = Encoding.ASCII.GetBytes(signature);
        return settings.LinkKeys.Any(key => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Sign(key, $"{alert}.{expires}")), given))
            ? alertId
            : null;
    }

    // The purpose is signed, too: a key that signs something else one day can't be used to answer an alert.
    private static string Sign(byte[] key, string text) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes("was-this-you:" + text)));
}
