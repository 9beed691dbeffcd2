namespace Licensing.Devices;

/// <summary>The texts that a suspension writes. The platform writes the same texts, and verdicts depend on them.</summary>
/// <param name="PausedReason">subscriptions.paused_reason, and the detail of a check's answer.</param>
/// <param name="RevokedReason">license_tokens.revoked_reason.</param>
public sealed record SuspensionTexts(string PausedReason, string RevokedReason)
{
    private const string AutoSuspended = "Auto-suspended: ";
    private const string LicenseSuspended = "License suspended: ";

    /// <summary>For an expired license. SQL: is_license_suspended.</summary>
    public static readonly SuspensionTexts Expired = new("License expired", "Expired - grace period ended");

    /// <param name="violation">The rule that the license broke.</param>
    public static SuspensionTexts Automatic(string violation) => new(LicenseSuspended + violation, AutoSuspended + violation);

    public static SuspensionTexts ByOperator(string reason) => new(LicenseSuspended + reason, "Suspended: " + reason);

    /// <summary>An operator's own words in a <see cref="PausedReason"/>; null for a suspension that no operator made.</summary>
    public static string? WordsOfOperator(string cause, string pausedReason) =>
        cause is not (SuspensionCause.Operator or SuspensionCause.Fraud)
            ? null
            : pausedReason.StartsWith(LicenseSuspended, StringComparison.Ordinal) ? pausedReason[LicenseSuspended.Length..] : pausedReason;

    /// <summary>
    /// Whether an automatic suspension deactivated the token. The platform's first version wrote no row in license_suspensions, so only the
    /// reason shows it.
    /// </summary>
    public static bool IsOfSuspendedToken(string? revokedReason) =>
        revokedReason == Expired.RevokedReason || revokedReason?.StartsWith(AutoSuspended, StringComparison.Ordinal) == true;
}
