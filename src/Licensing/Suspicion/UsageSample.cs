using System.Net;

namespace Licensing.Suspicion;

/// <summary>One usage record of one license, reduced to what the detector needs.</summary>
/// <param name="LoggedAt">The end of the reported session. Clocks may be wrong; records may come in any order.</param>
/// <param name="EaInstanceId">Null or empty when unknown.</param>
/// <param name="Account">The MetaTrader account; null or 0 when unknown.</param>
/// <param name="Session">
/// The duration of the session, which ends at <paramref name="LoggedAt"/>; null or zero when the record has none.
/// </param>
/// <param name="ArrivedAt">When the record arrived, or a time soon after; null if that is not known.</param>
public readonly record struct UsageSample(
    DateTimeOffset LoggedAt, string? EaInstanceId, long? Account, IPAddress? Address, Location? Location = null, TimeSpan? Session = null,
    DateTimeOffset? ArrivedAt = null);
