using Licensing.Renewals;

namespace Licensing.Tests.Renewals;

/// <summary>A renewal of 49.99 with the expiry on June 1, evaluated at the expiry, and the facts it depends on.</summary>
internal static class Given
{
    public static readonly DateTimeOffset Expiry = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    public static readonly TimeSpan IdempotencyKeyLifetime = TimeSpan.FromHours(23);
    public static readonly Guid NewAttempt = Guid.Parse("00000000-0000-0000-0000-00000000a002");

    public static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = IdempotencyKeyLifetime });

    public static readonly SavedCard Card = new(Guid.Parse("00000000-0000-0000-0000-00000000ca2d"), "stripe", "cus_1", "pm_1");

    public static readonly Renewal Due = new()
    {
        RenewalId = Guid.Parse("00000000-0000-0000-0000-00000000e001"),
        SubscriptionId = Guid.Parse("00000000-0000-0000-0000-000000005001"),
        UserId = Guid.Parse("00000000-0000-0000-0000-00000000b001"),
        PeriodStart = Expiry,
        Type = RenewalType.Auto,
        Status = RenewalStatus.Due,
        AmountUsd = 49.99m,
        GivesUpAt = Expiry.AddDays(3),
        NextActionAt = Expiry,
    };

    public static readonly RenewalAttempt Attempt = new(
        Guid.Parse("00000000-0000-0000-0000-00000000a001"), 1, "stripe", Card.PaymentMethodId,
        new ChargeRequest(Due.RenewalId, Due.SubscriptionId, Due.UserId, 4999, "usd", "cus_1", "pm_1", "A period"),
        Expiry,
        OpensIntent: true);

    public static readonly Renewal Charging = Due with { Status = RenewalStatus.Charging, IntentId = "pi_1", Attempt = Attempt };

    public static RenewalFacts Facts(
        Renewal? renewal = null, SavedCard? card = null, decimal wallet = 0, decimal? price = 49.99m, decimal? lastPaid = 49.99m) =>
        new(renewal ?? Due, new RenewalLicense(Expiry, AutoRenew: true), price, lastPaid, wallet, card);

    public static RenewalStep Next(RenewalFacts facts, DateTimeOffset? now = null, RenewalPolicy? policy = null) =>
        RenewalPlan.Next(facts, policy ?? Policy, now ?? Expiry, NewAttempt);

    public static Renewal After(RenewalStep step) => Xunit.Assert.IsType<RenewalStep.Save>(step).Change.After;

    public static RenewalChange? Settle(
        Renewal renewal, ChargeOutcome outcome, Trigger trigger = Trigger.Confirm, DateTimeOffset? now = null, string? intent = "pi_1") =>
        RenewalSettlement.Settle(Facts(renewal, Card), new IntentSnapshot(intent, outcome), trigger, Policy, now ?? Expiry);
}
