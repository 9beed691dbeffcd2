using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class PaymentMethodRoutes
{
    /// <summary>Accepts a test token only, because Stripe accepts card numbers only from accounts that requested this.</summary>
    public static JsonObject Create(StripeCall call)
    {
        if (call.Form.Required("type") != "card")
            throw StripeErrorException.Invalid("The stand-in supports cards only.", param: "type");
        var token = call.Form.Nested("card")?["token"]?.GetValue<string>() ?? throw StripeErrorException.MissingParameter("card[token]");
        if (!TestCards.ByName.TryGetValue(token.Replace("tok_", "pm_card_", StringComparison.Ordinal), out var card))
            throw StripeErrorException.Missing("token", token, "card[token]");
        var method = call.Account.NewPaymentMethod(card);
        call.CopyMetadata(method);
        return method;
    }

    public static JsonObject Retrieve(StripeCall call) => call.Account.PaymentMethod(call.Id);

    public static JsonObject List(StripeCall call)
    {
        var customer = call.Form.Text("customer");
        var type = call.Form.Text("type");
        return call.Page(call.Account.PaymentMethods.Values.Where(method =>
            method.Text("customer") is { } owner && (customer is null || owner == customer)
                && (type is null || method.Text("type") == type)));
    }

    public static JsonObject Attach(StripeCall call)
    {
        var customer = call.Account.Customer(call.Form.Required("customer"));
        var method = call.Account.PaymentMethod(call.Id);
        AttachTo(call.Account, method, customer.Id());
        return method;
    }

    public static JsonObject Detach(StripeCall call)
    {
        var method = call.Account.PaymentMethod(call.Id);
        if (method.Text("customer") is null)
            throw StripeErrorException.Invalid(
                "The payment method you provided is not attached to a customer so detachment is impossible.", param: "payment_method");
        method["customer"] = null;
        call.Account.Detached.Add(method.Id());
        call.Account.Emit("payment_method.detached", method);
        return method;
    }

    /// <exception cref="StripeErrorException">
    /// The bank declines the card, or it was detached, or it belongs to another customer.
    /// </exception>
    public static void AttachTo(Account account, JsonObject method, string customerId)
    {
        var behavior = account.Behaviors[method.Id()];
        if (behavior.DeclinesOnAttach)
            throw Declines.Failure(behavior.Decline!, behavior.Advice, chargeId: null);
        Usable(account, method, customerId);
        if (method.Text("customer") is null)
            account.Attach(method, customerId);
    }

    /// <exception cref="StripeErrorException">The payment method was detached, or it belongs to another customer.</exception>
    public static void Usable(Account account, JsonObject method, string? customerId)
    {
        if (account.Detached.Contains(method.Id()))
        {
            // Stripe's answer has neither a code nor a parameter here.
            throw StripeErrorException.Invalid(
                "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected "
                + "account without Customer attachment, or was detached from a Customer. It may not be used again. "
                + "To use a PaymentMethod multiple times, you must attach it to a Customer first.");
        }

        if (method.Text("customer") is { } owner && owner != customerId)
        {
            throw StripeErrorException.Invalid(customerId is null
                ? $"The PaymentMethod {method.Id()} belongs to the Customer {owner}. "
                    + "Please include the Customer in the `customer` parameter on the PaymentIntent."
                : $"The PaymentMethod {method.Id()} does not belong to the Customer you supplied {customerId}. "
                    + "Please use this PaymentMethod with the Customer that it belongs to instead.",
                param: "payment_method");
        }
    }
}
