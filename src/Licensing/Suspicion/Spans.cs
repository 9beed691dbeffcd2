namespace Licensing.Suspicion;

/// <summary>Arithmetic of stretches of time in order.</summary>
internal static class Spans
{
    /// <summary>Seconds in which both are present.</summary>
    public static long Overlap(List<Stint> a, List<Stint> b)
    {
        long seconds = 0;
        for (int i = 0, j = 0; i < a.Count && j < b.Count;)
        {
            seconds += Math.Max(0, Math.Min(a[i].End, b[j].End) - Math.Max(a[i].Start, b[j].Start));
            if (a[i].End < b[j].End)
                i++;
            else
                j++;
        }

        return seconds;
    }

    /// <summary>Gaps of the first in which the second was present: times that the first came back after the second.</summary>
    public static int Returns(List<Stint> first, List<Stint> second)
    {
        var returns = 0;
        for (int i = 0, j = 0; i + 1 < first.Count; i++)
        {
            while (j < second.Count && second[j].End < first[i].End)
                j++;
            if (j < second.Count && second[j].Start <= first[i + 1].Start && (second[j].End > first[i].End || second[j].Start > first[i].End))
                returns++;
        }

        return returns;
    }

    /// <summary>The union, with gaps up to a given length closed.</summary>
    public static List<Stint> Union(IEnumerable<Stint> stints, long gapSeconds)
    {
        var union = new List<Stint>();
        foreach (var stint in stints.OrderBy(stint => stint.Start))
        {
            if (union.Count > 0 && stint.Start - union[^1].End <= gapSeconds)
                union[^1] = union[^1] with { End = Math.Max(union[^1].End, stint.End) };
            else
                union.Add(stint);
        }

        return union;
    }
}
