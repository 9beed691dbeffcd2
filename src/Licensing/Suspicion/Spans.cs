namespace Licensing.Suspicion;

/// <summary>Arithmetic of ordered spans of time.</summary>
internal static class Spans
{
    /// <summary>Seconds in which both are present, after a time.</summary>
    public static long Overlap(List<PresenceSpan> a, List<PresenceSpan> b, long since = long.MinValue)
    {
        long seconds = 0;
        for (int i = 0, j = 0; i < a.Count && j < b.Count;)
        {
            seconds += Math.Max(0, Math.Min(a[i].End, b[j].End) - Math.Max(since, Math.Max(a[i].Start, b[j].Start)));
            if (a[i].End < b[j].End)
                i++;
            else
                j++;
        }

        return seconds;
    }

    public static long Length(List<PresenceSpan> spans) => spans.Sum(span => span.End - span.Start);

    /// <summary>The union. Gaps of at most the given seconds are closed.</summary>
    public static List<PresenceSpan> Union(IEnumerable<PresenceSpan> spans, long gapSeconds)
    {
        var union = new List<PresenceSpan>();
        foreach (var span in spans.OrderBy(span => span.Start))
        {
            if (union.Count > 0 && span.Start - union[^1].End <= gapSeconds)
                union[^1] = union[^1] with { End = Math.Max(union[^1].End, span.End) };
            else
                union.Add(span);
        }

        return union;
    }
}
