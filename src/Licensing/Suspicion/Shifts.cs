namespace Licensing.Suspicion;

/// <summary>
/// More devices than the limit in different places, each of which works for some hours, day after day, and never day and night as a server
/// does. This shows several people who share the EA or the account even if they never work at the same time.
/// </summary>
/// <param name="Devices">The devices' numbers in <see cref="People.Device"/>.</param>
/// <param name="Days">The days on which more of them than the limit worked.</param>
/// <param name="FullDays">Those of these days on which each worked for more hours, and hardly any time was without work.</param>
/// <param name="AreFarApart">Each has one known place, far from the others'. Otherwise, they only have different networks.</param>
/// <param name="KeepOwnHours">Each has hours of the day of its own. Servers that replace one another when they fail don't.</param>
/// <param name="IsBesideServer">One of the license's devices works day and night.</param>
internal sealed record Shifts(
    IReadOnlyList<int> Devices, int Days, int FullDays, bool AreFarApart, bool KeepOwnHours, bool IsBesideServer, long From, long To)
{
    /// <param name="memory">The period in which the days are counted.</param>
    public static Shifts? Measure(DetectionState state, People people, TimeSpan memory, DetectionPolicy policy)
    {
        var from = Math.Max(state.HarmlessUntil, state.Clock - memory.Seconds());
        if (!IsPossible(state, people, from, policy))
            return null;
        var length = DetectionPolicy.Day.Seconds();
        var devices = Enumerable.Range(0, state.Identities.Count)
            .GroupBy(i => people.Device[i], i => state.Identities[i])
            .Select(device => Device.Of(device.Key, [.. device], from))
            .OrderByDescending(device => device.Seconds)
            .ToList();
        var apart = new List<Device>();
        foreach (var device in devices.Where(device => device.IsInShifts(policy)))
            AddIfApart(device);
        var inShifts = apart.ToList();
        if (apart.Count == policy.DeviceLimit && devices.Find(device => !device.IsInShifts(policy)) is { } server)
            AddIfApart(server);
        if (apart.Count <= policy.DeviceLimit)
            return null;
        var days = Enumerable.Range(0, 1 + (int)((state.Clock - from) / length))
            .Select(day => new PresenceSpan(from + (day * length), from + ((day + 1) * length), 0))
            .Where(day => Working(day, policy.ShiftDuration) > policy.DeviceLimit)
            .ToList();
        if (days.Count < policy.ShiftDaysToAsk)
            return null;
        var together = Spans.Union(apart.SelectMany(device => device.Presence), 0);
        return new Shifts(
            [.. apart.Select(device => device.Number)], days.Count,
            days.Count(day => Spans.Overlap(together, [day]) >= policy.FullDayDuration.Seconds()
                && Working(day, policy.FullShiftDuration) > policy.DeviceLimit),
            apart.TrueForAll(device => device.HasOnePlace(policy)), KeepHours(inShifts, policy), inShifts.Count < apart.Count,
            together[0].Start, together[^1].End);

        void AddIfApart(Device device)
        {
            if (apart.TrueForAll(other => IsElsewhere(device, other, policy)))
                apart.Add(device);
        }

        int Working(PresenceSpan day, TimeSpan least) =>
            apart.Count(device => Spans.Overlap(device.Presence, [day]) >= least.Seconds());
    }

    /// <summary>Enough devices work long enough, and not day and night. A cheap test before the measurement.</summary>
    private static bool IsPossible(DetectionState state, People people, long from, DetectionPolicy policy)
    {
        var (seconds, longest) = (new long[state.Identities.Count], new long[state.Identities.Count]);
        for (var i = 0; i < state.Identities.Count; i++)
        {
            foreach (var span in state.Identities[i].Presence)
            {
                var (device, length) = (people.Device[i], span.End - Math.Max(from, span.Start));
                if (length <= 0)
                    continue;
                seconds[device] += length;
                longest[device] = Math.Max(longest[device], length);
            }
        }

        var (inShifts, others) = (0, 0);
        for (var device = 0; device < seconds.Length; device++)
        {
            if (seconds[device] >= policy.ShiftDaysToAsk * policy.ShiftDuration.Seconds()
                && longest[device] <= policy.LongestShift.Seconds())
                inShifts++;
            else if (seconds[device] > 0)
                others++;
        }

        return inShifts > policy.DeviceLimit || (inShifts == policy.DeviceLimit && others > 0);
    }

    /// <summary>Far away; without locations, on networks of another provider.</summary>
    private static bool IsElsewhere(Device a, Device b, DetectionPolicy policy)
    {
        foreach (var x in a.Networks)
        {
            foreach (var y in b.Networks)
            {
                var isElsewhere = Location.LeastKm(x.Location, y.Location, policy.LocationRadiusKm) is { } km
                    ? km >= policy.FarKm
                    : !string.Equals(x.Network, y.Network, StringComparison.Ordinal)
                        && !Network.SameBlock(x.Network, y.Network, policy.ProviderBlockBits);
                if (!isElsewhere)
                    return false;
            }
        }

        return true;
    }

    /// <summary>Most of the work in an hour of the day is of one device.</summary>
    private static bool KeepHours(List<Device> devices, DetectionPolicy policy)
    {
        var hours = devices.ConvertAll(device => device.SecondsByHour());
        var own = Enumerable.Range(0, hours[0].Length).Sum(hour => hours.Max(seconds => seconds[hour]));
        return own >= policy.OwnShiftShare * hours.Sum(seconds => seconds.Sum());
    }

    private sealed record Device(int Number, int Records, List<NetworkUse> Networks, List<PresenceSpan> Presence, long Seconds)
    {
        public static Device Of(int number, List<IdentityUse> identities, long from)
        {
            var presence = Spans.Union(
                identities.Where(identity => !identity.Trusted).SelectMany(identity => identity.Presence)
                    .Where(span => span.End > from).Select(span => span with { Start = Math.Max(from, span.Start) }),
                0);
            return new Device(
                number, identities.Sum(identity => identity.Records),
                [.. identities.SelectMany(identity => identity.Networks).Where(network => network.LastAt > from)],
                presence, Spans.Length(presence));
        }

        public bool IsInShifts(DetectionPolicy policy) =>
            Seconds >= policy.ShiftDaysToAsk * policy.ShiftDuration.Seconds()
            && Spans.Union(Presence, policy.TurnGap.Seconds())
                .TrueForAll(visit => visit.End - visit.Start <= policy.LongestShift.Seconds());

        /// <summary>
        /// A location database may place a provider's addresses in other towns of the region, and those of a VPN anywhere.
        /// </summary>
        public bool HasOnePlace(DetectionPolicy policy) =>
            Networks.Count > 0 && Networks.TrueForAll(network =>
                Location.LeastKm(network.Location, Networks[0].Location, policy.LocationRadiusKm) < 2 * policy.FarKm);

        public long[] SecondsByHour()
        {
            var (hour, hours) = (DetectionPolicy.Hour.Seconds(), new long[24]);
            foreach (var span in Presence)
                for (var at = span.Start; at < span.End; at = ((at / hour) + 1) * hour)
                    hours[at / hour % hours.Length] += Math.Min(span.End, ((at / hour) + 1) * hour) - at;
            return hours;
        }
    }
}
