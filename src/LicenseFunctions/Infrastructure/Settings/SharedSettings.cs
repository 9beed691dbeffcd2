namespace LicenseFunctions.Infrastructure.Settings;

/// <summary>What several folders read of the same setting: one range each, so that all of them take it or none does.</summary>
public static class SharedSettings
{
    /// <summary>Slots of a license.</summary>
    public static int MaxDevices(this SettingReader settings) => settings.Whole("MAX_DEVICES_PER_LICENSE", 2, 1, 100);

    /// <summary>Days that an expired license stays valid: fewer than the 30 of a period, or graces would reach over what they wait for.</summary>
    public static int GraceDays(this SettingReader settings) => settings.Whole("RENEWAL_GRACE_PERIOD_DAYS", 3, 0, 29);
}
