namespace Licensing.Renewals;

/// <summary>
/// Why a license is not renewed: nobody is charged for a license that isn't served. Stored and sent in lower snake case.
/// SQL: renewal_block.
/// </summary>
public enum RenewalBlock
{
    /// <summary>The subscriber's account is closed.</summary>
    AccountClosed,

    /// <summary>The master's account is closed.</summary>
    MasterClosed,

    /// <summary>The platform ended the subscription.</summary>
    SubscriptionInactive,

    /// <summary>An operator, the detector or the platform suspended the license, not only for its expiry.</summary>
    LicenseSuspended,

    /// <summary>The platform paused the subscription. RENEW_PAUSED_LICENSES decides.</summary>
    PausedToxic,

    /// <summary>The platform locked the subscription for a lack of funds. RENEW_PAUSED_LICENSES decides.</summary>
    LockedNoFunds,
}
