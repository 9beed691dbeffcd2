using System.Net.Mail;
using System.Text;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Licenses;
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
        var url = settings.Address("ALERT_WEBHOOK_URL", "https://chat.example.com/hooks/licenses", "https", "http");
        var secret = url is null ? "" : settings.Text("ALERT_WEBHOOK_SECRET", "a-long-random-text");
        var email = settings.Optional("ALERT_EMAIL");
        if (email is not null && !MailAddress.TryCreate(email, out _))
            settings.Fault("ALERT_EMAIL", "is not a mail address", "operators@example.com", 0);
        return new SuspicionSettings(policy, email, url, Encoding.UTF8.GetBytes(secret));
    }

    private static DetectionPolicy ReadPolicy(SettingReader settings)
    {
        if (settings.Optional("DETECTION_POLICY") is not { } file)
            return new DetectionPolicy();
        try
        {
            return JsonSerializer.Deserialize<DetectionPolicy>(File.ReadAllText(file), SuspicionStore.Json) ?? throw new JsonException();
        }
        catch (JsonException wrong)
        {
            return settings.Fault("DETECTION_POLICY", $"names a file that is no policy's JSON{(wrong.Path is { } path ? $" at {path}" : "")}", "/etc/licenses/policy.json", new DetectionPolicy());
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            return settings.Fault("DETECTION_POLICY", "names a file that can't be read", "/etc/licenses/policy.json", new DetectionPolicy());
        }
    }
}
