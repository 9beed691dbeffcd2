using System.Net;

namespace Licensing.Usage;

/// <summary>One device's use of a license over one session, as the ingest server reports it: a row of license_usage_log.</summary>
/// <param name="RecordId">The producer's identifier; with <paramref name="LoggedAt"/> it is the record's identity (log_id).</param>
/// <param name="LoggedAt">When the session ended or was reported; UTC, whole microseconds, as PostgreSQL keeps it.</param>
/// <param name="TokenHash">SHA-256 of the license token, 64 lower-case hex digits.</param>
/// <param name="SubscriptionId">The license.</param>
/// <param name="IpAddress">The device's address; an IPv4-mapped IPv6 address is its IPv4 one.</param>
/// <param name="EaInstanceId">1 to 100 characters.</param>
/// <param name="Mt5AccountNumber">Above 0.</param>
/// <param name="CountryCode">ISO 3166-1 alpha-2, upper case; null when unknown.</param>
/// <param name="City">1 to 100 characters; null when unknown.</param>
/// <param name="Latitude">Degrees, -90 to 90; null when unknown.</param>
/// <param name="Longitude">Degrees, -180 to 180; null when unknown.</param>
/// <param name="SignalsReceived">0 to 1,000,000; so with the two that follow.</param>
/// <param name="SignalsExecuted">Signals that became orders.</param>
/// <param name="SignalsRejected">Signals that the device refused.</param>
/// <param name="AvgLatencyMs">Mean latency of the session's signals, 0 to 3,600,000 ms; null when not measured.</param>
/// <param name="SessionDurationSec">The session lies in this many seconds before <paramref name="LoggedAt"/>, 0 to 89 days; null when unknown.</param>
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
    int? SessionDurationSec = null);
