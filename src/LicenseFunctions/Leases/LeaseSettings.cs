using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Leases;

/// <param name="Keys">Seeds of Ed25519 keys, 32 bytes each; the first one signs. Without keys there are no leases.</param>
/// <param name="Issuer">The claim iss: PUBLIC_URL without a slash at its end.</param>
/// <param name="Longest">The longest lease.</param>
/// <param name="Grace">How long an expired license stays valid.</param>
public sealed record LeaseSettings(IReadOnlyList<byte[]> Keys, string Issuer, TimeSpan Longest, TimeSpan Grace)
{
    public const int KeyBytes = 32;

    private const string KeyExample = "an output line of licensectl keys new";

    public static LeaseSettings Read(SettingReader settings)
    {
        var keys = settings.Words("LEASE_SIGNING_KEYS").Select(word => ParseKey(word, settings)).ToList();
        var issuer = settings.BaseAddress("PUBLIC_URL", "https://licenses.example.com", "https", "http");
        if (keys.Count > 0 && issuer is null)
        {
            settings.Fault(
                "PUBLIC_URL", "is missing, but LEASE_SIGNING_KEYS is set: it is the issuer of leases", "https://licenses.example.com", 0);
        }

        return new LeaseSettings(
            keys, issuer?.AbsoluteUri.TrimEnd('/') ?? "", TimeSpan.FromHours(settings.Whole("LEASE_MAX_HOURS", 72, 1, 720)),
            settings.GracePeriod());
    }

    private static byte[] ParseKey(string word, SettingReader settings)
    {
        var key = new byte[word.Length];
        return Convert.TryFromBase64String(word, key, out var length) && length == KeyBytes
            ? key[..length]
            : settings.Fault("LEASE_SIGNING_KEYS", $"has a key that is not base64 of {KeyBytes} bytes", KeyExample, new byte[KeyBytes]);
    }

    /// <summary>Without the keys, so that logs can't contain them.</summary>
    public override string ToString() => $"{Keys.Count} lease keys of {Issuer}";
}
