using System.Text.Json.Nodes;

namespace StripeStandIn;

internal static class CustomerRoutes
{
    public static JsonObject Create(StripeCall call)
    {
        var account = call.Account;
        var customer = Shapes.Customer(Account.NewId("cus"), account.Now);
        Apply(call, customer);
        account.Customers[customer.Id()] = customer;
        account.Emit("customer.created", customer);
        if (call.Form.Text("payment_method") is { } methodId)
            PaymentMethodRoutes.AttachTo(account, account.PaymentMethod(methodId), customer.Id());
        return customer;
    }

    public static JsonObject Retrieve(StripeCall call) => call.Account.Customer(call.Id, "id");

    public static JsonObject Update(StripeCall call)
    {
        var customer = call.Account.Customer(call.Id, "id");
        Apply(call, customer);
        call.Account.Emit("customer.updated", customer);
        return customer;
    }

    public static JsonObject Methods(StripeCall call)
    {
        call.Account.Customer(call.Id, "id");
        return call.Page(call.Account.PaymentMethods.Values.Where(method => method.Text("customer") == call.Id));
    }

    private static void Apply(StripeCall call, JsonObject customer)
    {
        call.Copy(customer, "email", "name", "description", "phone");
        call.CopyMetadata(customer);
        if (call.Form.Nested("invoice_settings")?["default_payment_method"] is { } method)
            customer["invoice_settings"]!["default_payment_method"] = method.DeepClone();
    }
}
