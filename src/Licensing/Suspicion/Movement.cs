namespace Licensing.Suspicion;

/// <summary>Findings from addresses and locations. They are alerts; they never suspend.</summary>
internal static class Movement
{
    public static Evidence? Networks(DetectionState state, DetectionPolicy policy)
    {
        if (state.RecentNetworks.Count <= policy.NetworksInDay)
            return null;
        var devices = state.Identities
            .Where(identity => identity.LastAt > state.Clock - DetectionPolicy.Day.Seconds())
            .Select(identity => Detector.Device(identity, 0));
        return new Evidence(Rule.Networks, Detector.At(state.RecentNetworks.Min(network => network.LastAt)), Detector.At(state.Clock),
            state.RecentNetworks.Count, policy.NetworksInDay, 0, 0, policy.DeviceLimit, [.. devices]);
    }

    public static Evidence? Changes(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        return identity.RecentMoves.Count < policy.NetworkChangesInHour
            ? null
            : new Evidence(Rule.NetworkChanges, Detector.At(identity.RecentMoves[0]), Detector.At(identity.RecentMoves[^1]),
                identity.RecentMoves.Count, policy.NetworkChangesInHour, 0, 0, policy.DeviceLimit, [Detector.Device(identity, 0)]);
    }

    /// <summary>The speed from the device's latest record to a new one; null when it is within the policy's.</summary>
    public static Evidence? Speed(DetectionState state, in UsageSample sample, DetectionPolicy policy)
    {
        var (ea, account) = (IdentityUse.Normal(sample.EaInstanceId), IdentityUse.Normal(sample.Account));
        if (sample.Location is not { } location || state.Identities.Find(known => known.Is(ea, account)) is not { } identity)
            return null;
        var seconds = sample.LoggedAt.ToUnixTimeSeconds() - identity.LastAt;
        if (seconds < 0 || identity.NetworkOf(identity.LastNetworkId)?.Location is not { } last
            || Location.LeastKm(last, location, policy.LocationRadiusKm) is not { } km || km < policy.FarKm)
            return null;

        var speed = km / (Math.Max(policy.SpeedClockError.Seconds(), seconds) / 3600.0);
        var here = new EvidenceDevice(
            ea, account, Network.Of(sample.Address), location.Country, location.City, sample.LoggedAt, sample.LoggedAt, 1, 0);
        return speed <= policy.SpeedKmh
            ? null
            : new Evidence(Rule.Speed, Detector.At(identity.LastAt), sample.LoggedAt, speed, policy.SpeedKmh, 0, 0, policy.DeviceLimit,
                [Detector.Device(identity, 0), here]);
    }
}
