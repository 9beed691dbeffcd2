namespace Licensing.Renewals;

/// <summary>What pays a renewal, or why nothing does. The charge, its preview and the health score use it.</summary>
/// <param name="With">Null if nothing can pay.</param>
/// <param name="Obstacle">A code; null if <paramref name="With"/> can pay.</param>
public readonly record struct PaymentSource(PaidWith? With, string? Obstacle)
{
    /// <summary>What the payment includes for deferred renewals of the license.</summary>
    public decimal DebtsUsd { get; init; }

    public const string NoActivePrice = "no_active_price";
    public const string PriceConsent = "price_consent";
    public const string NoPaymentMethod = "no_payment_method";
    public const string UnknownProvider = "unknown_payment_provider";

    /// <summary>A charge of the license is disputed: no card is charged automatically.</summary>
    public const string PaymentDisputed = "payment_disputed";

    /// <summary>The renewal had as many attempts as it may have: <see cref="RenewalPolicy.AllAttempts"/>.</summary>
    public const string TooManyAttempts = "too_many_attempts";

    /// <summary>A provider declined the amount as too small.</summary>
    public const string AmountTooSmall = "amount_too_small";

    /// <param name="price">What the renewal costs.</param>
    /// <param name="debtUsd">The open amounts of the license's deferred renewals.</param>
    /// <param name="walletUsd">The balance minus the reserved amount.</param>
    /// <param name="card">The default payment method.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static PaymentSource Of(RenewalPrice price, decimal debtUsd, decimal walletUsd, SavedCard? card, RenewalPolicy policy) =>
        price switch
        {
            { AmountUsd: null } => new(null, NoActivePrice),
            { AmountUsd: 0 } => new(PaidWith.Nothing, null),
            { NeedsConsent: true } => new(null, PriceConsent),
            { AmountUsd: { } amount } when walletUsd >= amount + debtUsd => new(PaidWith.Wallet, null) { DebtsUsd = debtUsd },
            { AmountUsd: { } amount } => OfCard(amount + debtUsd, card, policy) switch
            {
                { With: PaidWith.Card } source => source with { DebtsUsd = debtUsd },
                // The wallet can pay only the price. The open amount must not end the license.
                _ when walletUsd >= amount => new(PaidWith.Wallet, null),
                var source => source,
            },
        };

    // A provider charges no card less than its minimum. A smaller amount is taken with the next charge, so the open amount is always below
    // the minimum.
    private static PaymentSource OfCard(decimal totalUsd, SavedCard? card, RenewalPolicy policy) => card switch
    {
        null => new(null, NoPaymentMethod),
        { Provider: var provider } when !policy.IdempotencyKeyLifetimes.ContainsKey(provider) => new(null, UnknownProvider),
        { Provider: var provider } when totalUsd < policy.MinimumChargesUsd.GetValueOrDefault(provider) => new(PaidWith.Deferred, null),
        _ => new(PaidWith.Card, null),
    };
}
