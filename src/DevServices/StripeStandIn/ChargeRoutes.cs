using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class ChargeRoutes
{
    public static JsonObject Retrieve(StripeCall call) => call.Account.Charges.TryGetValue(call.Id, out var charge)
        ? charge
        : throw StripeErrorException.Missing("charge", call.Id, "id");
}
