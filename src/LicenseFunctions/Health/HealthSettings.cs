namespace LicenseFunctions.Health;

/// <param name="MaxDevices">Devices a licence.</param>
/// <param name="Grace">How long an expired licence stays valid.</param>
public sealed record HealthSettings(int MaxDevices, TimeSpan Grace)
{
    public static HealthSettings Read(SettingReader settings) => new(
        settings.Whole("MAX_DEVICES_PER_LICENSE", 2, 1, 100),
        TimeSpan.FromDays(settings.Whole("RENEWAL_GRACE_PERIOD_DAYS", 3, 0, 60)));
}
