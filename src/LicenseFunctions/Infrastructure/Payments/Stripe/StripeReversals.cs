using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Maps Stripe's events about refunds and disputes. One that can't be read becomes a payment case.</summary>
internal static class StripeReversals
{
    /// <summary>The largest amount in cents that the tables of the platform can store.</summary>
    public const long LargestAmount = 9_999_999_999;

    /// <returns>Null for events about something else.</returns>
    public static PaymentFact? Of(StripeEventBody made) => made.Type switch
    {
        "charge.refunded" => Fact(made, TotalOf(made)),
        "refund.created" or "refund.updated" or "refund.failed" or "charge.refund.updated" => Fact(made, RefundOf(made)),
        "charge.dispute.created" or "charge.dispute.updated" or "charge.dispute.closed" or "charge.dispute.funds_withdrawn"
            or "charge.dispute.funds_reinstated" => Fact(made, DisputeOf(made)),
        _ => null,
    };

    private static PaymentFact Fact(StripeEventBody made, PaymentReversal? reversal) => reversal switch
    {
        { AmountMinor: >= 0 and <= LargestAmount } and ({ IntentId: not null } or { ChargeId: not null }) =>
            new PaymentFact.Reversed(reversal),
        _ => new PaymentFact.Unreadable(made.Subject.Text("id") ?? made.Id),
    };

    private static PaymentReversal? TotalOf(StripeEventBody made) =>
        made.Subject.Text("id") is { } id && made.Subject.Whole("amount_refunded") is { } amount
            ? new PaymentReversal(
                ReversalKind.RefundTotal, id, ReversalState.Succeeded, amount, Currency(made), made.Subject.Reference("payment_intent"),
                ChargeId: id, Reason: null, made.CreatedAt)
            : null;

    private static PaymentReversal? RefundOf(StripeEventBody made) =>
        made.Subject.Text("id") is { } id && made.Subject.Whole("amount") is { } amount
            ? new PaymentReversal(
                ReversalKind.Refund, id,
                made.Type == "refund.failed" ? ReversalState.Failed : RefundState(made.Subject.Text("status")),
                amount, Currency(made), made.Subject.Reference("payment_intent"), made.Subject.Reference("charge"),
                made.Subject.Text("failure_reason") ?? made.Subject.Text("reason"), made.CreatedAt,
                RefundId: made.Subject.Part("metadata").Id(StripeMetadata.RefundId))
            : null;

    public static ReversalState RefundState(string? status) => status switch
    {
        "failed" or "canceled" => ReversalState.Failed,
        "succeeded" or null => ReversalState.Succeeded,
        _ => ReversalState.Pending,
    };

    // An inquiry (warning_…) takes no money unless it becomes a dispute.
    private static PaymentReversal? DisputeOf(StripeEventBody made) =>
        made.Subject.Text("id") is { } id && made.Subject.Whole("amount") is { } amount && made.Subject.Text("status") is { } status
            ? new PaymentReversal(
                ReversalKind.Dispute, id,
                (made.Type, status) switch
                {
                    ("charge.dispute.funds_reinstated", _) or (_, "won" or "warning_closed" or "prevented") => ReversalState.Won,
                    (_, "lost") => ReversalState.Lost,
                    _ => ReversalState.Open,
                },
                amount, Currency(made), made.Subject.Reference("payment_intent"), made.Subject.Reference("charge"),
                made.Subject.Text("reason"), made.CreatedAt.AddMilliseconds(Order(made.Type)),
                made.Subject.Part("evidence_details").Time("due_by"))
            : null;

    // Stripe's times are whole seconds, and a dispute may have several events in one second.
    private static int Order(string type) => type switch
    {
        "charge.dispute.created" => 0,
        "charge.dispute.updated" => 1,
        "charge.dispute.funds_withdrawn" => 2,
        "charge.dispute.closed" => 3,
        _ => 4,
    };

    private static string Currency(StripeEventBody made) => made.Subject.Text("currency") ?? "usd";
}
