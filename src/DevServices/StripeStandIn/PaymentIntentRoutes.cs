using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class PaymentIntentRoutes
{
    /// <summary>The smallest charge that Stripe accepts: 50 cents, 30 pence.</summary>
    private static readonly Dictionary<string, long> SmallestAmount = new() { ["usd"] = 50, ["eur"] = 50, ["gbp"] = 30 };

    public static JsonObject Create(StripeCall call)
    {
        var account = call.Account;
        var form = call.Form;
        var currency = form.Required("currency").ToLowerInvariant();
        var amount = form.Whole("amount") ?? throw StripeErrorException.MissingParameter("amount");
        if (!SmallestAmount.TryGetValue(currency, out var smallest))
            throw StripeErrorException.Invalid($"Invalid currency: {currency}.", param: "currency");
        if (amount < smallest)
            throw StripeErrorException.Invalid("Amount must convert to at least 50 cents.", "amount_too_small", "amount");
        if (form.Flag("off_session") && !form.Flag("confirm"))
            throw StripeErrorException.Invalid("You cannot provide `off_session` when `confirm` is not true.", param: "off_session");

        var id = Account.NewId("pi");
        var intent = Shapes.PaymentIntent(id, Account.NewSecret(id), account.Now, amount, currency);
        call.Copy(intent, "customer", "description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix");
        call.CopyMetadata(intent);
        call.CopyAutomaticMethods(intent);
        if (intent.Text("customer") is { } customer)
            account.Customer(customer);
        if (form.Text("payment_method") is { } methodId)
        {
            var method = account.PaymentMethod(methodId);
            PaymentMethodRoutes.Usable(account, method, intent.Text("customer"));
            intent["payment_method"] = method.Id();
            intent["status"] = "requires_confirmation";
        }

        account.PaymentIntents[id] = intent;
        account.Emit("payment_intent.created", intent);
        return form.Flag("confirm") ? ConfirmWith(call, intent) : intent;
    }

    public static JsonObject Retrieve(StripeCall call) => call.Account.PaymentIntent(call.Id);

    public static JsonObject Confirm(StripeCall call) => ConfirmWith(call, call.Account.PaymentIntent(call.Id));

    public static JsonObject List(StripeCall call)
    {
        var customer = call.Form.Text("customer");
        return call.Page(call.Account.PaymentIntents.Values.Where(intent => customer is null || intent.Text("customer") == customer));
    }

    public static JsonObject Cancel(StripeCall call)
    {
        var intent = call.Account.PaymentIntent(call.Id);
        if (intent.Status() is "succeeded" or "canceled" or "processing")
        {
            throw Unexpected(intent,
                $"You cannot cancel this PaymentIntent because it has a status of {intent.Status()}. Only a PaymentIntent with one of the "
                + "following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, "
                + "requires_action, processing.");
        }

        intent["status"] = "canceled";
        intent["next_action"] = null;
        intent["canceled_at"] = call.Account.Now;
        intent["cancellation_reason"] = call.Form.Text("cancellation_reason");
        call.Account.Emit("payment_intent.canceled", intent);
        return intent;
    }

    /// <summary>Applies the bank's decision about a payment in requires_action or processing.</summary>
    public static void Settle(Account account, JsonObject intent, bool paid, string declineCode)
    {
        var method = account.PaymentMethod(intent.Text("payment_method")!);
        intent["next_action"] = null;
        if (paid)
            Pay(account, intent, method);
        else
            Decline(account, intent, method, declineCode, advice: null);
    }

    public static JsonObject NextAction() => new()
    {
        ["type"] = "use_stripe_sdk",
        ["use_stripe_sdk"] = new JsonObject { ["type"] = "three_d_secure_redirect", ["stripe_js"] = "" },
    };

    private static JsonObject ConfirmWith(StripeCall call, JsonObject intent)
    {
        var account = call.Account;
        switch (intent.Status())
        {
            case "succeeded":
                throw Unexpected(
                    intent, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.");
            case "canceled" or "processing":
                throw Unexpected(intent, $"You cannot confirm this PaymentIntent because it has a status of {intent.Status()}.");
        }

        var method = account.PaymentMethod(call.Form.Text("payment_method") ?? intent.Text("payment_method") ?? throw Unexpected(intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent "
            + "with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken."));
        PaymentMethodRoutes.Usable(account, method, intent.Text("customer"));
        intent["payment_method"] = method.Id();
        intent["last_payment_error"] = null;
        Ask(call, intent, method);
        return intent;
    }

    private static void Ask(StripeCall call, JsonObject intent, JsonObject method)
    {
        var account = call.Account;
        var behavior = account.Behaviors[method.Id()];
        var offSession = call.Form.Flag("off_session");
        var authenticate = call.Forced?.Kind == FaultKind.Authenticate
            || behavior.Authentication == Authentication.Always
            || (behavior.Authentication == Authentication.UnlessSetUp && !account.SetUpForOffSession.Contains(method.Id()));

        if (call.Forced?.Kind == FaultKind.Decline)
            throw Decline(account, intent, method, call.Forced.DeclineCode, call.Forced.AdviceCode);
        if (authenticate && (offSession || call.Form.Flag("error_on_requires_action")))
            throw Decline(account, intent, method, "authentication_required", advice: null);
        if (authenticate)
        {
            intent["status"] = "requires_action";
            intent["next_action"] = NextAction();
            account.Emit("payment_intent.requires_action", intent);
        }
        else if (behavior.Decline is { } declineCode)
        {
            throw Decline(account, intent, method, declineCode, behavior.Advice);
        }
        else if (call.Forced?.Kind == FaultKind.Process)
        {
            intent["status"] = "processing";
            intent["processing"] = new JsonObject { ["card"] = new JsonObject(), ["type"] = "card" };
            account.Emit("payment_intent.processing", intent);
        }
        else
        {
            Pay(account, intent, method);
        }
    }

    private static void Pay(Account account, JsonObject intent, JsonObject method)
    {
        var charge = Shapes.Charge(Account.NewId("ch"), account.Now, intent, method);
        charge["status"] = "succeeded";
        charge["paid"] = true;
        charge["captured"] = true;
        charge["amount_captured"] = intent.Number("amount");
        charge["outcome"] = Shapes.Outcome(paid: true, null, null);
        account.Charges[charge.Id()] = charge;

        intent["status"] = "succeeded";
        intent["processing"] = null;
        intent["amount_received"] = intent.Number("amount");
        intent["latest_charge"] = charge.Id();
        account.Emit("charge.succeeded", charge);
        account.Emit("payment_intent.succeeded", intent);
        if (account.Behaviors[method.Id()].Dispute is { } reason)
            RefundRoutes.OpenDispute(account, charge, reason);
    }

    private static StripeErrorException Decline(Account account, JsonObject intent, JsonObject method, string declineCode, string? advice)
    {
        var charge = Shapes.Charge(Account.NewId("ch"), account.Now, intent, method);
        charge["failure_code"] = Declines.CodeOf(declineCode);
        charge["failure_message"] = Declines.MessageOf(declineCode);
        charge["outcome"] = Shapes.Outcome(paid: false, declineCode, advice ?? Declines.AdviceOf(declineCode));
        account.Charges[charge.Id()] = charge;

        var failure = Declines.Failure(declineCode, advice, charge.Id());
        failure.More["payment_method"] = method.DeepClone();
        intent["status"] = "requires_payment_method";
        intent["processing"] = null;
        intent["payment_method"] = null;
        intent["latest_charge"] = charge.Id();
        intent["last_payment_error"] = failure.ToJson()["error"]!.DeepClone();
        account.Emit("charge.failed", charge);
        account.Emit("payment_intent.payment_failed", intent);
        failure.More["payment_intent"] = intent.DeepClone();
        return failure;
    }

    private static StripeErrorException Unexpected(JsonObject intent, string message) =>
        new(400, "invalid_request_error", message,
            "payment_intent_unexpected_state")
        { More = new JsonObject { ["payment_intent"] = intent.DeepClone() } };
}
