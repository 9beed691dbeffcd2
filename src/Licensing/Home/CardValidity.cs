using Licensing.Renewals;

namespace Licensing.Home;

/// <summary>Whether a saved payment method has to be replaced because of its printed month.</summary>
public enum CardValidity
{
    Valid,

    /// <summary>It becomes invalid within <see cref="CustomerTasks.PaymentHorizon"/>.</summary>
    ExpiresSoon,

    Expired,
}

public static class CardValidities
{
    /// <param name="expiryMonth">1 to 12, as printed; null for a method without one.</param>
    public static CardValidity Of(int? expiryMonth, int? expiryYear, DateTimeOffset now) =>
        SavedCard.EndOf(expiryMonth, expiryYear) is not { } end ? CardValidity.Valid
        : end <= now ? CardValidity.Expired
        : end - now <= CustomerTasks.PaymentHorizon ? CardValidity.ExpiresSoon
        : CardValidity.Valid;
}
