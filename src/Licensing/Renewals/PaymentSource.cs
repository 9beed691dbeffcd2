namespace Licensing.Renewals;

/// <summary>What pays a renewal, or why nothing does. The charge, its preview and the health score use it.</summary>
/// <param name="With">Null if nothing can pay.</param>
/// <param name="Obstacle">A code; null if <paramref name="With"/> can pay.</param>
public readonly record struct PaymentSource(PaidWith? With, string? Obstacle)
{
    public const string NoActivePrice = "no_active_price";
    public const string PriceConsent = "price_consent";
    public const string NoPaymentMethod = "no_payment_method";
    public const string UnknownProvider = "unknown_payment_provider";

    /// <summary>A charge of the license is disputed: no card is charged automatically.</summary>
    public const string PaymentDisputed = "payment_disputed";

    /// <summary>The provider charges no such small amount to a card: only the wallet can pay it.</summary>
    public const string AmountTooSmall = "amount_too_small";

    /// <param name="price">What the renewal costs.</param>
    /// <param name="walletUsd">The balance minus the reserved amount.</param>
    /// <param name="card">The default payment method.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static PaymentSource Of(RenewalPrice price, decimal walletUsd, SavedCard? card, RenewalPolicy policy) => price switch
    {
        { AmountUsd: null } => new(null, NoActivePrice),
        { AmountUsd: 0 } => new(PaidWith.Nothing, null),
        { NeedsConsent: true } => new(null, PriceConsent),
        { AmountUsd: { } amount } when walletUsd >= amount => new(PaidWith.Wallet, null),
        _ when card is null => new(null, NoPaymentMethod),
        _ when !policy.IdempotencyKeyLifetimes.ContainsKey(card.Provider) => new(null, UnknownProvider),
        { AmountUsd: { } amount } when amount < policy.MinimumChargesUsd.GetValueOrDefault(card.Provider) => new(null, AmountTooSmall),
        _ => new(PaidWith.Card, null),
    };
}
