using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class EventRoutes
{
    public static JsonObject Retrieve(StripeCall call) =>
        call.Account.Events.FirstOrDefault(made => made.Id() == call.Id) ?? throw StripeErrorException.Missing("event", call.Id, "id");

    public static JsonObject List(StripeCall call)
    {
        var types = call.Form.Text("type") is { } one ? [one] : call.Form.List("types");
        return call.Page(call.Account.Events.Where(made => types.Count == 0 || types.Contains(made.Text("type"))));
    }
}
