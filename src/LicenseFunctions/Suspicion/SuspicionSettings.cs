using System.Text;
using System.Text.Json;
using LicenseFunctions.Database;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <param name="AlertEmail">Where operators are told; null = on the page only.</param>
/// <param name="WebhookUrl">Gets alerts as signed JSON; null = none.</param>
/// <param name="WebhookSecret">Keys the signature.</param>
public sealed record SuspicionSettings(
    DetectionPolicy Policy, string? AlertEmail, Uri? WebhookUrl, byte[] WebhookSecret)
{
    public static SuspicionSettings Read(SettingReader settings)
    {
        var policy = ReadPolicy(settings) with
        {
            DeviceLimit = settings.MaxDevices(),
            NetworksInDay = settings.Whole("SUSPICIOUS_ACTIVITY_THRESHOLD", 3, 1, 1000),
        };
        var url = settings.Address("ALERT_WEBHOOK_URL", "https://chat.example.com/hooks/licences", "https", "http");
        var secret = url is null ? "" : settings.Text("ALERT_WEBHOOK_SECRET", "a-long-random-text");
        return new SuspicionSettings(policy, settings.Optional("ALERT_EMAIL"), url, Encoding.UTF8.GetBytes(secret));
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
}
