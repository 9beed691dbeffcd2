namespace Licensing.Devices;

/// <summary>What an EA may do after a check.</summary>
public enum Entitlement
{
    /// <summary>It may open, manage and close positions.</summary>
    Full,

    /// <summary>It may manage and close the positions that are open.</summary>
    CloseOnly,

    /// <summary>It may do nothing.</summary>
    None,
}

/// <summary>What decides whether a refused device may still close its positions.</summary>
/// <param name="FirstSeenAt">When the device was admitted to the license for the first time; null if it never had a slot.</param>
/// <param name="RefusedSince">The beginning of the license's close-only period; the present time if none has begun.</param>
/// <param name="SuspendedSince">When the license was suspended; null if it isn't, or if the time is not known.</param>
/// <param name="IsFraud">A suspension for fraud is open.</param>
public sealed record CloseOnlyFacts(
    DateTimeOffset? FirstSeenAt, DateTimeOffset RefusedSince, DateTimeOffset? SuspendedSince, bool IsFraud);

/// <summary>Decides what an EA may do after a check. Pure.</summary>
public static class Entitlements
{
    /// <summary>
    /// A device that was admitted within this time before a suspension may have been admitted to share the license: it may not close
    /// positions.
    /// </summary>
    public static readonly TimeSpan NewBeforeSuspension = TimeSpan.FromHours(24);

    /// <summary>
    /// Within this time after the first refusal of a license, and for as long as it stays refused, no other refusal begins a new period:
    /// repeated suspensions must not keep an EA running.
    /// </summary>
    public static readonly TimeSpan PeriodCountsFor = TimeSpan.FromDays(90);

    public static Entitlement Of(bool isValid, DateTimeOffset? closeOnlyUntil) =>
        isValid ? Entitlement.Full : closeOnlyUntil is null ? Entitlement.None : Entitlement.CloseOnly;

    /// <summary>
    /// Whether devices may close their positions after a refusal with this code: the end of a license must not leave open positions
    /// without their EA. After the other codes they may not: the token is revoked or unknown, or the device has no slot.
    /// </summary>
    public static bool MayClose(LicenseCode code) => code is LicenseCode.Expired or LicenseCode.Suspended or LicenseCode.Inactive
        or LicenseCode.LockedNoFunds or LicenseCode.PausedToxic;

    /// <summary>Until when a refused device may manage and close its positions, the end excluded.</summary>
    /// <param name="code">The code of the refusal.</param>
    /// <param name="length">How long it lasts from the first refusal, 0 or more.</param>
    /// <returns>Null if it may not, or no longer.</returns>
    public static DateTimeOffset? CloseOnlyUntil(LicenseCode code, CloseOnlyFacts facts, TimeSpan length, DateTimeOffset now) =>
        MayClose(code)
        && !facts.IsFraud
        && facts.FirstSeenAt is { } seen
        && !(code == LicenseCode.Suspended && seen > facts.SuspendedSince - NewBeforeSuspension)
        && now < facts.RefusedSince + length
            ? facts.RefusedSince + length
            : null;
}
