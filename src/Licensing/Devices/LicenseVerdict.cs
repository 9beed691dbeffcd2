using System.Globalization;

namespace Licensing.Devices;

/// <summary>What a check can answer, in order of precedence: of several reasons, the first one here is the answer's code.</summary>
public enum LicenseCode
{
    NotFound,
    Suspended,
    Revoked,
    Expired,
    Inactive,
    LockedNoFunds,
    PausedToxic,
    TooManyDevices,
    Grace,
    Valid,
}

/// <summary>The platform's states of a subscription.</summary>
public enum SubscriptionState
{
    Synced,
    DegradedGap,
    LockedNoFunds,
    PausedToxic,
    SuspendedAdmin,
}

/// <summary>Suspensions of a license that this backend wrote and that are still open.</summary>
/// <param name="OnlyForExpiry">No other cause than EXPIRY.</param>
/// <param name="Reason">What was written to the subscription, for people.</param>
/// <param name="TookToken">The token checked is inactive because of them.</param>
/// <param name="StandsOnSubscription">The subscription's SUSPENDED_ADMIN still bears one of their reasons: nobody else suspended since.</param>
/// <param name="LedByThisDevice">The device that checks is the newcomer that led to one of them.</param>
public sealed record OpenSuspension(bool OnlyForExpiry, string Reason, bool TookToken, bool StandsOnSubscription, bool LedByThisDevice);

/// <summary>What is known of a token and its license when it is checked.</summary>
/// <param name="TokenActive">license_tokens.is_active.</param>
/// <param name="RevokedReason">license_tokens.revoked_reason.</param>
/// <param name="OverlapUntil">The token was rotated away and is accepted until then, excluded.</param>
/// <param name="ExpiresAt">The license's expiry, excluded: its current token's. Null means never.</param>
/// <param name="GraceUntil">Valid until then, excluded, while a renewal's outcome is open.</param>
public sealed record LicenseFacts(
    bool TokenActive,
    string? RevokedReason,
    DateTimeOffset? OverlapUntil,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? GraceUntil,
    SubscriptionState State,
    bool SubscriptionActive,
    string? PausedReason,
    OpenSuspension? Suspension);

/// <summary>The answer to a check.</summary>
/// <param name="Code">The first reason by precedence; Valid when there is none.</param>
/// <param name="Reasons">Every reason, in order of precedence; empty when valid.</param>
/// <param name="Detail">A sentence for people.</param>
public sealed record Verdict(LicenseCode Code, IReadOnlyList<LicenseCode> Reasons, string Detail)
{
    private static readonly Verdict ValidVerdict = new(LicenseCode.Valid, [], "The license is valid");

    public bool IsValid => Code is LicenseCode.Valid or LicenseCode.Grace;

    /// <summary>For a token that no license has, in the platform's words.</summary>
    public static Verdict NotFound { get; } = new(LicenseCode.NotFound, [LicenseCode.NotFound], "Invalid license token");

    /// <summary>
    /// Judges token, suspension, expiry and subscription; the device is judged after them, and only on a license that passes,
    /// so that a refused check registers nothing.
    /// </summary>
    /// <param name="grace">How long an expired license stays valid, 0 or more.</param>
    public static Verdict Of(LicenseFacts facts, DateTimeOffset now, TimeSpan grace)
    {
        // Whoever still holds a rotated-away token learns nothing else about the license.
        if (facts.OverlapUntil <= now)
            return Refuse(LicenseCode.Revoked, "This token was replaced by a new one");

        var reasons = new List<(LicenseCode Code, string Detail)>();
        AddExpiry(reasons, facts, now, grace);
        AddSuspension(reasons, facts);
        AddRevocation(reasons, facts);
        AddSubscription(reasons, facts);
        if (reasons.Count == 0)
            return ValidVerdict;

        var ordered = reasons.DistinctBy(reason => reason.Code).OrderBy(reason => reason.Code).ToList();
        return new Verdict(ordered[0].Code, [.. ordered.Select(reason => reason.Code)], ordered[0].Detail);
    }

    /// <summary>The token was reactivated by hand (the guide's runbook) over a suspension of ours: it counts as lifted.</summary>
    public static bool IsReinstatedByHand(LicenseFacts facts, DateTimeOffset now) =>
        facts is { TokenActive: true, Suspension: { } suspension }
        && !(facts.OverlapUntil <= now)
        && (facts.State != SubscriptionState.SuspendedAdmin || suspension.StandsOnSubscription);

    /// <summary>This answer for a device that found no place; the warning of an expired license stays among the reasons.</summary>
    public Verdict WithoutPlace(string detail) =>
        new(LicenseCode.TooManyDevices, [LicenseCode.TooManyDevices, .. Reasons], detail);

    /// <summary>This answer for the device that made the license suspended.</summary>
    public Verdict SuspendedByDevice(string reason) =>
        new(LicenseCode.Suspended, [LicenseCode.Suspended, LicenseCode.TooManyDevices, .. Reasons], reason);

    private static Verdict Refuse(LicenseCode code, string detail) => new(code, [code], detail);

    private static void AddSuspension(List<(LicenseCode, string)> reasons, LicenseFacts facts)
    {
        if (facts.Suspension is { } suspension)
        {
            if (suspension.OnlyForExpiry && (suspension.StandsOnSubscription || facts.State != SubscriptionState.SuspendedAdmin))
                reasons.Add((LicenseCode.Expired, "The license expired"));
            else
                reasons.Add((LicenseCode.Suspended, suspension.StandsOnSubscription ? suspension.Reason : facts.PausedReason ?? suspension.Reason));
            if (suspension.LedByThisDevice)
                reasons.Add((LicenseCode.TooManyDevices, suspension.Reason));
        }
        else if (facts.State == SubscriptionState.SuspendedAdmin)
        {
            reasons.Add(facts.PausedReason == "License expired"
                ? (LicenseCode.Expired, "The license expired")
                : (LicenseCode.Suspended, facts.PausedReason ?? "The platform suspended this subscription"));
        }
    }

    // A token that a suspension took isn't revoked; nor is one that the platform's first version took, which wrote no row of ours.
    private static void AddRevocation(List<(LicenseCode, string)> reasons, LicenseFacts facts)
    {
        var takenBySuspension = facts.Suspension?.TookToken == true
            || (facts.State == SubscriptionState.SuspendedAdmin
                && (facts.RevokedReason?.StartsWith("Auto-suspended: ", StringComparison.Ordinal) == true
                    || facts.RevokedReason == "Expired - grace period ended"));
        if (!facts.TokenActive && !takenBySuspension)
            reasons.Add((LicenseCode.Revoked, facts.RevokedReason is { } why ? $"This token was revoked: {why}" : "This token was revoked"));
    }

    private static void AddExpiry(List<(LicenseCode, string)> reasons, LicenseFacts facts, DateTimeOffset now, TimeSpan grace)
    {
        if (facts.ExpiresAt is not { } expiry || now < expiry)
            return;

        var graceEnd = facts.GraceUntil > expiry + grace ? facts.GraceUntil.Value : expiry + grace;
        var expired = $"The license expired at {Minute(expiry)}";
        reasons.Add(now < graceEnd
            ? (LicenseCode.Grace, $"{expired}; it stays valid until {Minute(graceEnd)} while its renewal is tried")
            : (LicenseCode.Expired, expired));
    }

    private static void AddSubscription(List<(LicenseCode, string)> reasons, LicenseFacts facts)
    {
        if (!facts.SubscriptionActive)
            reasons.Add((LicenseCode.Inactive, "The subscription is not active"));
        if (facts.State == SubscriptionState.LockedNoFunds)
            reasons.Add((LicenseCode.LockedNoFunds, facts.PausedReason ?? "The subscription is locked: no funds"));
        if (facts.State == SubscriptionState.PausedToxic)
            reasons.Add((LicenseCode.PausedToxic, facts.PausedReason ?? "The subscription is paused: toxic trading conditions"));
    }

    private static string Minute(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
