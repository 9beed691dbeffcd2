namespace DetectionCorpus.Lives;

/// <summary>
/// When the use of a shared license differs from honest use for somebody who knows the device and person behind each record. Until then,
/// the newest device may be replacing another one, or the newest account another account. Devices of one person that always are behind one
/// router count as one if each has an account of its own: their records are those of several terminals of one device.
/// </summary>
public static class FirstEvidence
{
    /// <summary>Hours for which a device that is replaced may work beside the new one.</summary>
    private const double Handover = 0.25;

    /// <summary>
    /// The hour from which more devices than the limit have worked at the same time for longer than a handover, or have returned: as many
    /// earlier ones as the limit after the newest one came, and the newest one after them.
    /// </summary>
    public static double? OfDevices(IReadOnlyList<Use> uses, int limit)
    {
        var seen = Seen(uses);
        var returned = Returned(uses, use => seen[use.Terminal.Device], limit, Handover, newestReturns: true);
        return AtOnce(uses, seen, limit) is { } atOnce && !(returned < atOnce) ? atOnce : returned;
    }

    /// <summary>The hour at which a further account has come and earlier ones, as many as the limit, have been used again.</summary>
    public static double? OfAccounts(IReadOnlyList<Use> uses, int limit) =>
        Returned(uses, use => use.Terminal.Account, limit, 0, newestReturns: false);

    /// <summary>The device that a device's records show, by its name.</summary>
    private static Dictionary<string, string> Seen(IReadOnlyList<Use> uses)
    {
        var devices = uses.GroupBy(use => use.Terminal.Device).Select(device => (
            device.Key, First: device.First().Terminal,
            Accounts: device.Select(use => use.Terminal.Account).ToHashSet(),
            HasOneLine: device.All(use => use.Terminal.Line == device.First().Terminal.Line))).ToList();
        return devices.ToDictionary(device => device.Key, device => devices.Find(other =>
            other.Key == device.Key
            || (device.HasOneLine && other.HasOneLine && other.First.Line == device.First.Line
                && other.First.Person == device.First.Person && !other.Accounts.Overlaps(device.Accounts))).Key);
    }

    private static double? AtOnce(IReadOnlyList<Use> uses, Dictionary<string, string> seen, int limit)
    {
        var marks = uses.SelectMany(use => new[] { use.From, use.To }).Distinct().Order().ToList();
        var hours = 0.0;
        foreach (var (from, to) in marks.Zip(marks.Skip(1)))
        {
            var present = uses.Where(use => use.From <= from && use.To >= to).Select(use => use.Terminal).ToList();
            if (present.Select(terminal => seen[terminal.Device]).Distinct().Count() <= limit
                || present.Select(terminal => terminal.Person).Distinct().Count() < 2)
                continue;
            if (hours + to - from >= Handover)
                return from + Handover - hours;
            hours += to - from;
        }

        return null;
    }

    private static double? Returned<T>(
        IReadOnlyList<Use> uses, Func<Use, T> groupOf, int limit, double handover, bool newestReturns)
    {
        var groups = uses.OrderBy(use => use.From).GroupBy(groupOf).Select(group => group.ToList()).ToList();
        double? first = null;
        foreach (var newest in groups)
        {
            var others = groups.Where(group => group[0].From < newest[0].From)
                .Select(group => (At: Next(group, newest[0].From + handover), group[0].Terminal.Person))
                .Where(other => other.At is not null)
                .OrderBy(other => other.At).Take(limit).ToList();
            if (others.Count < limit || (newestReturns && others.TrueForAll(other => other.Person == newest[0].Terminal.Person)))
                continue;
            var at = newestReturns ? Next(newest, others[^1].At!.Value) : others[^1].At;
            first = at is { } hour && !(first < hour) ? hour : first;
        }

        return first;
    }

    /// <summary>The first hour at or after the given one at which a device or account was used; null if there is none.</summary>
    private static double? Next(List<Use> uses, double hour) =>
        uses.Find(use => use.To >= hour) is { } next ? Math.Max(hour, next.From) : null;
}
