using System.Globalization;
using System.Text.Json.Nodes;

namespace PayPalStandIn;

/// <summary>What is kept between two runs of the demo.</summary>
public sealed class AccountState
{
    public Dictionary<string, JsonObject> Orders { get; init; } = [];

    public Dictionary<string, JsonObject> SetupTokens { get; init; } = [];

    public Dictionary<string, JsonObject> PaymentTokens { get; init; } = [];

    public Dictionary<string, JsonObject> Disputes { get; init; } = [];

    /// <summary>What happens to payments with a token: empty if they succeed, an issue, DECLINED and a response code, or PENDING.</summary>
    public Dictionary<string, string> Behaviors { get; init; } = [];

    public List<JsonObject> Events { get; init; } = [];

    /// <summary>What the search of transactions shows: what moved the balance.</summary>
    public List<JsonObject> Transactions { get; init; } = [];
}

/// <summary>The contents of a PayPal account. Not thread-safe: callers lock <see cref="Gate"/>.</summary>
public sealed class Account(StandInOptions options, TimeProvider clock)
{
    private const string Alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";

    private static readonly string[] LimitedTexts = ["custom_id", "invoice_id", "description"];

    /// <summary>PayPal's default for orders that are not captured.</summary>
    private static readonly TimeSpan OrderLife = TimeSpan.FromHours(3);

    public Lock Gate { get; } = new();

    public AccountState State { get; set; } = new();

    /// <summary>Called for each new event, under <see cref="Gate"/>.</summary>
    public Action<JsonObject> OnEvent { get; set; } = _ => { };

    /// <summary>The address of the stand-in, for links.</summary>
    public Func<Uri> Address { get; set; } = () => new Uri(options.Url);

    public string Now => Time(clock.GetUtcNow());

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string NewId() => Random.Shared.GetString(Alphabet, 17);

    public JsonObject Order(string id)
    {
        if (!State.Orders.TryGetValue(id, out var order)) throw PayPalErrorException.Missing();
        var made = DateTimeOffset.Parse(order.Text("create_time")!, CultureInfo.InvariantCulture);
        return CaptureOf(order) is null && clock.GetUtcNow() - made >= OrderLife ? throw PayPalErrorException.Missing() : order;
    }

    public static JsonObject Unit(JsonObject order) => order["purchase_units"]![0]!.AsObject();

    public static JsonObject? CaptureOf(JsonObject order) => Unit(order)["payments"]?["captures"]?[0]?.AsObject();

    public JsonObject CreateOrder(JsonObject body)
    {
        if (body.Text("intent") != "CAPTURE") throw PayPalErrorException.Malformed("intent");
        if (body["payment_source"] is not null) throw PayPalErrorException.Malformed("payment_source");
        if (body["purchase_units"] is not JsonArray { Count: 1 } units) throw PayPalErrorException.Malformed("purchase_units");
        var unit = units[0]!.AsObject();
        if (unit["amount"]?.AsObject().Text("value") is not { } value || !decimal.TryParse(value, CultureInfo.InvariantCulture, out var sum)
            || sum <= 0 || decimal.Round(sum, 2) != sum) throw PayPalErrorException.Malformed("amount");
        if (LimitedTexts.Any(name => unit.Text(name) is { Length: > 127 }))
            throw new PayPalErrorException(400, "INVALID_REQUEST", "INVALID_STRING_LENGTH", "The value of a field is too long.");
        RefuseDuplicate(unit);
        var order = new JsonObject
        {
            ["id"] = NewId(),
            ["intent"] = "CAPTURE",
            ["status"] = "CREATED",
            ["purchase_units"] = new JsonArray(unit.DeepClone()),
            ["create_time"] = Now,
        };
        State.Orders.Add(order.Text("id")!, order);
        return order;
    }

    private void RefuseDuplicate(JsonObject unit)
    {
        if (unit.Text("invoice_id") is { } invoice && State.Orders.Values.Any(other => Unit(other).Text("invoice_id") == invoice
            && CaptureOf(other)?.Text("status") is "COMPLETED" or "PENDING" or "REFUNDED" or "PARTIALLY_REFUNDED"))
            throw PayPalErrorException.Unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.");
    }

    public void PatchOrder(string id, JsonArray patches)
    {
        var order = Order(id);
        if (CaptureOf(order) is not null)
            throw PayPalErrorException.Unprocessable("ORDER_ALREADY_COMPLETED", "The order cannot be patched after it is completed.");
        foreach (var patch in patches.Select(one => one!.AsObject()))
        {
            if (patch.Text("op") != "replace" || patch.Text("path") != "/intent" || patch.Text("value") is not ("AUTHORIZE" or "CAPTURE"))
                throw PayPalErrorException.Unprocessable("FIELD_NOT_PATCHABLE", "Field cannot be patched.");
            order["intent"] = patch.Text("value");
        }
    }

    public JsonObject Capture(string id, JsonObject body, Fault? fault)
    {
        var order = Order(id);
        var unit = Unit(order);
        if (order.Text("intent") != "CAPTURE")
            throw PayPalErrorException.Unprocessable("ACTION_DOES_NOT_MATCH_INTENT", "Order was created with an intent to 'AUTHORIZE'.");
        if (CaptureOf(order) is not null)
            throw PayPalErrorException.Unprocessable("ORDER_ALREADY_CAPTURED", "Only one capture per order is allowed.");
        if (body["payment_source"]?["paypal"]?.AsObject().Text("vault_id") is not { } token)
            throw PayPalErrorException.Unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.");
        if (!State.PaymentTokens.ContainsKey(token))
            throw PayPalErrorException.Unprocessable("TOKEN_ID_NOT_FOUND", "Specified token was not found.");
        RefuseDuplicate(unit);
        var behavior = fault?.Kind switch
        {
            FaultKind.Decline => fault.Issue,
            FaultKind.Review => "PENDING",
            _ => State.Behaviors.GetValueOrDefault(token, ""),
        };
        if (behavior is not ("" or "PENDING") && !behavior.StartsWith("DECLINED", StringComparison.Ordinal))
            throw PayPalErrorException.Unprocessable(behavior, "The instrument presented can't be used for this payment.");

        var status = behavior switch { "" => "COMPLETED", "PENDING" => "PENDING", _ => "DECLINED" };
        var capture = new JsonObject
        {
            ["id"] = NewId(),
            ["status"] = status,
            ["amount"] = unit["amount"]!.DeepClone(),
            ["invoice_id"] = unit.Text("invoice_id"),
            ["custom_id"] = unit.Text("custom_id"),
            ["final_capture"] = true,
            ["create_time"] = Now,
            ["update_time"] = Now,
            ["supplementary_data"] = new JsonObject { ["related_ids"] = new JsonObject { ["order_id"] = id } },
            ["links"] = new JsonArray(new JsonObject
            {
                ["href"] = new Uri(Address(), $"/v2/checkout/orders/{id}").ToString(),
                ["rel"] = "up",
                ["method"] = "GET",
            }),
        };
        if (status == "DECLINED")
            capture["processor_response"] = new JsonObject { ["response_code"] = behavior.Split(':').ElementAtOrDefault(1) ?? "5100" };
        unit["payments"] = new JsonObject { ["captures"] = new JsonArray(capture) };
        order["status"] = "COMPLETED";
        order["payment_source"] = new JsonObject { ["paypal"] = new JsonObject() };
        if (status == "COMPLETED") Receive(order);
        Emit($"PAYMENT.CAPTURE.{status}", "capture", capture);
        return order;
    }

    /// <summary>The order with this capture, and the capture.</summary>
    public (JsonObject Order, JsonObject Capture) CaptureById(string id) => State.Orders.Values
        .Select(order => (Order: order, Capture: CaptureOf(order)))
        .FirstOrDefault(one => one.Capture?.Text("id") == id) is (var order, { } capture)
        ? (order, capture)
        : throw PayPalErrorException.Missing();

    /// <summary>PayPal decides about a pending payment.</summary>
    public void Settle(string captureId, bool paid)
    {
        var (order, capture) = CaptureById(captureId);
        if (paid) Receive(order);
        capture["status"] = paid ? "COMPLETED" : "DECLINED";
        capture["update_time"] = Now;
        Emit(paid ? "PAYMENT.CAPTURE.COMPLETED" : "PAYMENT.CAPTURE.DENIED", "capture", capture);
    }

    public JsonObject Refund(string captureId, JsonObject body)
    {
        var (order, capture) = CaptureById(captureId);
        var refunds = Refunds(order);
        if (body.Text("invoice_id") is { } invoice && refunds.Any(one => one!.AsObject().Text("invoice_id") == invoice))
            throw PayPalErrorException.Unprocessable("DUPLICATE_INVOICE_ID", "Invoice ID was previously used to refund a capture.");
        if (State.Disputes.Values.Any(one => one.Text("status") != "RESOLVED" && TransactionOf(one) == captureId))
            throw PayPalErrorException.Unprocessable("TRANSACTION_DISPUTED", "There is an open case on this transaction.");
        if (capture.Text("status") == "PENDING") throw PayPalErrorException.Unprocessable("PENDING_CAPTURE");
        var left = Value(capture) - refunds.Where(one => one!.AsObject().Text("status") != "FAILED").Sum(one => Value(one!.AsObject()));
        if (left <= 0) throw PayPalErrorException.Unprocessable("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded");
        var amount = body["amount"] is JsonObject asked ? decimal.Parse(asked.Text("value")!, CultureInfo.InvariantCulture) : left;
        if (amount > left) throw PayPalErrorException.Unprocessable("REFUND_AMOUNT_EXCEEDED", "The refund is larger than the capture.");
        capture["status"] = amount == left ? "REFUNDED" : "PARTIALLY_REFUNDED";
        return Return(captureId, amount, body, "T1107", "PAYMENT.CAPTURE.REFUNDED");
    }

    private JsonObject Return(string captureId, decimal amount, JsonObject body, string code, string type)
    {
        var (order, capture) = CaptureById(captureId);
        var refund = new JsonObject
        {
            ["id"] = NewId(),
            ["status"] = "COMPLETED",
            ["amount"] = new JsonObject
            {
                ["currency_code"] = capture["amount"]!["currency_code"]!.DeepClone(),
                ["value"] = amount.ToString("0.00", CultureInfo.InvariantCulture),
            },
            ["custom_id"] = body.Text("custom_id"),
            ["invoice_id"] = body.Text("invoice_id"),
            ["create_time"] = Now,
            ["update_time"] = Now,
            ["links"] = new JsonArray(new JsonObject
            {
                ["href"] = new Uri(Address(), $"/v2/payments/captures/{captureId}").ToString(),
                ["rel"] = "up",
                ["method"] = "GET",
            }),
        };
        Refunds(order).Add(refund);
        Move(refund.Text("id")!, code, -amount, captureId, "TXN", refund);
        Emit(type, "refund", refund);
        return refund;
    }

    /// <summary>PayPal takes a payment back for a bank, without a dispute.</summary>
    public void TakeBack(string captureId) =>
        Return(captureId, Value(CaptureById(captureId).Capture), [], "T1106", "PAYMENT.CAPTURE.REVERSED");

    public void FailRefund(string refundId)
    {
        var refund = State.Orders.Values.SelectMany(Refunds).Select(one => one!.AsObject()).First(one => one.Text("id") == refundId);
        refund["status"] = "FAILED";
        refund["update_time"] = Now;
        Move(NewId(), "T1107", Value(refund), refundId, "TXN", refund);
        Emit("PAYMENT.REFUND.FAILED", "refund", refund);
    }

    public JsonObject RefundById(string id) =>
        State.Orders.Values.SelectMany(Refunds).Select(one => one!.AsObject()).FirstOrDefault(one => one.Text("id") == id)
        ?? throw PayPalErrorException.Missing();

    // 3.49 % and 49 cents.
    private void Receive(JsonObject order)
    {
        var capture = CaptureOf(order)!;
        var fee = decimal.Round((Value(capture) * 0.0349m) + 0.49m, 2);
        Move(capture.Text("id")!, "T0003", Value(capture), order.Text("id")!, "ODR", capture, -fee);
    }

    private void Move(
        string id, string code, decimal amount, string reference, string referenceType, JsonObject payment, decimal fee = 0)
    {
        JsonObject Money(decimal value) => new()
        {
            ["currency_code"] = payment["amount"]!["currency_code"]!.DeepClone(),
            ["value"] = value.ToString("0.00", CultureInfo.InvariantCulture),
        };
        var made = new JsonObject
        {
            ["transaction_id"] = id,
            ["paypal_reference_id"] = reference,
            ["paypal_reference_id_type"] = referenceType,
            ["transaction_event_code"] = code,
            ["transaction_initiation_date"] = ReportTime(clock.GetUtcNow()),
            ["transaction_amount"] = Money(amount),
            ["transaction_status"] = "S",
            ["invoice_id"] = payment.Text("invoice_id"),
            ["custom_field"] = payment.Text("custom_id"),
        };
        if (fee != 0) made["fee_amount"] = Money(fee);
        State.Transactions.Add(made);
    }

    // The reports write times in another way than the other objects.
    private static string ReportTime(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'+0000'", CultureInfo.InvariantCulture);

    /// <summary>The search of transactions.</summary>
    public JsonObject SearchTransactions(DateTimeOffset from, DateTimeOffset to, int size, int page)
    {
        if (to < from || to - from > TimeSpan.FromDays(31)) throw PayPalErrorException.Malformed("end_date");
        var refreshed = clock.GetUtcNow() - options.SearchDelay;
        var found = State.Transactions.Where(one => DateTimeOffset.Parse(
            one.Text("transaction_initiation_date")!, CultureInfo.InvariantCulture) is var at && at >= from && at <= to && at <= refreshed)
            .ToList();
        if (found.Count > options.LargestSearch) throw PayPalErrorException.TooLarge();
        size = Math.Min(size, options.LargestPage);
        return new JsonObject
        {
            ["transaction_details"] = new JsonArray([.. found.Skip((page - 1) * size).Take(size)
                .Select(one => new JsonObject { ["transaction_info"] = one.DeepClone() })]),
            ["last_refreshed_datetime"] = ReportTime(refreshed),
            ["page"] = page,
            ["total_items"] = found.Count,
            ["total_pages"] = (found.Count + size - 1) / size,
        };
    }

    /// <summary>The list of events, the newest first.</summary>
    public JsonObject ListEvents(DateTimeOffset from, DateTimeOffset to, int size, int skip)
    {
        var found = State.Events.AsEnumerable().Reverse().Where(one => DateTimeOffset.Parse(
            one.Text("create_time")!, CultureInfo.InvariantCulture) is var at && at >= from && at <= to).ToList();
        size = Math.Min(size, options.LargestPage);
        var links = new JsonArray();
        if (found.Count > skip + size)
        {
            var query = $"start_time={Time(from)}&end_time={Time(to)}&page_size={size}&skip={skip + size}";
            links.Add(new JsonObject
            {
                ["href"] = new Uri(Address(), $"/v1/notifications/webhooks-events?{query}").ToString(),
                ["rel"] = "next",
                ["method"] = "GET",
            });
        }

        return new JsonObject
        {
            ["events"] = new JsonArray([.. found.Skip(skip).Take(size).Select(one => one.DeepClone())]),
            ["count"] = Math.Min(size, Math.Max(0, found.Count - skip)),
            ["links"] = links,
        };
    }

    public JsonObject EventById(string id) =>
        State.Events.Find(one => one.Text("id") == id) ?? throw PayPalErrorException.Missing();

    private static JsonArray Refunds(JsonObject order)
    {
        if (Unit(order)["payments"]?.AsObject() is not { } payments) return [];
        if (payments["refunds"] is null) payments["refunds"] = new JsonArray();
        return payments["refunds"]!.AsArray();
    }

    private static decimal Value(JsonObject payment) =>
        decimal.Parse(payment["amount"]!.AsObject().Text("value")!, CultureInfo.InvariantCulture);

    /// <returns>The dispute's id.</returns>
    /// <param name="amount">The part that is disputed; null for all of it.</param>
    public string Dispute(string captureId, string reason, decimal? amount = null)
    {
        var (_, capture) = CaptureById(captureId);
        var disputed = capture["amount"]!.DeepClone();
        if (amount is { } part) disputed["value"] = part.ToString("0.00", CultureInfo.InvariantCulture);
        var dispute = new JsonObject
        {
            ["dispute_id"] = $"PP-D-{Random.Shared.Next(10_000, 99_999)}",
            ["create_time"] = Now,
            ["update_time"] = Now,
            ["disputed_transactions"] = new JsonArray(new JsonObject { ["seller_transaction_id"] = captureId }),
            ["reason"] = reason,
            ["status"] = "WAITING_FOR_SELLER_RESPONSE",
            ["dispute_amount"] = disputed,
            ["dispute_life_cycle_stage"] = "CHARGEBACK",
            ["seller_response_due_date"] = Time(clock.GetUtcNow().AddDays(10)),
        };
        State.Disputes.Add(dispute.Text("dispute_id")!, dispute);
        Emit("CUSTOMER.DISPUTE.CREATED", "dispute", dispute);
        return dispute.Text("dispute_id")!;
    }

    public void CloseDispute(string disputeId, bool won)
    {
        var dispute = DisputeById(disputeId);
        var wasLost = dispute["dispute_outcome"]?.AsObject().Text("outcome_code") == "RESOLVED_BUYER_FAVOUR";
        var capture = CaptureById(TransactionOf(dispute)!).Capture;
        var moved = won ? Value(capture) : -Value(capture);
        if (won == wasLost) Move(NewId(), won ? "T1202" : "T1106", moved, TransactionOf(dispute)!, "TXN", capture);
        dispute["status"] = "RESOLVED";
        dispute["update_time"] = Now;
        dispute["dispute_outcome"] = won
            ? new JsonObject { ["outcome_code"] = "RESOLVED_SELLER_FAVOUR" }
            : new JsonObject
            {
                ["outcome_code"] = "RESOLVED_BUYER_FAVOUR",
                ["amount_refunded"] = dispute["dispute_amount"]!.DeepClone(),
            };
        Emit("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute);
    }

    /// <summary>The seller accepts a dispute: PayPal refunds the payment, and reports the refund, too.</summary>
    public void AcceptDispute(string disputeId)
    {
        var dispute = DisputeById(disputeId);
        var amount = dispute["dispute_amount"]!.AsObject();
        Return(
            TransactionOf(dispute)!, decimal.Parse(amount.Text("value")!, CultureInfo.InvariantCulture), [], "T1107",
            "PAYMENT.CAPTURE.REFUNDED");
        dispute["status"] = "RESOLVED";
        dispute["update_time"] = Now;
        dispute["dispute_outcome"] = new JsonObject { ["outcome_code"] = "ACCEPTED", ["amount_refunded"] = amount.DeepClone() };
        Emit("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute);
    }

    /// <summary>The summaries of a payment's disputes.</summary>
    public JsonObject ListDisputes(string captureId)
    {
        var found = State.Disputes.Values.Where(one => TransactionOf(one) == captureId).Select(one =>
        {
            var summary = one.DeepClone().AsObject();
            foreach (var detail in (string[])["disputed_transactions", "dispute_outcome", "evidences"]) summary.Remove(detail);
            return summary;
        });
        return new JsonObject { ["items"] = new JsonArray([.. found]), ["links"] = new JsonArray() };
    }

    public JsonObject DisputeById(string id) =>
        State.Disputes.TryGetValue(id, out var dispute) ? dispute : throw PayPalErrorException.Missing();

    public JsonObject AddEvidence(string id, string notes)
    {
        var dispute = DisputeById(id);
        if (dispute.Text("status") != "WAITING_FOR_SELLER_RESPONSE") throw PayPalErrorException.Unprocessable("DISPUTE_NOT_OPEN");
        if (notes.Length is 0 or > 2000) throw PayPalErrorException.Malformed("notes");
        if (dispute["evidences"] is null) dispute["evidences"] = new JsonArray();
        dispute["evidences"]!.AsArray().Add(new JsonObject
        {
            ["evidence_type"] = "OTHER",
            ["notes"] = notes,
            ["source"] = "SUBMITTED_BY_SELLER",
        });
        dispute["status"] = "UNDER_REVIEW";
        return new JsonObject { ["links"] = new JsonArray() };
    }

    private static string? TransactionOf(JsonObject dispute) =>
        dispute["disputed_transactions"]![0]!.AsObject().Text("seller_transaction_id");

    public JsonObject StartSetup(JsonObject body)
    {
        if (body["payment_source"]?["paypal"] is not JsonObject source || source.Text("usage_type") != "MERCHANT"
            || source["experience_context"]?.AsObject().Text("return_url") is null)
            throw PayPalErrorException.Malformed("payment_source");
        var id = NewId();
        var customer = body["customer"]?.DeepClone().AsObject() ?? [];
        if (customer.Text("id") is { } known && !State.SetupTokens.Values.Concat(State.PaymentTokens.Values).Any(
            one => one["customer"]!.AsObject().Text("id") == known))
            throw PayPalErrorException.Unprocessable("CUSTOMER_ID_NOT_FOUND", "The customer does not exist.");
        if (customer.Text("id") is null) customer["id"] = Random.Shared.GetString(Alphabet, 10);
        var token = new JsonObject
        {
            ["id"] = id,
            ["customer"] = customer,
            ["status"] = "PAYER_ACTION_REQUIRED",
            ["payment_source"] = new JsonObject { ["paypal"] = source.DeepClone() },
            ["links"] = new JsonArray(
                new JsonObject
                {
                    ["href"] = new Uri(Address(), $"/agreements/approve?approval_session_id={id}").ToString(),
                    ["rel"] = "approve",
                    ["method"] = "GET",
                }),
        };
        State.SetupTokens.Add(id, token);
        return token;
    }

    public JsonObject SetupToken(string id) =>
        State.SetupTokens.TryGetValue(id, out var token) ? token : throw PayPalErrorException.Missing();

    /// <summary>The customer approves on PayPal's page.</summary>
    /// <param name="behavior">See <see cref="AccountState.Behaviors"/>.</param>
    public void Approve(string setupTokenId, string behavior)
    {
        var token = SetupToken(setupTokenId);
        token["status"] = "APPROVED";
        token["behavior"] = behavior;
    }

    public JsonObject CreateToken(JsonObject body)
    {
        var source = body["payment_source"]?["token"]?.AsObject();
        if (source?.Text("type") != "SETUP_TOKEN" || source.Text("id") is not { } setupId)
            throw PayPalErrorException.Malformed("payment_source");
        var setup = SetupToken(setupId);
        if (setup.Text("status") != "APPROVED")
            throw PayPalErrorException.Unprocessable("SETUP_TOKEN_NOT_APPROVED", "The setup token is not approved by the payer.");
        setup["status"] = "VAULTED";
        return AddToken(setup["customer"]!.DeepClone().AsObject(), setup.Text("behavior") ?? "");
    }

    /// <summary>Adds a saved account, as an approved setup does.</summary>
    public JsonObject AddToken(JsonObject customer, string behavior)
    {
        var token = new JsonObject
        {
            ["id"] = Random.Shared.GetString(Alphabet, 8).ToLowerInvariant(),
            ["customer"] = customer,
            ["payment_source"] = new JsonObject
            {
                ["paypal"] = new JsonObject
                {
                    ["email_address"] = "payer@example.com",
                    ["account_id"] = Random.Shared.GetString(Alphabet, 13),
                },
            },
        };
        State.PaymentTokens.Add(token.Text("id")!, token);
        State.Behaviors[token.Text("id")!] = behavior;
        Emit("VAULT.PAYMENT-TOKEN.CREATED", "payment_token", token);
        return token;
    }

    public void DeleteToken(string id)
    {
        if (!State.PaymentTokens.Remove(id, out var token)) throw PayPalErrorException.Missing();
        Emit("VAULT.PAYMENT-TOKEN.DELETED", "payment_token", token);
    }

    private void Emit(string type, string resourceType, JsonObject resource)
    {
        var made = new JsonObject
        {
            ["id"] = $"WH-{NewId()}-{NewId()}",
            ["event_version"] = "1.0",
            ["create_time"] = Now,
            ["resource_type"] = resourceType,
            ["resource_version"] = "2.0",
            ["event_type"] = type,
            ["resource"] = resource.DeepClone(),
        };
        State.Events.Add(made);
        OnEvent(made);
    }
}

internal static class JsonFields
{
    public static string? Text(this JsonObject subject, string name) =>
        subject[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
