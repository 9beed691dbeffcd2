using System.Text;
using System.Text.Json;
using LicenseFunctions.Database;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <param name="AlertEmail">Where operators are told; null = on the page only.</param>
/// <param name="WebhookUrl">Gets alerts as signed JSON; null = none.</param>
/// <param name="WebhookSecret">Keys the signature.</param>
/// <param name="LinkKeys">Sign customers' links, the first one signs, all of them verify; empty = no links.</param>
public sealed record SuspicionSettings(
    DetectionPolicy Policy, string? AlertEmail, Uri? WebhookUrl, byte[] WebhookSecret, IReadOnlyList<byte[]> LinkKeys)
{
    private const int LeastKeyBytes = 32;

    public static SuspicionSettings Read(SettingReader settings)
    {
        var policy = ReadPolicy(settings) with
        {
            DeviceLimit = settings.Whole("MAX_DEVICES_PER_LICENSE", 2, 1, 100),
            NetworksInDay = settings.Whole("SUSPICIOUS_ACTIVITY_THRESHOLD", 3, 1, 1000),
        };
        var url = settings.Address("ALERT_WEBHOOK_URL", "https://chat.example.com/hooks/licences", "https", "http");
        var secret = url is null ? "" : settings.Text("ALERT_WEBHOOK_SECRET", "a-long-random-text");
        return new SuspicionSettings(policy, settings.Optional("ALERT_EMAIL"), url, Encoding.UTF8.GetBytes(secret), Keys(settings));
    }

    private static DetectionPolicy ReadPolicy(SettingReader settings)
    {
        if (settings.Optional("DETECTION_POLICY") is not { } file)
            return new DetectionPolicy();
        try
        {
            return JsonSerializer.Deserialize<DetectionPolicy>(File.ReadAllText(file), SuspicionStore.Json)!;
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or JsonException)
        {
            return settings.Fault("DETECTION_POLICY", "is not a readable file with a policy's JSON", "/etc/licences/policy.json", new DetectionPolicy());
        }
    }

    private static List<byte[]> Keys(SettingReader settings)
    {
        var keys = new List<byte[]>();
        foreach (var word in settings.Words("LINK_SIGNING_KEYS"))
        {
            var bytes = new byte[word.Length];
            if (Convert.TryFromBase64String(word, bytes, out var length) && length >= LeastKeyBytes)
                keys.Add(bytes[..length]);
            else
                settings.Fault("LINK_SIGNING_KEYS", $"has a key that is not base64 of at least {LeastKeyBytes} bytes", "(openssl rand -base64 32)", 0);
        }

        return keys;
    }
}
