using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class SetupIntentRoutes
{
    public static JsonObject Create(StripeCall call)
    {
        var account = call.Account;
        var id = Account.NewId("seti");
        var intent = Shapes.SetupIntent(id, Account.NewSecret(id), account.Now);
        call.Copy(intent, "customer", "description", "usage", "payment_method");
        call.CopyMetadata(intent);
        call.CopyAutomaticMethods(intent);
        if (intent.Text("customer") is { } customer)
            account.Customer(customer);
        if (intent.Text("payment_method") is { } method)
        {
            intent["payment_method"] = account.PaymentMethod(method).Id();
            intent["status"] = "requires_confirmation";
        }

        account.SetupIntents[id] = intent;
        account.Emit("setup_intent.created", intent);
        return call.Form.Flag("confirm") ? ConfirmWith(call, intent) : intent;
    }

    public static JsonObject Retrieve(StripeCall call) => call.Account.SetupIntent(call.Id);

    public static JsonObject Confirm(StripeCall call) => ConfirmWith(call, call.Account.SetupIntent(call.Id));

    public static JsonObject Cancel(StripeCall call)
    {
        var intent = call.Account.SetupIntent(call.Id);
        if (intent.Status() is "succeeded" or "canceled")
            throw Unexpected(intent, $"You cannot cancel this SetupIntent because it has a status of {intent.Status()}.");
        intent["status"] = "canceled";
        intent["cancellation_reason"] = call.Form.Text("cancellation_reason");
        call.Account.Emit("setup_intent.canceled", intent);
        return intent;
    }

    /// <summary>Applies the bank's decision after the customer's authentication.</summary>
    public static void Authenticate(Account account, JsonObject intent, bool passed)
    {
        intent["next_action"] = null;
        if (passed)
        {
            Succeed(account, intent, account.PaymentMethod(intent.Text("payment_method")!));
            return;
        }

        intent["status"] = "requires_payment_method";
        intent["last_setup_error"] = new JsonObject
        {
            ["code"] = "setup_intent_authentication_failure",
            ["type"] = "invalid_request_error",
            ["message"] = "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
                + "PaymentMethod to attempt to fulfill this SetupIntent again.",
        };
        account.Emit("setup_intent.setup_failed", intent);
    }

    private static JsonObject ConfirmWith(StripeCall call, JsonObject intent)
    {
        var account = call.Account;
        if (intent.Status() is "succeeded" or "canceled")
            throw Unexpected(intent, $"You cannot confirm this SetupIntent because it has a status of {intent.Status()}.");
        var method = account.PaymentMethod(call.Form.Text("payment_method") ?? intent.Text("payment_method")
            ?? throw StripeErrorException.MissingParameter("payment_method"));
        PaymentMethodRoutes.Usable(account, method, intent.Text("customer"));
        intent["payment_method"] = method.Id();
        var behavior = account.Behaviors[method.Id()];
        if (behavior.DeclinesOnAttach)
        {
            var failure = Declines.Failure(behavior.Decline!, behavior.Advice, chargeId: null);
            intent["status"] = "requires_payment_method";
            intent["payment_method"] = null;
            intent["last_setup_error"] = failure.ToJson()["error"]!.DeepClone();
            account.Emit("setup_intent.setup_failed", intent);
            failure.More["setup_intent"] = intent.DeepClone();
            throw failure;
        }

        if (behavior.Authentication != Authentication.Never)
        {
            intent["status"] = "requires_action";
            intent["next_action"] = PaymentIntentRoutes.NextAction();
            account.Emit("setup_intent.requires_action", intent);
            return intent;
        }

        Succeed(account, intent, method);
        return intent;
    }

    private static void Succeed(Account account, JsonObject intent, JsonObject method)
    {
        intent["status"] = "succeeded";
        intent["last_setup_error"] = null;
        account.SetUpForOffSession.Add(method.Id());
        account.Emit("setup_intent.succeeded", intent);
        if (intent.Text("customer") is { } customer && method.Text("customer") is null)
            account.Attach(method, customer);
    }

    private static StripeErrorException Unexpected(JsonObject intent, string message) =>
        new(400, "invalid_request_error", message,
            "setup_intent_unexpected_state")
        { More = new JsonObject { ["setup_intent"] = intent.DeepClone() } };
}
