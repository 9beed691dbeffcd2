using System.Text;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Settings;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <summary>The settings of detection and alerts.</summary>
/// <param name="AlertEmail">The operators' address for alerts; null for no mail.</param>
/// <param name="WebhookUrl">Receives alerts as signed JSON; null for no webhook.</param>
/// <param name="WebhookSecret">The key of the signature.</param>
public sealed record SuspicionSettings(
    DetectionPolicy Policy, string? AlertEmail, Uri? WebhookUrl, byte[] WebhookSecret)
{
    /// <summary>A policy that only observes; null for none.</summary>
    public ShadowPolicy? Shadow { get; init; }

    /// <summary>How long an expired license stays valid.</summary>
    public TimeSpan Grace { get; init; }

    public static SuspicionSettings Read(SettingReader settings)
    {
        var policy = ReadPolicyInForce(settings);
        var url = settings.Address("ALERT_WEBHOOK_URL", "https://chat.example.com/hooks/licenses", "https", "http");
        var secret = url is null ? "" : settings.Text("ALERT_WEBHOOK_SECRET", "a-long-random-text");
        var email = settings.Optional("ALERT_EMAIL");
        if (email is not null && !MailAddresses.TryParse(email, out _))
            settings.Fault("ALERT_EMAIL", "is not a mail address", "operators@example.com", 0);
        return new SuspicionSettings(policy, email, url, Encoding.UTF8.GetBytes(secret))
        {
            Shadow = ReadShadow(settings, policy),
            Grace = settings.GracePeriod(),
        };
    }

    /// <summary>The policy of the file, with the limits of the settings.</summary>
    public static DetectionPolicy ReadPolicyInForce(SettingReader settings)
    {
        var file = ReadPolicy(settings);
        return file with
        {
            DeviceLimit = settings.MaxDevices(),
            AccountLimit = settings.Whole("ACCOUNTS_PER_LICENSE", file.AccountLimit, 0, 1000),
            NetworksInDay = settings.Whole("SUSPICIOUS_ACTIVITY_THRESHOLD", 3, 1, 1000),
        };
    }

    private static ShadowPolicy? ReadShadow(SettingReader settings, DetectionPolicy inForce)
    {
        const string name = "SHADOW_DETECTION_POLICY";
        if (settings.Words(name) is not { Count: > 0 } pairs)
            return null;
        var (policy, faults) = DetectionPolicyFile.With(inForce, pairs);
        foreach (var fault in faults)
            settings.Fault(name, fault, "people_minutes=25,notify_share=0.3", 0);
        return new ShadowPolicy(policy, string.Join(", ", pairs));
    }

    private static DetectionPolicy ReadPolicy(SettingReader settings)
    {
        if (settings.Optional("DETECTION_POLICY") is not { } file)
            return new DetectionPolicy();
        try
        {
            var policy = DetectionPolicyFile.Read(file);
            foreach (var fault in policy.Faults())
                Fault($"names a file in which {fault}");
            return policy;
        }
        catch (JsonException wrong)
        {
            return Fault($"names a file that is not a policy in JSON{(wrong.Path is { } path ? $" at {path}" : "")}");
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            return Fault("names a file that can't be read");
        }

        DetectionPolicy Fault(string what) => settings.Fault("DETECTION_POLICY", what, "/etc/licenses/policy.json", new DetectionPolicy());
    }
}
