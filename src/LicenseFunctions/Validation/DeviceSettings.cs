using LicenseFunctions.Infrastructure.Settings;
using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <param name="Grace">How long an expired license stays valid.</param>
public sealed record DeviceSettings(DevicePolicy Policy, TimeSpan Grace)
{
    public static DeviceSettings Read(SettingReader settings) => new(
        new DevicePolicy(
            settings.MaxDevices(),
            settings.Choice("DEVICE_IDENTITY", "ea_account", "ip_ea_account") == "ea_account"
                ? DeviceIdentity.EaAccount
                : DeviceIdentity.IpEaAccount,
            settings.Choice("DEVICE_LIMIT_ACTION", "suspend", "refuse") == "suspend"
                ? DeviceLimitAction.Suspend
                : DeviceLimitAction.Refuse),
        settings.GracePeriod());
}
