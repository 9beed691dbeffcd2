using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <param name="Name">The name in faults.</param>
/// <param name="Parameters">All known top-level parameters; others are refused as unknown.</param>
/// <param name="Browser">Whether a publishable key with the intent's client secret may call it.</param>
public sealed record Endpoint(
    string Name, string Method, string Pattern, IReadOnlyList<string> Parameters, Func<StripeCall, JsonObject> Run, bool Browser = false)
{
    public bool Writes => Method == "POST";
}

/// <summary>The part of Stripe's API that the license backend uses.</summary>
public static class Endpoints
{
    private static readonly string[] Page = ["limit", "starting_after", "created"];

    public static readonly IReadOnlyList<Endpoint> All =
    [
        new("customers.create", "POST", "/v1/customers",
            ["email", "name", "description", "phone", "metadata", "payment_method", "invoice_settings"], CustomerRoutes.Create),
        new("customers.retrieve", "GET", "/v1/customers/{id}", [], CustomerRoutes.Retrieve),
        new("customers.update", "POST", "/v1/customers/{id}",
            ["email", "name", "description", "phone", "metadata", "invoice_settings"], CustomerRoutes.Update),
        new("customers.payment_methods", "GET", "/v1/customers/{id}/payment_methods", ["limit", "starting_after", "type"],
            CustomerRoutes.Methods),

        new("payment_methods.create", "POST", "/v1/payment_methods", ["type", "card", "metadata"], PaymentMethodRoutes.Create),
        new("payment_methods.list", "GET", "/v1/payment_methods", ["limit", "starting_after", "customer", "type"],
            PaymentMethodRoutes.List),
        new("payment_methods.retrieve", "GET", "/v1/payment_methods/{id}", [], PaymentMethodRoutes.Retrieve),
        new("payment_methods.attach", "POST", "/v1/payment_methods/{id}/attach", ["customer"], PaymentMethodRoutes.Attach),
        new("payment_methods.detach", "POST", "/v1/payment_methods/{id}/detach", [], PaymentMethodRoutes.Detach),

        new("setup_intents.create", "POST", "/v1/setup_intents",
            ["customer", "description", "usage", "payment_method", "metadata", "automatic_payment_methods",
                "confirm"], SetupIntentRoutes.Create),
        new("setup_intents.retrieve", "GET", "/v1/setup_intents/{id}", ["client_secret"], SetupIntentRoutes.Retrieve, Browser: true),
        new("setup_intents.confirm", "POST", "/v1/setup_intents/{id}/confirm",
            ["payment_method", "client_secret", "return_url"], SetupIntentRoutes.Confirm, Browser: true),
        new("setup_intents.cancel", "POST", "/v1/setup_intents/{id}/cancel", ["cancellation_reason"], SetupIntentRoutes.Cancel),

        new("payment_intents.create", "POST", "/v1/payment_intents",
            [
                "amount", "currency", "customer", "description", "payment_method", "metadata", "automatic_payment_methods", "confirm",
                "off_session", "error_on_requires_action", "receipt_email", "setup_future_usage", "statement_descriptor_suffix",
                "return_url",
            ], PaymentIntentRoutes.Create),
        new("payment_intents.list", "GET", "/v1/payment_intents", [.. Page, "customer"], PaymentIntentRoutes.List),
        new("payment_intents.retrieve", "GET", "/v1/payment_intents/{id}", ["client_secret"], PaymentIntentRoutes.Retrieve, Browser: true),
        new("payment_intents.confirm", "POST", "/v1/payment_intents/{id}/confirm",
            ["payment_method", "off_session", "error_on_requires_action", "client_secret",
                "return_url"], PaymentIntentRoutes.Confirm, Browser: true),
        new("payment_intents.cancel", "POST", "/v1/payment_intents/{id}/cancel", ["cancellation_reason"], PaymentIntentRoutes.Cancel),

        new("charges.retrieve", "GET", "/v1/charges/{id}", [], ChargeRoutes.Retrieve),
        new("refunds.create", "POST", "/v1/refunds", ["payment_intent", "charge", "amount", "reason", "metadata"], RefundRoutes.Create),
        new("refunds.list", "GET", "/v1/refunds", [.. Page, "payment_intent", "charge"], RefundRoutes.List),
        new("disputes.retrieve", "GET", "/v1/disputes/{id}", [], DisputeRoutes.Retrieve),
        new("disputes.update", "POST", "/v1/disputes/{id}", ["evidence", "submit", "metadata"], DisputeRoutes.Update),
        new("balance_transactions.list", "GET", "/v1/balance_transactions", [.. Page, "source", "type"], BalanceRoutes.List),
        new("events.list", "GET", "/v1/events", [.. Page, "type", "types"], EventRoutes.List),
        new("events.retrieve", "GET", "/v1/events/{id}", [], EventRoutes.Retrieve),
    ];
}
