using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Operations;

/// <param name="IsOn">TIMER_FALLBACK.</param>
/// <param name="AutoRenewal">AUTO_RENEWAL_ENABLED.</param>
public sealed record TimerFallbackSettings(bool IsOn, bool AutoRenewal)
{
    // If an operator has switched automatic renewals off, nothing but the operator's own timer may continue a charge.
    private static readonly string[] Charging = ["RunRenewals", "ReconcileRenewals"];

    public static TimerFallbackSettings Read(SettingReader reader) => new(reader.Flag("TIMER_FALLBACK", true), reader.AutoRenewal());

    /// <summary>Whether the work of a timer that is not disabled may be done outside it.</summary>
    public bool Replaces(string timer) => IsOn && (AutoRenewal || !Charging.Contains(timer));
}
