using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Licenses;

/// <param name="Grace">How long an expired license stays valid.</param>
/// <param name="CloseOnly">How long the devices of a refused license may manage and close their positions.</param>
public sealed record ListSettings(TimeSpan Grace, TimeSpan CloseOnly)
{
    public static ListSettings Read(SettingReader settings) => new(settings.GracePeriod(), settings.CloseOnly());
}
