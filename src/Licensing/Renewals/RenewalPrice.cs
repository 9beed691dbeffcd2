namespace Licensing.Renewals;

/// <summary>What a renewal costs. The preview, the charge and the health score use it.</summary>
/// <param name="AmountUsd">US dollars; null while the master has no active price, because nothing is charged then.</param>
/// <param name="NeedsConsent">The price rose and the customer hasn't agreed to it yet.</param>
public readonly record struct RenewalPrice(decimal? AmountUsd, bool NeedsConsent)
{
    /// <summary>A renewal keeps the price that was active when it was opened, even if the master changes the price later.</summary>
    /// <param name="frozenUsd">The renewal's own price; null before it is opened, or if there was no active price then.</param>
    /// <param name="activeUsd">The master's active price now; null for none.</param>
    /// <param name="lastPaidUsd">What the customer's last renewal cost; null before the first.</param>
    /// <param name="isAccepted">The customer agreed to the renewal's price.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static RenewalPrice Of(decimal? frozenUsd, decimal? activeUsd, decimal? lastPaidUsd, bool isAccepted, RenewalPolicy policy)
    {
        if (activeUsd is not { } active) return default;
        var amount = frozenUsd ?? active;
        return new RenewalPrice(amount, !isAccepted && policy.NeedsConsent(amount, lastPaidUsd));
    }
}
