using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class RefundRoutes
{
    public static JsonObject Create(StripeCall call)
    {
        var account = call.Account;
        var charge = Charge(call);
        if (account.Disputes.Values.Any(dispute => dispute.Text("charge") == charge.Id() && !IsRefundable(dispute)))
            throw StripeErrorException.Invalid(
                $"Charge {charge.Id()} has been charged back; cannot issue a refund.", "charge_disputed");
        var left = charge.Number("amount_captured") - charge.Number("amount_refunded");
        if (charge.Status() != "succeeded" || left == 0)
        {
            throw left == 0 && charge.Status() == "succeeded"
                ? StripeErrorException.Invalid($"Charge {charge.Id()} has already been refunded.", "charge_already_refunded")
                : StripeErrorException.Invalid($"Charge {charge.Id()} has not been captured.", "charge_not_refundable");
        }

        var amount = call.Form.Whole("amount") ?? left;
        if (amount < 1 || amount > left)
            throw StripeErrorException.Invalid(
                $"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param: "amount");
        var refund = Shapes.Refund(Account.NewId("re"), account.Now, charge, amount, call.Form.Text("reason"));
        call.CopyMetadata(refund);
        account.Refunds[refund.Id()] = refund;
        charge["amount_refunded"] = charge.Number("amount_refunded") + amount;
        charge["refunded"] = amount == left;
        account.Emit("refund.created", refund);
        account.Emit("charge.refunded", charge);
        return refund;
    }

    public static JsonObject List(StripeCall call)
    {
        var (intent, charge) = (call.Form.Text("payment_intent"), call.Form.Text("charge"));
        return call.Page(call.Account.Refunds.Values.Where(refund =>
            (intent is null || refund.Text("payment_intent") == intent) && (charge is null || refund.Text("charge") == charge)));
    }

    /// <summary>The customer's bank rejects a refund after it was made.</summary>
    public static void Fail(Account account, JsonObject refund)
    {
        var charge = account.Charges[refund.Text("charge")!];
        refund["status"] = "failed";
        refund["failure_reason"] = "lost_or_stolen_card";
        charge["amount_refunded"] = charge.Number("amount_refunded") - refund.Number("amount");
        charge["refunded"] = false;
        account.Emit("refund.updated", refund);
        account.Emit("refund.failed", refund);
    }

    // After a dispute that was won, the charge can be refunded again.
    private static bool IsRefundable(JsonObject dispute) =>
        dispute.Status() == "won" || dispute["is_charge_refundable"]!.GetValue<bool>();

    public static JsonObject OpenDispute(Account account, JsonObject charge, string reason, long? amount = null)
    {
        var dispute = Shapes.Dispute(Account.NewId("du"), account.Now, charge, reason);
        dispute["amount"] = amount ?? dispute.Number("amount");
        account.Disputes[dispute.Id()] = dispute;
        charge["disputed"] = true;
        account.Emit("charge.dispute.created", dispute);
        return dispute;
    }

    /// <summary>The bank moves the deadline of the evidence.</summary>
    public static void UpdateDispute(Account account, JsonObject dispute, long dueBy)
    {
        dispute["evidence_details"]!["due_by"] = dueBy;
        account.Emit("charge.dispute.updated", dispute);
    }

    /// <summary>A dispute that was lost may be won after all.</summary>
    public static void CloseDispute(Account account, JsonObject dispute, bool won)
    {
        var wasLost = dispute.Status() == "lost";
        dispute["status"] = won ? "won" : "lost";
        account.Emit(wasLost && won ? "charge.dispute.funds_reinstated" : "charge.dispute.closed", dispute);
    }

    private static JsonObject Charge(StripeCall call)
    {
        var id = call.Form.Text("payment_intent") is { } intentId
            ? call.Account.PaymentIntent(intentId).Text("latest_charge") ?? throw StripeErrorException.Invalid(
                $"This PaymentIntent ({intentId}) does not have a successful charge to refund.", param: "payment_intent")
            : call.Form.Required("charge");
        return call.Account.Charges.TryGetValue(id, out var charge) ? charge : throw StripeErrorException.Missing("charge", id, "charge");
    }
}
