using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class DisputeRoutes
{
    private const int LongestText = 20_000;

    public static JsonObject Retrieve(StripeCall call) => Find(call);

    /// <summary>Stages evidence, or submits it (submit, true by default), which is possible once and until the deadline.</summary>
    public static JsonObject Update(StripeCall call)
    {
        var (dispute, account) = (Find(call), call.Account);
        call.CopyMetadata(dispute);
        if (call.Form.Nested("evidence") is not { } given)
            return dispute;

        var details = dispute["evidence_details"]!.AsObject();
        if (dispute.Status() is not ("needs_response" or "warning_needs_response"))
            throw StripeErrorException.Invalid($"This dispute is {dispute.Status()}; its evidence can't be changed.");
        if (details.Number("due_by") <= account.Now)
            throw StripeErrorException.Invalid("The deadline for the evidence of this dispute is over.");
        foreach (var (name, value) in given)
        {
            var text = value!.GetValue<string>();
            if (text.Length > LongestText)
                throw StripeErrorException.Invalid($"{name} has at most {LongestText} characters.", param: $"evidence[{name}]");
            dispute["evidence"]![name] = text;
        }

        details["has_evidence"] = true;
        if (call.Form.Text("submit") != "false")
        {
            details["submission_count"] = details.Number("submission_count") + 1;
            dispute["status"] = dispute.Status() == "needs_response" ? "under_review" : "warning_under_review";
        }

        account.Emit("charge.dispute.updated", dispute);
        return dispute;
    }

    private static JsonObject Find(StripeCall call) => call.Account.Disputes.TryGetValue(call.Id, out var dispute)
        ? dispute
        : throw StripeErrorException.Missing("dispute", call.Id, "dispute");
}
