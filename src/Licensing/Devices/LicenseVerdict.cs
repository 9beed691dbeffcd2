using System.Globalization;

namespace Licensing.Devices;

/// <summary>
/// The codes of a check's answer, in order of precedence: if there are several reasons, the first one in this list is the code.
/// </summary>
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

/// <summary>The open suspensions of a license that this backend wrote, seen from one token and one device.</summary>
/// <param name="OnlyForExpiry">Their only cause is EXPIRY.</param>
/// <param name="Reason">The text for people that was written to the subscription.</param>
/// <param name="DeactivatedToken">The checked token is inactive because of them.</param>
/// <param name="OwnsSubscriptionState">The subscription is SUSPENDED_ADMIN for one of their reasons: nobody else has suspended it.</param>
/// <param name="CausedByThisDevice">The device that checks caused one of them.</param>
public sealed record OpenSuspension(
    bool OnlyForExpiry, string Reason, bool DeactivatedToken, bool OwnsSubscriptionState, bool CausedByThisDevice);

/// <summary>What a check reads about a token and its license.</summary>
/// <param name="TokenActive">license_tokens.is_active.</param>
/// <param name="RevokedReason">license_tokens.revoked_reason.</param>
/// <param name="OverlapUntil">Null unless the token was replaced by rotation; it is accepted before this time.</param>
/// <param name="ExpiresAt">The license's expiry, exclusive: the expiry of its current token. Null means never.</param>
/// <param name="GraceUntil">While the outcome of a renewal is open, the license is valid before this time.</param>
public sealed record LicenseFacts(
    bool TokenActive,
    string? RevokedReason,
    DateTimeOffset? OverlapUntil,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? GraceUntil,
    SubscriptionState State,
    bool SubscriptionActive,
    string? PausedReason,
    OpenSuspension? Suspension)
{
    /// <summary>The end of an expired license's grace, excluded: the later of expiry plus grace and GraceUntil.</summary>
    /// <returns>Null if the license never expires.</returns>
    public DateTimeOffset? GraceEnd(TimeSpan grace) =>
        ExpiresAt + grace is { } end ? GraceUntil > end ? GraceUntil : end : null;
}

/// <summary>The answer to a license check.</summary>
/// <param name="Code">The first reason by precedence; Valid when there is none.</param>
/// <param name="Reasons">Every reason, in order of precedence; empty when valid.</param>
/// <param name="Detail">A sentence for people.</param>
public sealed record LicenseVerdict(LicenseCode Code, IReadOnlyList<LicenseCode> Reasons, string Detail)
{
    private static readonly LicenseVerdict ValidVerdict = new(LicenseCode.Valid, [], "The license is valid");

    public bool IsValid => Code is LicenseCode.Valid or LicenseCode.Grace;

    /// <summary>The answer for a token that no license has. The platform's text.</summary>
    public static LicenseVerdict NotFound { get; } = new(LicenseCode.NotFound, [LicenseCode.NotFound], "Invalid license token");

    /// <summary>
    /// Evaluates token, suspension, expiry and subscription. The device is admitted later, and only if the license passes, so that a
    /// refused check registers nothing.
    /// </summary>
    /// <param name="grace">How long an expired license stays valid, 0 or more.</param>
    public static LicenseVerdict Of(LicenseFacts facts, DateTimeOffset now, TimeSpan grace)
    {
        // A caller with a token that rotation replaced must learn nothing else about the license.
        if (facts.OverlapUntil <= now)
            return Refuse(LicenseCode.Revoked, "This token was replaced by a new one");

        var reasons = new List<(LicenseCode Code, string Detail)>();
        AddExpiry(reasons, facts, now, grace);
        AddSuspension(reasons, facts, now, grace);
        AddRevocation(reasons, facts);
        AddSubscription(reasons, facts);
        if (reasons.Count == 0)
            return ValidVerdict;

        var ordered = reasons.DistinctBy(reason => reason.Code).OrderBy(reason => reason.Code).ToList();
        return new LicenseVerdict(ordered[0].Code, [.. ordered.Select(reason => reason.Code)], ordered[0].Detail);
    }

    /// <summary>
    /// Whether an operator reactivated the token manually (the guide's runbook) although a suspension of this backend is open. The
    /// suspension then counts as lifted.
    /// </summary>
    public static bool IsReinstatedManually(LicenseFacts facts, DateTimeOffset now) =>
        facts is { TokenActive: true, Suspension: { } suspension }
        && !(facts.OverlapUntil <= now)
        && (facts.State != SubscriptionState.SuspendedAdmin || suspension.OwnsSubscriptionState);

    /// <summary>
    /// Whether the license was suspended only because it expired, and its expiry was then extended, for example after a bank transfer. The
    /// suspension then counts as lifted.
    /// </summary>
    /// <param name="grace">How long an expired license stays valid, 0 or more.</param>
    public static bool IsExpiryExtended(LicenseFacts facts, DateTimeOffset now, TimeSpan grace) =>
        facts.Suspension is { } suspension
            ? suspension.OnlyForExpiry
                && (suspension.OwnsSubscriptionState || facts.State != SubscriptionState.SuspendedAdmin)
                && !(now >= facts.GraceEnd(grace))
            // By the platform's SQL, which decides itself when its grace ends: the expiry must be ahead.
            : IsSuspendedForExpiryByPlatform(facts)
                && (facts.TokenActive || facts.RevokedReason == SuspensionTexts.Expired.RevokedReason)
                && !(now >= facts.ExpiresAt);

    /// <summary>The answer for a device that was not admitted. Reasons such as GRACE remain in the list.</summary>
    public LicenseVerdict DeviceLimitReached(string detail) =>
        new(LicenseCode.TooManyDevices, [LicenseCode.TooManyDevices, .. Reasons], detail);

    /// <summary>The answer for the device that caused the license's suspension.</summary>
    public LicenseVerdict SuspendedByDevice(string reason) =>
        new(LicenseCode.Suspended, [LicenseCode.Suspended, LicenseCode.TooManyDevices, .. Reasons], reason);

    /// <summary>
    /// Adds the refused device to the platform's text of a suspension for the device limit, which names none. A trader reads the text on
    /// the chart.
    /// </summary>
    /// <param name="refusedEa">Its EA instance; null if no suspension for the device limit is open.</param>
    public LicenseVerdict Naming(string? refusedEa) =>
        refusedEa is not null && Detail.StartsWith(SuspendedForDevices, StringComparison.Ordinal)
            ? this with { Detail = $"{Detail}. Refused device: {refusedEa}" }
            : this;

    private static readonly string SuspendedForDevices = SuspensionTexts.Automatic(Admission.Suspends.ConcurrentSessions).PausedReason;

    private static bool IsSuspendedForExpiryByPlatform(LicenseFacts facts) =>
        facts is { Suspension: null, State: SubscriptionState.SuspendedAdmin }
        && facts.PausedReason == SuspensionTexts.Expired.PausedReason;

    private static LicenseVerdict Refuse(LicenseCode code, string detail) => new(code, [code], detail);

    private static void AddSuspension(List<(LicenseCode, string)> reasons, LicenseFacts facts, DateTimeOffset now, TimeSpan grace)
    {
        if (IsExpiryExtended(facts, now, grace))
            return;
        if (facts.Suspension is { } suspension)
        {
            if (suspension.OnlyForExpiry && (suspension.OwnsSubscriptionState || facts.State != SubscriptionState.SuspendedAdmin))
            {
                reasons.Add((LicenseCode.Expired, "The license expired"));
            }
            else
            {
                var reason = suspension.OwnsSubscriptionState ? suspension.Reason : facts.PausedReason ?? suspension.Reason;
                reasons.Add((LicenseCode.Suspended, reason));
            }

            if (suspension.CausedByThisDevice)
                reasons.Add((LicenseCode.TooManyDevices, suspension.Reason));
        }
        else if (facts.State == SubscriptionState.SuspendedAdmin)
        {
            reasons.Add(IsSuspendedForExpiryByPlatform(facts)
                ? (LicenseCode.Expired, "The license expired")
                : (LicenseCode.Suspended, facts.PausedReason ?? "The platform suspended this subscription"));
        }
    }

    // A token that a suspension deactivated isn't revoked.
    private static void AddRevocation(List<(LicenseCode, string)> reasons, LicenseFacts facts)
    {
        var takenBySuspension = facts.Suspension?.DeactivatedToken == true
            || (facts.State == SubscriptionState.SuspendedAdmin && SuspensionTexts.IsOfSuspendedToken(facts.RevokedReason));
        if (!facts.TokenActive && !takenBySuspension)
        {
            var detail = facts.RevokedReason is { } why ? $"This token was revoked: {why}" : "This token was revoked";
            reasons.Add((LicenseCode.Revoked, detail));
        }
    }

    private static void AddExpiry(List<(LicenseCode, string)> reasons, LicenseFacts facts, DateTimeOffset now, TimeSpan grace)
    {
        if (facts.ExpiresAt is not { } expiry || now < expiry)
            return;

        var graceEnd = facts.GraceEnd(grace)!.Value;
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
