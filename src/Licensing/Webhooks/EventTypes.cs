namespace Licensing.Webhooks;

/// <summary>The types of the event feed, as in the constraint event_type_is_known.</summary>
public static class EventTypes
{
    public static readonly IReadOnlyList<string> All =
    [
        "license.first_checked", "license.renewed", "license.payment_failed", "license.expiring", "license.expired", "license.suspended",
        "license.reinstated", "license.revoked", "device.added", "device.removed", "alert.opened", "alert.reviewed", "price.agreed",
        "payment.refunded", "payment.disputed", "trouble.opened", "trouble.closed",
    ];
}
