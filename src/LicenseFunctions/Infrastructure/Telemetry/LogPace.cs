namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>
/// Lets one log line of each kind through per minute and counts the others, so that a client that causes failures doesn't fill the log.
/// </summary>
public sealed class LogPace(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    // Kinds come from code (functions and types of exceptions). The limit is for those that contain more than expected.
    private const int MostKinds = 1000;
    private const string OtherKinds = "other";

    private readonly Lock gate = new();
    private readonly Dictionary<string, Kind> kinds = [];

    private sealed class Kind
    {
        public long? LastAt { get; set; }

        public long LeftOut { get; set; }
    }

    /// <param name="kind">Lines of one kind say the same about different requests.</param>
    /// <param name="leftOut">The lines of this kind that were left out since the last one.</param>
    /// <returns>False if this line must be left out, too.</returns>
    public bool Admits(string kind, out long leftOut)
    {
        lock (gate)
        {
            if (!kinds.TryGetValue(kind, out var known) && kinds.Count >= MostKinds)
                kind = OtherKinds;
            if (known is null && !kinds.TryGetValue(kind, out known))
                kinds.Add(kind, known = new Kind());

            leftOut = known.LeftOut;
            if (known.LastAt is { } last && time.GetElapsedTime(last) < Interval)
            {
                known.LeftOut++;
                return false;
            }

            (known.LastAt, known.LeftOut) = (time.GetTimestamp(), 0);
            return true;
        }
    }
}
