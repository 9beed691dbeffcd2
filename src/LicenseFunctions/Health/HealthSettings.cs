using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Health;

/// <param name="MaxDevices">Devices for each license.</param>
/// <param name="Grace">How long an expired license stays valid.</param>
public sealed record HealthSettings(int MaxDevices, TimeSpan Grace)
{
    public static HealthSettings Read(SettingReader settings) => new(
        settings.MaxDevices(),
        settings.GracePeriod());
}
