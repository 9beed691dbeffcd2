using System.Globalization;

namespace Licensing.Renewals;

/// <summary>What a refund does to the paid period. Stored in lower snake case.</summary>
public enum RefundPeriod
{
    /// <summary>The customer keeps the whole period.</summary>
    Keep,

    /// <summary>The period is shorter by the refunded share, counted from its end; never before now.</summary>
    Shorten,

    /// <summary>The period ends now.</summary>
    End,
}

/// <summary>A refund that an operator requested.</summary>
/// <param name="RefundId">The row's id.</param>
/// <param name="AmountMinor">Minor units, greater than 0.</param>
/// <param name="Period">What it does to the period.</param>
/// <param name="ProviderId">The provider's id of the refund; null while its answer is outstanding.</param>
public sealed record RefundChoice(Guid RefundId, long AmountMinor, RefundPeriod Period, string? ProviderId);

/// <summary>What an operator wants to refund.</summary>
/// <param name="AmountUsd">From 0.01 to what is left; null for everything that is left.</param>
/// <param name="Period">Null for what a refund without a choice does: everything that is left ends the period, a part keeps it.</param>
/// <param name="RefundableUsd">
/// What was left when the operator decided; null for a preview. If it has changed since, there was another refund or dispute, or the
/// request is a repeat.
/// </param>
public sealed record RefundOrder(decimal? AmountUsd, RefundPeriod? Period, decimal? RefundableUsd);

/// <summary>A refund that may be made, and what it does.</summary>
/// <param name="AmountMinor">Minor units.</param>
/// <param name="Period">What it does to the period.</param>
/// <param name="LeftMinor">What can be refunded before it.</param>
/// <param name="Effect">What it changes.</param>
public sealed record RefundPlan(long AmountMinor, RefundPeriod Period, long LeftMinor, ReversalChange Effect);

/// <summary>Which refunds an operator may make. Never more than was paid minus earlier refunds and disputes.</summary>
public static class Refunds
{
    private static readonly Refusal NotPaid = new(
        RefusalKind.Conflict, "NOT_REFUNDABLE", "Nothing was paid for this renewal, so there is nothing to refund.", "renewal_id");

    private static readonly Refusal Disputed = new(
        RefusalKind.Conflict, "CHARGE_DISPUTED", "The customer's bank disputes this charge, so the provider refuses to refund it.",
        "renewal_id",
        "Send evidence, or accept the dispute in the provider's dashboard. A bank's inquiry can be refunded there, too.");

    private static readonly Refusal NothingLeft = new(
        RefusalKind.Conflict, "NOTHING_LEFT", "The whole payment is refunded already, or was lost in a dispute.", "renewal_id");

    private static readonly Refusal Changed = new(
        RefusalKind.Conflict, "REFUNDABLE_CHANGED", "refundable_usd is not what can be refunded now. Nothing was refunded.",
        "refundable_usd",
        "There may be another refund or dispute since the preview: look at the refunds of this payment, then preview it again.");

    /// <summary>What can still be refunded, in minor units; 0 or more. Requested refunds without an answer count as refunded.</summary>
    public static long Left(ReversalFacts facts) =>
        facts.Renewal is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card or PaidWith.Wallet, ChargedMinor: var charged }
            ? Math.Max(0, charged - Reversals.Refunded(facts) - Reversals.Outstanding(facts) - Reversals.ChargedBack(facts))
            : 0;

    /// <summary>Decides about a refund, and computes what it would do.</summary>
    /// <param name="facts">The renewal with its refunds and disputes.</param>
    /// <param name="order">What the operator wants.</param>
    /// <param name="refundId">The id of the new refund.</param>
    /// <param name="grace">How long after expiry a license is valid.</param>
    /// <param name="now">The present time.</param>
    public static Outcome<RefundPlan> Plan(ReversalFacts facts, RefundOrder order, Guid refundId, TimeSpan grace, DateTimeOffset now)
    {
        if (facts.Renewal is not { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card or PaidWith.Wallet, ChargedMinor: > 0 })
            return NotPaid;
        if (facts.Kept.Any(one => one.Reversal is { Kind: ReversalKind.Dispute, State: not ReversalState.Won })) return Disputed;
        var left = Left(facts);
        if (left == 0) return NothingLeft;
        if (order.RefundableUsd is { } seen && seen * 100 != left) return Changed;
        var minor = order.AmountUsd is { } asked ? asked * 100 : left;
        if (minor <= 0 || minor > left || minor != decimal.Truncate(minor))
        {
            return new Refusal(
                RefusalKind.Invalid, "AMOUNT_INVALID",
                string.Create(CultureInfo.InvariantCulture, $"amount_usd must be from 0.01 to {left / 100m:0.00}, in whole cents."),
                "amount_usd", "amount_usd can't be more than was paid minus earlier refunds.");
        }

        var amount = decimal.ToInt64(minor);
        // Everything that is left, perhaps after refunds of parts: then nothing of the payment stays here.
        var period = order.Period ?? (amount == left ? RefundPeriod.End : RefundPeriod.Keep);
        return new RefundPlan(amount, period, left, Effect(facts, new RefundChoice(refundId, amount, period, null), grace, now));
    }

    // As if the provider had reported the refund.
    private static ReversalChange Effect(ReversalFacts facts, RefundChoice choice, TimeSpan grace, DateTimeOffset now)
    {
        var id = choice.RefundId.ToString();
        var report = new PaymentReversal(
            ReversalKind.Refund, id, ReversalState.Succeeded, choice.AmountMinor, "usd", null, null, null, now);
        return Reversals.Apply(
            facts with
            {
                Kept = [.. facts.Kept, new KeptReversal(report, Applied: null)],
                Choices = [.. facts.Choices, choice with { ProviderId = id }],
            },
            grace, now)!;
    }
}
