using Licensing.Devices;

namespace Licensing.Health;

/// <summary>How grave an alert is; the words of suspicious_activity_alerts.severity.</summary>
public enum AlertSeverity
{
    Low,
    Medium,
    High,
    Critical,
}

/// <summary>What a license's health is judged by.</summary>
/// <param name="Now">The moment of judging.</param>
/// <param name="IssuedAt">When the license began; a young one's silence says nothing.</param>
/// <param name="ExpiresAt">Null means never.</param>
/// <param name="LastUsedAt">Null means not yet.</param>
/// <param name="DevicesUsed">Registered devices, 0 or more.</param>
/// <param name="MaxDevices">Devices that may be registered, 1 or more.</param>
/// <param name="DeviceChanges">Devices replaced or removed in the last 30 days, 0 or more.</param>
/// <param name="SignalsReceived">In the last 7 days, 0 or more.</param>
/// <param name="SignalsRejected">In the last 7 days, 0 or more.</param>
/// <param name="OpenAlerts">Severities of the alerts that are OPEN or INVESTIGATING.</param>
/// <param name="Payment">What is known of the next renewal.</param>
public sealed record HealthFacts(
    DateTimeOffset Now,
    LicenseStatus Status,
    DateTimeOffset IssuedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? LastUsedAt,
    int DevicesUsed,
    int MaxDevices,
    int DeviceChanges,
    long SignalsReceived,
    long SignalsRejected,
    IReadOnlyList<AlertSeverity> OpenAlerts,
    PaymentFacts Payment);

/// <summary>What is known of how the next renewal would be paid.</summary>
/// <param name="AutoRenew">Whether it would be tried at all.</param>
/// <param name="Fee">In US dollars; null where the master has no active price.</param>
/// <param name="WalletAvailable">Balance less what is reserved, in US dollars.</param>
/// <param name="HasCard">A default payment method is saved.</param>
/// <param name="CardExpiresAt">The first moment at which the card is no longer good; null where it isn't known.</param>
/// <param name="LastDeclined">The last attempt for the period that is due was declined.</param>
public sealed record PaymentFacts(
    bool AutoRenew, decimal? Fee, decimal WalletAvailable, bool HasCard, DateTimeOffset? CardExpiresAt, bool LastDeclined);
