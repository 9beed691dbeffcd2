using Licensing.Devices;

namespace Licensing.Health;

/// <summary>The severities of alerts: suspicious_activity_alerts.severity.</summary>
public enum AlertSeverity
{
    Low,
    Medium,
    High,
    Critical,
}

/// <summary>What the health score of a license is computed from.</summary>
/// <param name="Now">The time of scoring.</param>
/// <param name="IssuedAt">When the license began. A new license is not expected to be used yet.</param>
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

/// <summary>What is known about the payment of the next renewal.</summary>
/// <param name="AutoRenew">Whether the license is renewed automatically.</param>
/// <param name="Fee">What the renewal costs, in US dollars; null if the master has no active price.</param>
/// <param name="WalletAvailable">Balance minus the reserved amount, in US dollars.</param>
/// <param name="HasCard">A default payment method is saved that can be charged.</param>
/// <param name="CardExpiresAt">The first moment at which the card is no longer valid; null if unknown.</param>
/// <param name="LastDeclined">
/// The last attempt to charge this card for the due period was declined. It no longer counts after the card or its details change.
/// </param>
public sealed record PaymentFacts(
    bool AutoRenew, decimal? Fee, decimal WalletAvailable, bool HasCard, DateTimeOffset? CardExpiresAt, bool LastDeclined);
