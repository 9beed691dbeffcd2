namespace Licensing.Devices;

/// <summary>The guide's statuses of a license, and GRACE, which the guide counts as EXPIRED.</summary>
public enum LicenseStatus
{
    Active,
    PendingRenewal,
    Grace,
    Expired,
    Suspended,
    Revoked,
}

public static class LicenseStatuses
{
    /// <summary>A license is PENDING_RENEWAL for this long before its expiry, the start excluded. The platform's number.</summary>
    public static readonly TimeSpan PendingBefore = TimeSpan.FromDays(7);

    /// <summary>The status of a license. A license that a check refuses is never ACTIVE. SQL: license_status.</summary>
    /// <param name="expiresAt">Null means never.</param>
    public static LicenseStatus Of(LicenseVerdict verdict, DateTimeOffset? expiresAt, DateTimeOffset now) =>
        verdict.Reasons.Contains(LicenseCode.Suspended) ? LicenseStatus.Suspended
        : verdict.Reasons.Contains(LicenseCode.Revoked) ? LicenseStatus.Revoked
        : verdict.Reasons.Contains(LicenseCode.Expired) ? LicenseStatus.Expired
        : verdict.Reasons.Any(IsPausedByPlatform) ? LicenseStatus.Suspended
        : verdict.Reasons.Contains(LicenseCode.Grace) ? LicenseStatus.Grace
        : expiresAt - now < PendingBefore ? LicenseStatus.PendingRenewal
        : LicenseStatus.Active;

    private static bool IsPausedByPlatform(LicenseCode code) =>
        code is LicenseCode.Inactive or LicenseCode.LockedNoFunds or LicenseCode.PausedToxic;
}
