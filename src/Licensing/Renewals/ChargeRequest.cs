namespace Licensing.Renewals;

/// <summary>
/// What a gateway is asked to charge, frozen as JSON with the attempt before the first send: a repeat under the same
/// idempotency key must carry the same parameters, whatever happened to price, card or description in between.
/// </summary>
/// <param name="RenewalId">The period's renewal; goes to the gateway as metadata, so that a webhook finds its way back.</param>
/// <param name="SubscriptionId">The license; metadata.</param>
/// <param name="UserId">Who pays; metadata.</param>
/// <param name="AmountMinor">Minor units of <paramref name="Currency"/> (cents), greater than 0.</param>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="CustomerId">The gateway's id of the customer.</param>
/// <param name="PaymentId">The gateway's id of the saved payment method.</param>
/// <param name="Description">For the customer's statement and the gateway's dashboard; no personal data.</param>
public sealed record ChargeRequest(
    Guid RenewalId,
    Guid SubscriptionId,
    Guid UserId,
    long AmountMinor,
    string Currency,
    string CustomerId,
    string PaymentId,
    string Description);
