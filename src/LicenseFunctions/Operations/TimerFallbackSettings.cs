using LicenseFunctions.Infrastructure.Settings;
using StandaloneHost;

namespace LicenseFunctions.Operations;

/// <param name="Excluded">Timers whose work is never done outside them.</param>
public sealed record TimerFallbackSettings(bool IsOn, IReadOnlySet<string> Excluded)
{
    // If an operator has switched automatic renewals off, only these timers themselves may continue a charge.
    private static readonly string[] Charging = ["RunRenewals", "ReconcileRenewals"];

    public static TimerFallbackSettings Read(SettingReader reader, IEnumerable<string> timers) => new(
        reader.Flag("TIMER_FALLBACK", true),
        timers.Where(timer => DisabledFunctions.Contain(timer, reader.Optional)).Concat(reader.AutoRenewal() ? [] : Charging).ToHashSet());

    public bool StandsInFor(string timer) => IsOn && !Excluded.Contains(timer);
}
