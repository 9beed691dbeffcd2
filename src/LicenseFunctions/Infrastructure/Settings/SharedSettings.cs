namespace LicenseFunctions.Infrastructure.Settings;

/// <summary>Settings that several folders read, each with one default and one range.</summary>
public static class SharedSettings
{
    /// <summary>Number of slots of a license.</summary>
    public static int MaxDevices(this SettingReader settings) => settings.Whole("MAX_DEVICES_PER_LICENSE", 2, 1, 100);

    /// <summary>
    /// How long an expired license stays valid. It must be shorter than the 30 days of a period: otherwise the period that is charged could
    /// end before its grace period.
    /// </summary>
    public static TimeSpan GracePeriod(this SettingReader settings) => settings.Days("RENEWAL_GRACE_PERIOD_DAYS", 3, 0, 29);
}
