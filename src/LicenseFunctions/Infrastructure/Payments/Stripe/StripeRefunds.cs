using Licensing.Renewals;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Maps Stripe's answers about refunds to the form in which its events report them.</summary>
internal static class StripeRefunds
{
    public static RefundOutcome Of(Refund refund) => new RefundOutcome.Made(new PaymentReversal(
        ReversalKind.Refund, refund.Id, StripeReversals.RefundState(refund.Status), refund.Amount, refund.Currency, refund.PaymentIntentId,
        refund.ChargeId, refund.FailureReason ?? refund.Reason, new DateTimeOffset(refund.Created, TimeSpan.Zero),
        RefundId: Request(refund)));

    /// <returns>Null if none of the refunds was caused by this request.</returns>
    public static RefundOutcome? Find(IEnumerable<Refund> refunds, Guid refundId) =>
        refunds.FirstOrDefault(refund => Request(refund) == refundId) is { } found ? Of(found) : null;

    private static Guid? Request(Refund refund) =>
        refund.Metadata?.GetValueOrDefault(StripeMetadata.RefundId) is { } text && Guid.TryParse(text, out var id) ? id : null;
}
