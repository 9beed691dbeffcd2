using Licensing.Devices;
using Licensing.Suspicion;

namespace Licensing.Health;

/// <summary>What the health score of a license is computed from.</summary>
/// <param name="Now">The time of scoring.</param>
/// <param name="IssuedAt">When the license began. A new license is not expected to be used yet.</param>
/// <param name="ExpiresAt">Null means never.</param>
/// <param name="LastUsedAt">Null means not yet.</param>
/// <param name="DevicesUsed">Registered devices, 0 or more.</param>
/// <param name="MaxDevices">Devices that may be registered, 1 or more: the limit and the slots that operators granted.</param>
/// <param name="DeviceChanges">Devices replaced or removed in the last 30 days, 0 or more.</param>
/// <param name="SignalsReceived">In the last 7 days, 0 or more.</param>
/// <param name="SignalsRejected">In the last 7 days, 0 or more.</param>
/// <param name="OpenAlerts">The alerts that are OPEN or INVESTIGATING.</param>
/// <param name="Payment">What is known of the next renewal.</param>
/// <param name="Code">The code of a check, regardless of devices: it says why a license is SUSPENDED.</param>
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
    IReadOnlyList<OpenAlert> OpenAlerts,
    PaymentFacts Payment,
    LicenseCode Code = LicenseCode.Valid)
{
    /// <summary>
    /// Whether the license is suspended for too many devices, and the customer may lift that now. False if another suspension would remain,
    /// except one for the expiry.
    /// </summary>
    public bool CanLift { get; init; }
}

/// <param name="CanAnswer">Whether it waits for the customer's answer; otherwise it waits for an operator.</param>
public sealed record OpenAlert(AlertSeverity Severity, bool CanAnswer = true);

/// <summary>What is known about the payment of the next renewal.</summary>
/// <param name="AutoRenew">Whether the license is renewed automatically.</param>
/// <param name="Obstacle">
/// The obstacle of <see cref="Renewals.RenewalForecast.OfPayment"/>: why the payment will likely fail; null if it should succeed.
/// </param>
/// <param name="IsChargeOpen">The next period was charged, or may have been charged, and the payment is not booked yet.</param>
public sealed record PaymentFacts(bool AutoRenew, string? Obstacle, bool IsChargeOpen = false);
