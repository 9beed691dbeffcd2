namespace Licensing.Suspicion;

/// <summary>What addresses and places say: worth telling, never enough to suspend.</summary>
internal static class Movement
{
    private const long Day = 86_400;

    public static Evidence? Networks(LicenseUse state, DetectionPolicy policy)
    {
        if (state.Networks.Count <= policy.NetworksInDay)
            return null;
        var devices = state.Identities.Where(identity => identity.LastAt > state.Clock - Day).Select(identity => Detector.Device(identity, 0));
        return new Evidence(Rule.Networks, Detector.At(state.Networks.Min(seen => seen.LastAt)), Detector.At(state.Clock), state.Networks.Count,
            policy.NetworksInDay, 0, 0, policy.DeviceLimit, [.. devices]);
    }

    public static Evidence? Changes(LicenseUse state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        return identity.RecentMoves.Count < policy.NetworkChangesInHour
            ? null
            : new Evidence(Rule.NetworkChanges, Detector.At(identity.RecentMoves[0]), Detector.At(identity.RecentMoves[^1]),
                identity.RecentMoves.Count, policy.NetworkChangesInHour, 0, 0, policy.DeviceLimit, [Detector.Device(identity, 0)]);
    }

    /// <summary>The speed from this device's latest use to a new one, when that is beyond the policy's.</summary>
    public static Evidence? Speed(LicenseUse state, in Use use, DetectionPolicy policy)
    {
        var (ea, account) = (IdentityUse.Normal(use.EaInstanceId), IdentityUse.Normal(use.Account));
        if (use.Place is not { } place || state.Identities.Find(known => known.Is(ea, account)) is not { } identity)
            return null;
        var seconds = use.LoggedAt.ToUnixTimeSeconds() - identity.LastAt;
        if (seconds < 0 || identity.LineOf(identity.LastLine)?.Place is not { } last
            || Place.LeastKm(last, place, policy.PlaceRadiusKm) is not { } km || km < policy.FarKm)
            return null;

        // Two records of one moment are a minute apart at least: clocks are not better than that.
        var speed = km / (Math.Max(60, seconds) / 3600.0);
        var here = new EvidenceDevice(ea, account, Network.Of(use.Address), place.Country, place.City, use.LoggedAt, use.LoggedAt, 1, 0);
        return speed <= policy.SpeedKmh
            ? null
            : new Evidence(Rule.Speed, Detector.At(identity.LastAt), use.LoggedAt, speed, policy.SpeedKmh, 0, 0, policy.DeviceLimit,
                [Detector.Device(identity, 0), here]);
    }
}
