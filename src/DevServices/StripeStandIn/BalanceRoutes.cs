using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class BalanceRoutes
{
    public static JsonObject List(StripeCall call)
    {
        var (source, type) = (call.Form.Text("source"), call.Form.Text("type"));
        if (source is not null && Find(call.Account, source) is null)
            throw StripeErrorException.Missing("source", source, "source");
        var page = call.Page(call.Account.BalanceTransactions.Where(one =>
            (source is null || one.Text("source") == source) && (type is null || one.Text("type") == type)));
        if (call.Form.List("expand").Contains("data.source"))
        {
            foreach (var entry in page["data"]!.AsArray().Select(entry => entry!.AsObject()))
                entry["source"] = Find(call.Account, entry.Text("source")!)?.DeepClone() ?? entry["source"]!.DeepClone();
        }

        return page;
    }

    private static JsonObject? Find(Account account, string id) =>
        account.Charges.GetValueOrDefault(id) ?? account.Refunds.GetValueOrDefault(id) ?? account.Disputes.GetValueOrDefault(id);
}
