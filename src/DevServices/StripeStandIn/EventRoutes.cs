using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class EventRoutes
{
    private const int MostTypes = 20;
    private const long Kept = 30 * 86_400;

    public static JsonObject Retrieve(StripeCall call) =>
        call.Account.Events.FirstOrDefault(made => made.Id() == call.Id) ?? throw StripeErrorException.Missing("event", call.Id, "id");

    public static JsonObject List(StripeCall call)
    {
        var types = call.Form.Text("type") is { } one ? [one] : call.Form.List("types");
        if (types.Count > MostTypes)
            throw StripeErrorException.Invalid($"You may only specify up to {MostTypes} values.", param: "types");
        return call.Page(call.Account.Events.Where(made =>
            made.Number("created") >= call.Account.Now - Kept && (types.Count == 0 || types.Contains(made.Text("type")))));
    }
}
