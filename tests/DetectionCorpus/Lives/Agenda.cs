namespace DetectionCorpus.Lives;

/// <summary>Removes the impossible parts of uses. If two uses contradict each other, the earlier one in the list is kept.</summary>
internal static class Agenda
{
    /// <param name="deviceLimit">
    /// Maximum number of devices at once; null for any number. For one person, the license's limit: checks refuse further devices.
    /// </param>
    public static List<Use> Possible(IReadOnlyList<Use> uses, int? deviceLimit)
    {
        var kept = new List<Use>();
        foreach (var use in uses)
        {
            var others = kept.Where(other => other.From < use.To && other.To > use.From).ToList();
            var marks = others.SelectMany(other => new[] { other.From, other.To }).Where(at => at > use.From && at < use.To)
                .Append(use.From).Append(use.To).Distinct().Order().ToList();
            double? began = null;
            foreach (var (from, to) in marks.Zip(marks.Skip(1)))
            {
                var present = others.Where(other => other.From < to && other.To > from).ToList();
                var devices = present.Select(other => other.Terminal.Device).Append(use.Terminal.Device).Distinct().Count();
                if (present.TrueForAll(other => !IsSameTerminal(other, use)) && devices <= (deviceLimit ?? int.MaxValue))
                    began ??= from;
                else
                    Keep(from);
            }

            Keep(use.To);

            void Keep(double to)
            {
                if (began is { } from && to - from > 1.0 / 60)
                    kept.Add(use with { From = from, To = to });
                began = null;
            }
        }

        return kept;
    }

    private static bool IsSameTerminal(Use a, Use b) => a.Terminal.Folder == b.Terminal.Folder;
}
