using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Health;

/// <param name="MaxDevices">Devices a licence.</param>
/// <param name="Grace">How long an expired licence stays valid.</param>
public sealed record HealthSettings(int MaxDevices, TimeSpan Grace)
{
    public static HealthSettings Read(SettingReader settings) => new(
        settings.MaxDevices(),
        TimeSpan.FromDays(settings.GraceDays()));
}
