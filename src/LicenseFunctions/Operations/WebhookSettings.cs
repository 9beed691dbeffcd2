using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Operations;

/// <summary>Webhooks that send the event feed.</summary>
/// <param name="Keys">Secrets are derived from them: new ones from the first key. Without keys, no endpoint can be added.</param>
/// <param name="AllowPrivate">Whether endpoints may use http and addresses of private networks.</param>
/// <param name="AlertEmail">ALERT_EMAIL: the operators' address; null for no mail. SuspicionSettings validates it.</param>
public sealed record WebhookSettings(IReadOnlyList<byte[]> Keys, bool AllowPrivate, string? AlertEmail)
{
    public const string KeysName = "WEBHOOK_SECRET_KEYS";

    public static WebhookSettings Read(SettingReader settings)
    {
        var keys = settings.Words(KeysName)
            .Select(word => SettingReader.TryParseKey(word) ?? settings.Fault<byte[]>(
                KeysName, $"has a key that is not base64 of at least {SettingReader.MinKeyBytes} bytes",
                "(the output of: openssl rand -base64 32)", []))
            .ToList();
        return new WebhookSettings(keys, settings.Flag("WEBHOOK_ALLOW_PRIVATE", false), settings.Optional("ALERT_EMAIL"));
    }

    /// <summary>Names a key in the table webhook_secrets, without containing it.</summary>
    public static string IdOf(byte[] key) => Convert.ToHexStringLower(SHA256.HashData(key))[..8];

    /// <summary>The bytes of a secret.</summary>
    /// <returns>Null if the key that it is derived from is no longer set.</returns>
    public byte[]? SecretOf(Guid endpointId, WebhookSecret secret) =>
        Keys.FirstOrDefault(key => IdOf(key) == secret.KeyId) is { } key
            ? HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"webhook:{endpointId:N}:{secret.Number}"))
            : null;

    /// <summary>The form in which receivers use a secret.</summary>
    public static string TextOf(byte[] secret) => "whsec_" + Convert.ToBase64String(secret);

    /// <summary>Without the keys, so that logs can't contain them.</summary>
    public override string ToString() => $"{Keys.Count} webhook keys";
}
