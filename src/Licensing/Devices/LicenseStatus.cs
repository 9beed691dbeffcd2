namespace Licensing.Devices;

/// <summary>The guide's words for where a license stands, with GRACE said apart from EXPIRED.</summary>
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
    /// <summary>How long before expiry a license is PENDING_RENEWAL, the start excluded. The platform's number.</summary>
    public static readonly TimeSpan PendingBefore = TimeSpan.FromDays(7);

    /// <param name="expiresAt">Null means never.</param>
    public static LicenseStatus Of(Verdict verdict, DateTimeOffset? expiresAt, DateTimeOffset now) =>
        verdict.Reasons.Contains(LicenseCode.Suspended) ? LicenseStatus.Suspended
        : verdict.Reasons.Contains(LicenseCode.Revoked) ? LicenseStatus.Revoked
        : verdict.Reasons.Contains(LicenseCode.Expired) ? LicenseStatus.Expired
        : verdict.Reasons.Contains(LicenseCode.Grace) ? LicenseStatus.Grace
        : expiresAt - now < PendingBefore ? LicenseStatus.PendingRenewal
        : LicenseStatus.Active;
}
