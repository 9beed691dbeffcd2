namespace Licensing.Renewals;

/// <summary>The answer to a lookup of a charge by its id.</summary>
public abstract record ChargeLookup
{
    private ChargeLookup() { }

    /// <param name="ChargeId">The provider's id of the charge; that of its intent if the provider names no charge.</param>
    /// <param name="IntentId">Its intent; null if it has none.</param>
    /// <param name="IsPaid">The charge succeeded.</param>
    /// <param name="AmountMinor">What was charged, in minor units of <paramref name="Currency"/>.</param>
    /// <param name="Currency">ISO 4217, lower case.</param>
    /// <param name="RenewalId">From its metadata; null for a charge of another system.</param>
    /// <param name="SubscriptionId">From its metadata.</param>
    public sealed record Found(
        string ChargeId, string? IntentId, bool IsPaid, long AmountMinor, string Currency, Guid? RenewalId, Guid? SubscriptionId)
        : ChargeLookup
    {
        /// <summary>The renewal in its metadata, also if the payer may have written it. Only an operator may use it.</summary>
        public Guid? UnprovenRenewalId { get; init; }
    }

    /// <summary>The provider has no such charge.</summary>
    public sealed record Missing : ChargeLookup;

    /// <summary>The provider gave no certain answer.</summary>
    public sealed record Unknown(string Reason) : ChargeLookup;
}
