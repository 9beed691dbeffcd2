namespace Licensing.Renewals;

/// <summary>
/// The parameters of a charge, frozen as JSON with the attempt before the first send. A repeat under the same idempotency key must
/// have the same parameters, even if price, card or description changed in between.
/// </summary>
/// <param name="RenewalId">The period's renewal. Sent as metadata, so that a webhook can be assigned to it.</param>
/// <param name="SubscriptionId">The license; metadata.</param>
/// <param name="UserId">Who pays; metadata.</param>
/// <param name="AmountMinor">Minor units of <paramref name="Currency"/> (cents), greater than 0.</param>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="CustomerId">The provider's id of the customer.</param>
/// <param name="PaymentId">The provider's id of the saved payment method.</param>
/// <param name="Description">For the customer's statement and the provider's dashboard; no personal data.</param>
public sealed record ChargeRequest(
    Guid RenewalId,
    Guid SubscriptionId,
    Guid UserId,
    long AmountMinor,
    string Currency,
    string CustomerId,
    string PaymentId,
    string Description)
{
    /// <summary>The part of <see cref="AmountMinor"/> that is for deferred renewals of the license. Sent as metadata.</summary>
    public long DebtsMinor { get; init; }

    /// <summary>
    /// Number of the attempt that made the request; 0 in requests that are older than this field. With <see cref="RenewalId"/> it names the
    /// charge for a provider that refuses a second payment of the same name, also after a restore of the database.
    /// </summary>
    public int Attempt { get; init; }

    /// <summary>
    /// The gateway signs the name of the charge, so that nobody else can make a payment of this name. False in requests that are older than
    /// this field: a repeat must have the same name.
    /// </summary>
    public bool IsNameSigned { get; init; }
}
