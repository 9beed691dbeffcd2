using System.Net;

namespace Licensing.Usage;

/// <summary>Usage of a license by one device in one session, as the ingest server reports it: a row of license_usage_log.</summary>
/// <param name="RecordId">
/// Identifier from the producer (log_id). Together with <paramref name="LoggedAt"/> it identifies the record.
/// </param>
/// <param name="LoggedAt">When the session ended or was reported; UTC, whole microseconds, as PostgreSQL keeps it.</param>
/// <param name="TokenHash">SHA-256 of the license token, 64 lower-case hex digits.</param>
/// <param name="SubscriptionId">The license.</param>
/// <param name="IpAddress">The device's IP address; an IPv4-mapped IPv6 address is converted to IPv4.</param>
/// <param name="EaInstanceId">By the rule of <see cref="Devices.EaName"/>.</param>
/// <param name="Mt5AccountNumber">Above 0.</param>
/// <param name="CountryCode">ISO 3166-1 alpha-2, upper case; null when unknown.</param>
/// <param name="City">1 to 100 characters; null when unknown.</param>
/// <param name="Latitude">Degrees, -90 to 90; null when unknown.</param>
/// <param name="Longitude">Degrees, -180 to 180; null when unknown.</param>
/// <param name="SignalsReceived">0 to 1,000,000, and at least the sum of executed and rejected signals.</param>
/// <param name="SignalsExecuted">Signals that became orders, 0 to 1,000,000.</param>
/// <param name="SignalsRejected">Signals that the device rejected, 0 to 1,000,000.</param>
/// <param name="AvgLatencyMs">Mean latency of the session's signals, 0 to 3,600,000 ms; null when not measured.</param>
/// <param name="SessionDurationSec">
/// Seconds from the start of the session to <paramref name="LoggedAt"/>, 0 to 7,689,600 (89 days); null when unknown.
/// </param>
/// <param name="Opened">Positions that the device opened in the session, 0 to 1,000,000; null when not reported.</param>
/// <param name="Closed">Positions that it closed in the session, 0 to 1,000,000; null when not reported.</param>
public sealed record UsageRecord(
    Guid RecordId,
    DateTime LoggedAt,
    string TokenHash,
    Guid SubscriptionId,
    IPAddress IpAddress,
    string EaInstanceId,
    long Mt5AccountNumber,
    string? CountryCode = null,
    string? City = null,
    double? Latitude = null,
    double? Longitude = null,
    int SignalsReceived = 0,
    int SignalsExecuted = 0,
    int SignalsRejected = 0,
    int? AvgLatencyMs = null,
    int? SessionDurationSec = null,
    int? Opened = null,
    int? Closed = null);
