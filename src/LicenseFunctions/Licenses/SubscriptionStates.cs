using Licensing;
using Licensing.Devices;

namespace LicenseFunctions.Licenses;

internal static class SubscriptionStates
{
    /// <exception cref="InvalidOperationException">
    /// The platform added a state. The error concerns the licenses in that state only.
    /// </exception>
    public static SubscriptionState Parse(string state) => EnumWords.Parse<SubscriptionState>(state, "subscriptions.state");
}
