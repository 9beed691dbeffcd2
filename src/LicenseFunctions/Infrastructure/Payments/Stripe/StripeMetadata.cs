namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Metadata keys of objects at Stripe. Webhooks are assigned to renewals and users by them.</summary>
internal static class StripeMetadata
{
    public const string RenewalId = "renewal_id";
    public const string SubscriptionId = "subscription_id";
    public const string UserId = "user_id";
    public const string RefundId = "refund_id";
    public const string DebtsMinor = "debts_minor";
}
