using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>
/// A payment provider. An intent can succeed only once, whatever happens to idempotency keys. A provider without intents must guarantee
/// this in another way (PayPal: one order, captured once). Expected failures are outcomes, not exceptions; an uncertain charge is
/// <see cref="ChargeOutcome.Unknown"/>.
/// </summary>
public interface IPaymentGateway
{
    /// <summary>The value of user_payment_methods.payment_provider.</summary>
    string Provider { get; }

    /// <summary>How long after its first use a key may be sent again. After that time, the same key would charge again.</summary>
    TimeSpan IdempotencyKeyLifetime { get; }

    /// <summary>The smallest amount that the provider charges to a card, in US dollars.</summary>
    decimal MinimumChargeUsd => 0;

    /// <summary>Whether a declined intent can be confirmed again days later. Otherwise each attempt has its own intent.</summary>
    bool ReusesIntents => true;

    /// <summary>How the provider's dashboard names the charge, in addition to its intent; null for a provider without such names.</summary>
    string? NameOf(ChargeRequest request) => null;

    /// <summary>Creates the period's intent, unconfirmed: if the answer is lost, nothing is charged.</summary>
    Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Confirms the intent off-session with the request's payment method. The only call that moves money.</summary>
    Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Looks the intent up. The outcome of a failed lookup is <see cref="ChargeOutcome.Unknown"/>.</summary>
    Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken);

    /// <summary>Cancels the intent. If it is already paid or canceled, the answer has that outcome.</summary>
    Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Looks up a charge by its id, or by the id of its intent.</summary>
    /// <returns>Null if the provider can't look up charges.</returns>
    Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken) => Task.FromResult<ChargeLookup?>(null);

    /// <summary>
    /// Searches the provider's account for the payment of an attempt whose intent is missing, or was never known here.
    /// </summary>
    /// <param name="request">The request of the attempt.</param>
    /// <param name="sentAt">When the attempt began.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    /// <returns>The intent that succeeded; null if none is found, or if the provider has no such search.</returns>
    Task<IntentSnapshot?> FindPaymentAsync(ChargeRequest request, DateTimeOffset sentAt, CancellationToken cancellationToken) =>
        Task.FromResult<IntentSnapshot?>(null);

    /// <summary>Refunds a part of the intent's charge, or all of it.</summary>
    Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Looks up whether the request was executed, also after the lifetime of its key.</summary>
    /// <returns>Null if the provider has no such refund; <see cref="RefundOutcome.Unknown"/> if the lookup failed.</returns>
    Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken);

    /// <summary>Passes evidence to the bank that disputes a charge. The provider does this once for each dispute.</summary>
    Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Looks up whether evidence was sent for the dispute, by this backend or in the provider's dashboard.</summary>
    /// <returns>Null if none was sent; <see cref="EvidenceOutcome.Unknown"/> if the lookup failed.</returns>
    Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken);
}
