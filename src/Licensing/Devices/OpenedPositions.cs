namespace Licensing.Devices;

/// <summary>Positions that one usage record reports as opened.</summary>
/// <param name="LoggedAt">The end of the session.</param>
/// <param name="Session">Its length; null if unknown.</param>
/// <param name="Opened">Above 0.</param>
public sealed record OpenedPositions(string? EaInstanceId, long? Account, DateTimeOffset LoggedAt, TimeSpan? Session, int Opened);

/// <summary>Since when a license that is refused now lets its devices only close positions.</summary>
/// <param name="Code">The code of its checks.</param>
/// <param name="BeganAt">
/// The beginning of its close-only period: the first refused check that let a device close positions. Without such a check, a time when the
/// license had certainly ended.
/// </param>
/// <param name="RefusedSince">
/// When the present refusal began, which is later if the license was valid again in the meantime; null if that is not known.
/// </param>
public sealed record CloseOnlyPeriod(LicenseCode Code, DateTimeOffset BeganAt, DateTimeOffset? RefusedSince);

/// <summary>Finds positions that were opened although only closing was allowed. Pure.</summary>
public static class CloseOnlyOpenings
{
    /// <summary>
    /// An EA checks every 5 minutes, so it may learn of the refusal up to 5 minutes after the license's first device; the time of a record
    /// may be 5 minutes ahead; and an order may not be executed yet.
    /// </summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(15);

    /// <summary>The records whose positions were certainly opened under CLOSE_ONLY: the whole session was after its beginning.</summary>
    /// <returns>Empty if the license is valid, or lets no device close positions.</returns>
    public static IReadOnlyList<OpenedPositions> Of(CloseOnlyPeriod period, IEnumerable<OpenedPositions> records)
    {
        if (!Entitlements.MayClose(period.Code))
            return [];
        var since = (period.RefusedSince > period.BeganAt ? period.RefusedSince.Value : period.BeganAt) + Tolerance;
        return [.. records.Where(record => record.Opened > 0 && record.LoggedAt - (record.Session ?? TimeSpan.Zero) >= since)];
    }
}
