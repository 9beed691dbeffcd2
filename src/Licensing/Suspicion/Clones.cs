namespace Licensing.Suspicion;

/// <summary>One EA and account in use on several devices at the same time.</summary>
/// <param name="TwinSeconds">Time in which two or more devices were in use.</param>
/// <param name="ManySeconds">
/// Time in which more devices than the limit were in use. Networks that are known to be near each other count as one device. Networks that
/// are in use one after another beside a server may be those of one laptop.
/// </param>
/// <param name="Networks">Networks, one for each device.</param>
internal sealed record Clones(
    int Identity, long TwinSeconds, long ManySeconds, long From, long To, int Locations, IReadOnlyList<int> Networks)
{
    /// <summary>Number of random orders that are compared.</summary>
    private const int Orders = 40;

    /// <summary>A time between records above this multiple of the median is a pause.</summary>
    private const int LongestPace = 3;

    /// <summary>The evidence covers the remembered records only; the copies may have run for longer.</summary>
    public bool IsByPace { get; private init; }

    public static Clones? Measure(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        if (identity.Trusted || identity.Networks.Count < 2)
            return null;
        return Stronger(ByOverlap(state, index, policy), ByPace(state, index, policy));
    }

    private static Clones? Stronger(Clones? a, Clones? b) =>
        a is null || (b is not null && (b.ManySeconds, b.TwinSeconds).CompareTo((a.ManySeconds, a.TwinSeconds)) > 0) ? b : a;

    /// <summary>For records with durations: sessions of one device follow one another.</summary>
    private static Clones? ByOverlap(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        if (!Overlaps(identity.Sessions))
            return null;
        var edges = new List<(long At, int Change, int Network)>();
        foreach (var session in identity.Sessions)
        {
            var start = Math.Max(session.Start, state.HarmlessUntil);
            if (!session.HasDuration || session.End <= start || identity.NetworkOf(session.NetworkId) is null)
                continue;
            edges.Add((start, 1, session.NetworkId));
            edges.Add((session.End, -1, session.NetworkId));
        }

        edges.Sort();
        var open = new Dictionary<int, int>();
        var (twin, many, from, to, most) = (0L, 0L, long.MaxValue, 0L, 0);
        var involved = new SortedSet<int>();
        for (var e = 0; e < edges.Count; e++)
        {
            var (at, change, network) = edges[e];
            open[network] = open.GetValueOrDefault(network) + change;
            if (e + 1 == edges.Count || edges[e + 1].At == at)
                continue;
            var apart = Apart(identity, open, nearToo: true, policy);
            if (apart.Count < 2)
                continue;
            var seconds = edges[e + 1].At - at;
            twin += seconds;
            many += apart.Count > policy.DeviceLimit && Apart(identity, open, nearToo: false, policy).Count > policy.DeviceLimit
                ? seconds : 0;
            (from, to, most) = (Math.Min(from, at), edges[e + 1].At, Math.Max(most, apart.Count));
            involved.UnionWith(apart);
        }

        return twin == 0 ? null : new Clones(index, twin, many, from, to, most, [.. involved]);
    }

    /// <summary>Two sessions on two networks overlap. A cheap test before the measurement.</summary>
    private static bool Overlaps(List<NetworkSession> sessions)
    {
        var latest = default(NetworkSession);
        foreach (var session in sessions)
        {
            if (!session.HasDuration)
                continue;
            if (session.Start < latest.End && session.NetworkId != latest.NetworkId)
                return true;
            latest = session.End > latest.End ? session : latest;
        }

        return false;
    }

    private static List<int> Apart(IdentityUse identity, Dictionary<int, int> open, bool nearToo, DetectionPolicy policy)
    {
        var apart = new List<int>();
        foreach (var (network, sessions) in open.OrderBy(pair => pair.Key))
            if (sessions > 0 && apart.TrueForAll(other => IsElsewhere(identity, network, other, nearToo, policy)))
                apart.Add(network);
        return apart;
    }

    /// <summary>
    /// Whether two networks show two devices: they are far apart, or their providers differ and their periods of use overlap. If they are
    /// known to be near each other, both must be IPv4 networks, because a device may use IPv4 and IPv6 at the same time.
    /// </summary>
    /// <param name="nearToo">
    /// Whether networks that are near each other count: they may be two connections of one house, between which its router divides traffic.
    /// </param>
    private static bool IsElsewhere(IdentityUse identity, int one, int other, bool nearToo, DetectionPolicy policy)
    {
        if (identity.NetworkOf(one) is not { } a || identity.NetworkOf(other) is not { } b)
            return false;
        var km = Location.LeastKm(a.Location, b.Location, policy.LocationRadiusKm);
        return km >= policy.FarKm
            || (a.FirstAt < b.LastAt && b.FirstAt < a.LastAt && !Network.SameBlock(a.Network, b.Network, policy.ProviderBlockBits)
                && (km is null || (nearToo && !Network.IsVersion6(a.Network) && !Network.IsVersion6(b.Network))));
    }

    /// <summary>
    /// For records without durations. A device that changes networks keeps its pace. Copies are present in several places at once, each at
    /// its own pace, so that records from different places follow one another much faster than those of one place. This also holds for
    /// copies that all were there from the first record.
    /// </summary>
    private static Clones? ByPace(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        var records = identity.Sessions.FindAll(session => !session.HasDuration && session.End > state.HarmlessUntil);
        if (records.Count < policy.PaceRecords)
            return null;
        records.Sort(static (a, b) => (a.End, a.NetworkId).CompareTo((b.End, b.NetworkId)));
        if (!ChangeOften(records, policy.PaceRecords, policy.QuickShare)
            && !ChangeOften(records, policy.MaxSessions, policy.QuickShareOfAll))
            return null;
        var places = Places(identity, policy);
        records.RemoveAll(record => !places.ContainsKey(record.NetworkId));
        return Stronger(
            Interleaved(identity, index, records, places, policy.PaceRecords, policy.QuickShare, policy),
            Interleaved(identity, index, records, places, policy.MaxSessions, policy.QuickShareOfAll, policy));
    }

    /// <summary>A cheap test before the measurement.</summary>
    private static bool ChangeOften(List<NetworkSession> records, int count, double share)
    {
        if (records.Count < count)
            return false;
        var changes = 0;
        for (var i = records.Count - count + 1; i < records.Count; i++)
            changes += records[i].NetworkId == records[i - 1].NetworkId ? 0 : 1;
        return changes >= share * (count - 1);
    }

    /// <summary>
    /// The place of each network, as the id of one network there. The addresses of one provider are one place, and networks near each
    /// other.
    /// </summary>
    private static Dictionary<int, int> Places(IdentityUse identity, DetectionPolicy policy)
    {
        var networks = identity.Networks;
        var places = networks.ToDictionary(network => network.Id, network => network.Id);
        for (var i = 0; i < networks.Count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var (kept, joined) = (places[networks[j].Id], places[networks[i].Id]);
                if (kept == joined || !IsOnePlace(networks[i], networks[j], policy))
                    continue;
                foreach (var network in networks.Where(network => places[network.Id] == joined))
                    places[network.Id] = kept;
            }
        }

        return places;
    }

    private static bool IsOnePlace(NetworkUse a, NetworkUse b, DetectionPolicy policy) =>
        Location.LeastKm(a.Location, b.Location, policy.LocationRadiusKm) is { } km
            ? km < policy.FarKm
            : Network.SameBlock(a.Network, b.Network, policy.ProviderBlockBits);

    /// <summary>
    /// The devices that the latest records come from, if enough of the records follow too quickly or come at the same moments.
    /// </summary>
    private static Clones? Interleaved(
        IdentityUse identity, int index, List<NetworkSession> all, Dictionary<int, int> places, int count, double share,
        DetectionPolicy policy)
    {
        if (all.Count < count)
            return null;
        var inPlaces = all.ConvertAll(record => record with { NetworkId = places[record.NetworkId] });
        var records = inPlaces.GetRange(all.Count - count, count);
        var present = records.GroupBy(record => record.NetworkId)
            .Where(network => network.Count() >= policy.PaceRecordsOfNetwork)
            .Select(network => (Network: network.Key, Times: network.Select(record => record.End).ToList()))
            .ToList();
        var gaps = present.SelectMany(network => network.Times.Zip(network.Times.Skip(1), (earlier, later) => later - earlier))
            .Where(gap => gap <= policy.LongestUsualGap.Seconds()).Order().ToList();
        if (present.Count < 2 || gaps.Count == 0)
            return null;
        var usual = identity.Gaps >= policy.KnownGaps ? Math.Min(identity.UsualGap, gaps[gaps.Count / 4]) : gaps[gaps.Count / 4];
        var quickest = policy.QuickPace * usual;
        if (!AreSeveral(records, quickest, share, policy))
        {
            if (!ReportTogether(all.GetRange(all.Count - count, count), places, share, policy))
                return null;
            quickest = policy.SameMoment.Seconds();
        }

        // Networks that are used one after the other may be one device's.
        var (from, to) = (present.Min(network => network.Times[0]), present.Max(network => network.Times[^1]));
        var together = present
            .Where(network => network.Times[^1] - network.Times[0] >= (to - from) / 2)
            .Select(network => network.Network)
            .ToList();
        var seconds = to - from;
        return together.Count < 2
            ? null
            : new Clones(
                index, seconds, AreMany(inPlaces, quickest, policy) ? Math.Max(seconds, policy.CloneDuration.Seconds()) : 0, from, to,
                together.Count, together)
            { IsByPace = true };
    }

    /// <summary>
    /// More networks than the limit report within less time than one device takes from record to record. All remembered records count: one
    /// device that reports at random times may do so now and then.
    /// </summary>
    private static bool AreMany(List<NetworkSession> records, double quickest, DetectionPolicy policy)
    {
        var networks = new HashSet<int>();
        var crowded = 0;
        for (int i = 0, first = 0; i < records.Count; i++)
        {
            while (first < i && records[i].End - records[first].End >= quickest)
                first++;
            networks.Clear();
            for (var j = first; j <= i; j++)
                networks.Add(records[j].NetworkId);
            crowded += networks.Count > policy.DeviceLimit ? 1 : 0;
        }

        return crowded >= policy.CrowdedShare * records.Count;
    }

    /// <summary>Enough records of different places follow one another quickly, and each place keeps its own pace.</summary>
    private static bool AreSeveral(List<NetworkSession> records, double quickest, double share, DetectionPolicy policy)
    {
        var pairs = records.Zip(records.Skip(1), (earlier, later) => (
            IsSame: earlier.NetworkId == later.NetworkId,
            IsQuick: later.End - earlier.End < quickest,
            Gap: later.End - earlier.End)).ToList();
        return pairs.Count(pair => !pair.IsSame && pair.IsQuick) >= share * pairs.Count
            && !IsOneDevice(pairs, policy) && KeepPaces(records, policy);
    }

    /// <summary>
    /// Records of several places come at the same moments, as those of copies that get the same signals, and two records of a moment
    /// rarely have the same network. One device that uses a random network for each record would repeat networks. One that uses them in
    /// a fixed order would not, so records in a fixed order are no evidence.
    /// </summary>
    private static bool ReportTogether(List<NetworkSession> records, Dictionary<int, int> places, double share, DetectionPolicy policy)
    {
        var (all, together, same) = (0, 0, 0);
        foreach (var (earlier, later) in records.Zip(records.Skip(1)))
        {
            var isSame = earlier.NetworkId == later.NetworkId;
            // Only one record per network and second is remembered, so two records of one second never have the same network.
            if (later.End == earlier.End || (!isSame && places[earlier.NetworkId] == places[later.NetworkId]))
                continue;
            all++;
            if (later.End - earlier.End > policy.SameMoment.Seconds())
                continue;
            together++;
            same += isSame ? 1 : 0;
        }

        var again = records.GroupBy(record => record.NetworkId).Sum(network => Math.Pow(network.Count() / (double)records.Count, 2));
        return together - same >= share * all
            && OrderedShare(records) < policy.OrderedShare
            && ChanceOfAtMost(same, together, again) <= policy.MomentChance;
    }

    /// <summary>
    /// The cumulative binomial distribution: the probability of at most <paramref name="hits"/> hits in <paramref name="trials"/>
    /// independent trials.
    /// </summary>
    /// <param name="chanceOfHit">At least 0 and below 1.</param>
    private static double ChanceOfAtMost(int hits, int trials, double chanceOfHit)
    {
        var (sum, term) = (0.0, Math.Pow(1 - chanceOfHit, trials));
        for (var i = 0; i <= hits; i++)
        {
            sum += term;
            term *= (trials - i) / (i + 1.0) * chanceOfHit / (1 - chanceOfHit);
        }

        return sum;
    }

    /// <summary>
    /// One device that switches between networks has one pace, whether the network changes or not: records of one network follow as
    /// quickly, or all records follow evenly.
    /// </summary>
    private static bool IsOneDevice(List<(bool IsSame, bool IsQuick, long Gap)> pairs, DetectionPolicy policy)
    {
        var (same, other) = (pairs.FindAll(pair => pair.IsSame), pairs.FindAll(pair => !pair.IsSame));
        var gaps = pairs.Select(pair => pair.Gap).Order().ToList();
        return gaps[gaps.Count / 10] > policy.QuickPace * gaps[gaps.Count * 9 / 10]
            || (same.Count >= policy.PaceRecordsOfNetwork
                && 2.0 * same.Count(pair => pair.IsQuick) / same.Count > (double)other.Count(pair => pair.IsQuick) / other.Count);
    }

    /// <summary>
    /// The records of each place follow one another more evenly than by chance, because each copy keeps a pace of its own. If one device
    /// switches between networks, those of one network are any of its records: the times between them vary as much if the times between
    /// all records come in another order. If the places come in a fixed order, as the exits of some VPNs, they vary less by chance.
    /// </summary>
    private static bool KeepPaces(List<NetworkSession> records, DetectionPolicy policy)
    {
        var gaps = records.Zip(records.Skip(1), (earlier, later) => later.End - earlier.End).ToArray();
        var ids = records.Select(record => record.NetworkId).Distinct().ToList();
        var places = records.Select(record => ids.IndexOf(record.NetworkId)).ToArray();
        var (latest, buffer) = (new long[ids.Count], new long[records.Count]);
        var own = TimesOfPlaces(places, gaps, latest, buffer).ToArray();
        // A pause counts like any long time.
        var longest = LongestPace * own.Order().ElementAt(own.Length / 2);
        var byChance = 0.0;
        var random = new Random(0); // always the same orders: the detector is a pure function
        for (var order = 0; order < Orders; order++)
        {
            random.Shuffle(gaps);
            byChance += Variation(TimesOfPlaces(places, gaps, latest, buffer), longest, policy) / Orders;
        }

        var share = OrderedShare(records) >= policy.OrderedShare ? policy.OrderedPaceShare : policy.OwnPaceShare;
        return Variation(own, longest, policy) <= share * byChance;
    }

    /// <summary>The share of records that come from the place that most often follows the one before.</summary>
    private static double OrderedShare(List<NetworkSession> records) =>
        records.Zip(records.Skip(1), (earlier, later) => (Before: earlier.NetworkId, After: later.NetworkId))
            .GroupBy(pair => pair.Before, pair => pair.After)
            .Sum(place => place.GroupBy(next => next).Max(next => next.Count())) / (records.Count - 1.0);

    /// <summary>The times between records of one place, if these are the times between all records.</summary>
    /// <param name="places">The place of each record, as an index into <paramref name="latest"/>.</param>
    /// <param name="buffer">Holds the returned times until the next call: the random orders allocate no memory.</param>
    private static Span<long> TimesOfPlaces(int[] places, long[] gaps, long[] latest, long[] buffer)
    {
        Array.Fill(latest, -1);
        var (count, at) = (0, 0L);
        for (var i = 0; i < places.Length; i++)
        {
            at += i == 0 ? 0 : gaps[i - 1];
            if (latest[places[i]] is >= 0 and var before)
                buffer[count++] = at - before;
            latest[places[i]] = at;
        }

        return buffer.AsSpan(0, count);
    }

    /// <summary>The variance of the times' logarithms.</summary>
    private static double Variation(ReadOnlySpan<long> times, long longest, DetectionPolicy policy)
    {
        var (shortest, sum, squares) = (policy.SpeedClockError.Seconds(), 0.0, 0.0);
        foreach (var time in times)
        {
            var logarithm = Math.Log(Math.Max(shortest, Math.Min(longest, time)));
            (sum, squares) = (sum + logarithm, squares + (logarithm * logarithm));
        }

        return (squares / times.Length) - (sum / times.Length * (sum / times.Length));
    }
}
