using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>
/// A payment provider. An intent can succeed only once, whatever happens to keys; a provider without intents of its own
/// keeps that promise otherwise (PayPal: one order, captured once). Expected trouble is an outcome, never an exception:
/// whatever leaves the charge uncertain is <see cref="ChargeOutcome.Unknown"/>.
/// </summary>
public interface IPaymentGateway
{
    /// <summary>As in user_payment_methods.payment_provider.</summary>
    string Provider { get; }

    /// <summary>For how long after its first use a key may be sent again. Past it, the same key would charge again.</summary>
    TimeSpan IdempotencyKeyLifetime { get; }

    /// <summary>Creates the period's intent, unconfirmed: an orphan of a lost answer charges nothing.</summary>
    Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Confirms off-session with the request's payment method. The one call that moves money.</summary>
    Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken);

    /// <summary>Looks the intent up. A lookup that fails is <see cref="ChargeOutcome.Unknown"/>.</summary>
    Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken);

    /// <summary>Cancels the intent. One that was paid or is cancelled already answers what it is.</summary>
    Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken);
}
