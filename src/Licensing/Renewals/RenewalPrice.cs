namespace Licensing.Renewals;

/// <summary>What a renewal costs. The preview, the charge and the health score use it.</summary>
/// <param name="AmountUsd">US dollars; null while the master has no active price, because nothing is charged then.</param>
/// <param name="NeedsConsent">The price rose and the customer hasn't agreed to it yet.</param>
public readonly record struct RenewalPrice(decimal? AmountUsd, bool NeedsConsent)
{
    /// <summary>
    /// The master's active price. Only while an intent is open, a renewal keeps the price of that intent. A consent counts up to
    /// the accepted amount.
    /// </summary>
    /// <param name="storedUsd">The amount of the renewal's row; null before it is opened, or if there was no active price then.</param>
    /// <param name="isFrozen"><see cref="Renewal.IsPriceFrozen"/>.</param>
    /// <param name="isAccepted">The customer agreed to <paramref name="storedUsd"/>.</param>
    /// <param name="activeUsd">The master's active price now; null for none.</param>
    /// <param name="lastPaidUsd">What the customer's last renewal cost, or the price at subscribing; null if it is not known.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static RenewalPrice Of(
        decimal? storedUsd, bool isFrozen, bool isAccepted, decimal? activeUsd, decimal? lastPaidUsd, RenewalPolicy policy)
    {
        if (activeUsd is not { } active) return default;
        var amount = isFrozen && storedUsd is { } frozen ? frozen : active;
        var accepted = isAccepted && amount <= storedUsd;
        return new RenewalPrice(amount, !accepted && policy.NeedsConsent(amount, lastPaidUsd));
    }
}
