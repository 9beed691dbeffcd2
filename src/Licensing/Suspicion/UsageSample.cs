using System.Net;

namespace Licensing.Suspicion;

/// <summary>One usage record as the detector sees it, of one license.</summary>
/// <param name="LoggedAt">The end of the session that it tells of; any clock, any order.</param>
/// <param name="EaInstanceId">Null or empty when unknown.</param>
/// <param name="Account">The MetaTrader account; null or 0 when unknown.</param>
/// <param name="Session">Its session lies in this time before <paramref name="LoggedAt"/>; null or zero when not told, as by the SQL function.</param>
public readonly record struct Use(
    DateTimeOffset LoggedAt, string? EaInstanceId, long? Account, IPAddress? Address, Place? Place = null, TimeSpan? Session = null);
