using LicenseFunctions.Infrastructure.Settings;
using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <param name="Grace">How long an expired license stays valid.</param>
/// <param name="CloseOnly">How long the devices of a refused license may manage and close their positions.</param>
public sealed record DeviceSettings(DevicePolicy Policy, TimeSpan Grace, TimeSpan CloseOnly)
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
        settings.GracePeriod(),
        settings.CloseOnly());
}
