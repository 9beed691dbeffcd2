using Licensing.Devices;

namespace LicenseFunctions.Licenses;

internal static class SubscriptionStates
{
    public static SubscriptionState Parse(string state) => state switch
    {
        "SYNCED" => SubscriptionState.Synced,
        "DEGRADED_GAP" => SubscriptionState.DegradedGap,
        "LOCKED_NO_FUNDS" => SubscriptionState.LockedNoFunds,
        "PAUSED_TOXIC" => SubscriptionState.PausedToxic,
        "SUSPENDED_ADMIN" => SubscriptionState.SuspendedAdmin,
        _ => throw new InvalidOperationException($"subscriptions.state {state} is not one of the platform's"),
    };
}
