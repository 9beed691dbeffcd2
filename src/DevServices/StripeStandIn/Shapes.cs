using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>Stripe's objects in the form of API 2026-10-28.endive, with the fields that it always sends for card payments.</summary>
public static class Shapes
{
    public static JsonObject Customer(string id, long created) => new()
    {
        ["id"] = id,
        ["object"] = "customer",
        ["address"] = null,
        ["balance"] = 0,
        ["created"] = created,
        ["currency"] = null,
        ["default_source"] = null,
        ["delinquent"] = false,
        ["description"] = null,
        ["discount"] = null,
        ["email"] = null,
        ["invoice_prefix"] = id[^8..].ToUpperInvariant(),
        ["invoice_settings"] = new JsonObject
        {
            ["custom_fields"] = null,
            ["default_payment_method"] = null,
            ["footer"] = null,
            ["rendering_options"] = null
        },
        ["livemode"] = false,
        ["metadata"] = new JsonObject(),
        ["name"] = null,
        ["next_invoice_sequence"] = 1,
        ["phone"] = null,
        ["preferred_locales"] = new JsonArray(),
        ["shipping"] = null,
        ["tax_exempt"] = "none",
        ["test_clock"] = null,
    };

    public static JsonObject PaymentMethod(string id, long created, CardBehavior card) => new()
    {
        ["id"] = id,
        ["object"] = "payment_method",
        ["allow_redisplay"] = "unspecified",
        ["billing_details"] = BillingDetails(),
        ["card"] = new JsonObject
        {
            ["brand"] = card.Brand,
            ["checks"] = new JsonObject { ["address_line1_check"] = null, ["address_postal_code_check"] = null, ["cvc_check"] = "pass" },
            ["country"] = "US",
            ["display_brand"] = card.Brand,
            ["exp_month"] = 8,
            ["exp_year"] = 2031,
            ["fingerprint"] = Fingerprint(card),
            ["funding"] = card.Funding,
            ["generated_from"] = null,
            ["last4"] = card.Last4,
            ["networks"] = new JsonObject { ["available"] = new JsonArray(card.Brand), ["preferred"] = null },
            ["regulated_status"] = "unregulated",
            ["three_d_secure_usage"] = new JsonObject { ["supported"] = true },
            ["wallet"] = null,
        },
        ["created"] = created,
        ["customer"] = null,
        ["customer_account"] = null,
        ["livemode"] = false,
        ["metadata"] = new JsonObject(),
        ["type"] = "card",
    };

    public static JsonObject SetupIntent(string id, string secret, long created) => new()
    {
        ["id"] = id,
        ["object"] = "setup_intent",
        ["allowed_payment_method_types"] = null,
        ["application"] = null,
        ["automatic_payment_methods"] = null,
        ["cancellation_reason"] = null,
        ["client_secret"] = secret,
        ["created"] = created,
        ["customer"] = null,
        ["customer_account"] = null,
        ["description"] = null,
        ["excluded_payment_method_types"] = null,
        ["flow_directions"] = null,
        ["last_setup_error"] = null,
        ["latest_attempt"] = null,
        ["livemode"] = false,
        ["mandate"] = null,
        ["metadata"] = new JsonObject(),
        ["next_action"] = null,
        ["on_behalf_of"] = null,
        ["payment_method"] = null,
        ["payment_method_configuration_details"] = null,
        ["payment_method_options"] = CardOptions(),
        ["single_use_mandate"] = null,
        ["status"] = "requires_payment_method",
        ["usage"] = "off_session",
    };

    public static JsonObject PaymentIntent(string id, string secret, long created, long amount, string currency) => new()
    {
        ["id"] = id,
        ["object"] = "payment_intent",
        ["allowed_payment_method_types"] = null,
        ["amount"] = amount,
        ["amount_capturable"] = 0L,
        ["amount_details"] = new JsonObject { ["tip"] = new JsonObject() },
        ["amount_received"] = 0L,
        ["application"] = null,
        ["application_fee_amount"] = null,
        ["automatic_payment_methods"] = null,
        ["canceled_at"] = null,
        ["cancellation_reason"] = null,
        ["capture_method"] = "automatic_async",
        ["client_secret"] = secret,
        ["confirmation_method"] = "automatic",
        ["created"] = created,
        ["currency"] = currency,
        ["customer"] = null,
        ["customer_account"] = null,
        ["description"] = null,
        ["excluded_payment_method_types"] = null,
        ["last_payment_error"] = null,
        ["latest_charge"] = null,
        ["livemode"] = false,
        ["metadata"] = new JsonObject(),
        ["next_action"] = null,
        ["on_behalf_of"] = null,
        ["payment_method"] = null,
        ["payment_method_configuration_details"] = null,
        ["payment_method_options"] = CardOptions(),
        ["processing"] = null,
        ["receipt_email"] = null,
        ["review"] = null,
        ["setup_future_usage"] = null,
        ["shipping"] = null,
        ["source"] = null,
        ["statement_descriptor"] = null,
        ["statement_descriptor_suffix"] = null,
        ["status"] = "requires_payment_method",
        ["transfer_data"] = null,
        ["transfer_group"] = null,
    };

    public static JsonObject Charge(string id, long created, JsonObject intent, JsonObject method) => new()
    {
        ["id"] = id,
        ["object"] = "charge",
        ["amount"] = intent["amount"]!.DeepClone(),
        ["amount_captured"] = 0L,
        ["amount_refunded"] = 0L,
        ["application"] = null,
        ["application_fee"] = null,
        ["application_fee_amount"] = null,
        ["balance_transaction"] = null,
        ["billing_details"] = method["billing_details"]!.DeepClone(),
        ["calculated_statement_descriptor"] = "STANDIN",
        ["captured"] = false,
        ["created"] = created,
        ["currency"] = intent["currency"]!.DeepClone(),
        ["customer"] = intent["customer"]?.DeepClone(),
        ["description"] = intent["description"]?.DeepClone(),
        ["disputed"] = false,
        ["failure_balance_transaction"] = null,
        ["failure_code"] = null,
        ["failure_message"] = null,
        ["fraud_details"] = new JsonObject(),
        ["livemode"] = false,
        ["metadata"] = intent["metadata"]!.DeepClone(),
        ["on_behalf_of"] = null,
        ["outcome"] = null,
        ["paid"] = false,
        ["payment_intent"] = intent["id"]!.DeepClone(),
        ["payment_method"] = method["id"]!.DeepClone(),
        ["payment_method_details"] = new JsonObject { ["card"] = ChargedCard(method), ["type"] = "card" },
        ["receipt_email"] = null,
        ["receipt_number"] = null,
        ["receipt_url"] = null,
        ["refunded"] = false,
        ["review"] = null,
        ["shipping"] = null,
        ["source"] = null,
        ["source_transfer"] = null,
        ["statement_descriptor"] = null,
        ["statement_descriptor_suffix"] = null,
        ["status"] = "failed",
        ["transfer_data"] = null,
        ["transfer_group"] = null,
    };

    public static JsonObject Outcome(bool paid, string? reason, string? advice) => new()
    {
        ["advice_code"] = advice,
        ["network_advice_code"] = null,
        ["network_decline_code"] = null,
        ["network_status"] = paid ? "approved_by_network" : "declined_by_network",
        ["reason"] = reason,
        ["risk_level"] = "normal",
        ["seller_message"] = paid ? "Payment complete." : "The bank did not return any further details with this decline.",
        ["type"] = paid ? "authorized" : "issuer_declined",
    };

    public static JsonObject Refund(string id, long created, JsonObject charge, long amount, string? reason) => new()
    {
        ["id"] = id,
        ["object"] = "refund",
        ["amount"] = amount,
        ["balance_transaction"] = null,
        ["charge"] = charge["id"]!.DeepClone(),
        ["created"] = created,
        ["currency"] = charge["currency"]!.DeepClone(),
        ["destination_details"] = new JsonObject { ["card"] = new JsonObject { ["type"] = "refund" }, ["type"] = "card" },
        ["metadata"] = new JsonObject(),
        ["payment_intent"] = charge["payment_intent"]!.DeepClone(),
        ["reason"] = reason,
        ["receipt_number"] = null,
        ["source_transfer_reversal"] = null,
        ["status"] = "succeeded",
        ["transfer_reversal"] = null,
    };

    public static JsonObject Dispute(string id, long created, JsonObject charge, string reason) => new()
    {
        ["id"] = id,
        ["object"] = "dispute",
        ["amount"] = charge["amount"]!.DeepClone(),
        ["balance_transactions"] = new JsonArray(),
        ["charge"] = charge["id"]!.DeepClone(),
        ["created"] = created,
        ["currency"] = charge["currency"]!.DeepClone(),
        ["enhanced_eligibility_types"] = new JsonArray(),
        ["evidence"] = new JsonObject(),
        ["evidence_details"] = new JsonObject
        {
            ["due_by"] = created + 7 * 86_400,
            ["has_evidence"] = false,
            ["past_due"] = false,
            ["submission_count"] = 0L
        },
        ["is_charge_refundable"] = false,
        ["livemode"] = false,
        ["metadata"] = new JsonObject(),
        ["payment_intent"] = charge["payment_intent"]!.DeepClone(),
        ["payment_method_details"] = new JsonObject
        {
            ["card"] = new JsonObject { ["brand"] = "visa", ["case_type"] = "chargeback", ["network_reason_code"] = "10.4" },
            ["type"] = "card",
        },
        ["reason"] = reason,
        ["status"] = "needs_response",
    };

    public static JsonObject BalanceTransaction(
        string id, long created, string type, string category, string source, string currency, long amount, long fee) => new()
        {
            ["id"] = id,
            ["object"] = "balance_transaction",
            ["amount"] = amount,
            ["available_on"] = created + 2 * 86_400,
            ["balance_type"] = "payments",
            ["created"] = created,
            ["currency"] = currency,
            ["description"] = null,
            ["exchange_rate"] = null,
            ["fee"] = fee,
            ["fee_details"] = fee == 0
                ? new JsonArray()
                : new JsonArray(new JsonObject
                {
                    ["amount"] = fee,
                    ["application"] = null,
                    ["currency"] = currency,
                    ["description"] = "Stripe processing fees",
                    ["type"] = "stripe_fee",
                }),
            ["net"] = amount - fee,
            ["reporting_category"] = category,
            ["source"] = source,
            ["status"] = "pending",
            ["type"] = type,
        };

    public static JsonObject Event(
        string id, long created, string apiVersion, string type, JsonObject about, string? requestId, string? key) => new()
        {
            ["id"] = id,
            ["object"] = "event",
            ["api_version"] = apiVersion,
            ["created"] = created,
            ["data"] = new JsonObject { ["object"] = about.DeepClone() },
            ["livemode"] = false,
            ["pending_webhooks"] = 1,
            ["request"] = new JsonObject { ["id"] = requestId, ["idempotency_key"] = key },
            ["type"] = type,
        };

    public static JsonObject List(string url, IEnumerable<JsonObject> items, bool hasMore) => new()
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. items.Select(item => item.DeepClone())]),
        ["has_more"] = hasMore,
        ["url"] = url,
    };

    private static JsonObject BillingDetails() => new()
    {
        ["address"] = new JsonObject
        {
            ["city"] = null,
            ["country"] = null,
            ["line1"] = null,
            ["line2"] = null,
            ["postal_code"] = null,
            ["state"] = null
        },
        ["email"] = null,
        ["name"] = null,
        ["phone"] = null,
        ["tax_id"] = null,
    };

    private static JsonObject CardOptions() => new()
    {
        ["card"] = new JsonObject { ["mandate_options"] = null, ["network"] = null, ["request_three_d_secure"] = "automatic" },
    };

    private static JsonObject ChargedCard(JsonObject method)
    {
        var card = method["card"]!.AsObject();
        return new JsonObject
        {
            ["brand"] = card["brand"]!.DeepClone(),
            ["checks"] = card["checks"]!.DeepClone(),
            ["country"] = "US",
            ["exp_month"] = card["exp_month"]!.DeepClone(),
            ["exp_year"] = card["exp_year"]!.DeepClone(),
            ["fingerprint"] = card["fingerprint"]!.DeepClone(),
            ["funding"] = card["funding"]!.DeepClone(),
            ["installments"] = null,
            ["last4"] = card["last4"]!.DeepClone(),
            ["mandate"] = null,
            ["network"] = card["brand"]!.DeepClone(),
            ["network_token"] = new JsonObject { ["used"] = false },
            ["three_d_secure"] = null,
            ["wallet"] = null,
        };
    }

    private static string Fingerprint(CardBehavior card) => $"{card.Brand}{card.Last4}standin".PadRight(16, '0')[..16];
}
