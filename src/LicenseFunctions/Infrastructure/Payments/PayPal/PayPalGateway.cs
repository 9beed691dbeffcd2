using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// PayPal's orders, without the customer: an order is created without a payment source, which charges nothing, and captured with the
/// saved payment token. PayPal allows one capture for an order, and one payment for its invoice_id, which names the attempt.
/// </summary>
public sealed class PayPalGateway(PayPalClient client, PayPalSettings settings, TimeProvider clock, ILogger<PayPalGateway> log)
    : IPaymentGateway
{
    /// <summary>Begins the id of an intent whose order is not known, only its invoice_id.</summary>
    private const string ByInvoice = "invoice-";

    /// <summary>How long before an attempt its payment is searched: a restored database makes an attempt that was made before.</summary>
    private static readonly TimeSpan MadeBefore = TimeSpan.FromDays(30);
    private static readonly TimeSpan MadeAfter = TimeSpan.FromDays(1);
    private static readonly TimeSpan SearchedAtOnce = TimeSpan.FromDays(1);

    /// <summary>Less than the lease of a renewal.</summary>
    private static readonly TimeSpan LongestSearch = TimeSpan.FromMinutes(1);

    private readonly PayPalTransactions transactions = new(client, clock);

    /// <summary>PayPal's limit for notes of evidence.</summary>
    private const int LongestNotes = 2_000;

    private const string DuplicateInvoice = "DUPLICATE_INVOICE_ID";

    public string Provider => PaymentProviders.PayPal;

    /// <summary>PayPal keeps the keys of orders for 6 hours. One less, because clocks differ.</summary>
    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(5);

    /// <summary>An order that is not captured expires after some hours, and a retry follows days later.</summary>
    public bool ReusesIntents => false;

    public async Task<IntentSnapshot> CreateIntentAsync(
        ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        var note = new PayPalOrderNote(request.RenewalId, request.SubscriptionId, request.UserId, request.DebtsMinor);
        var (answer, unknown) = await client.TryAsync("a new order", token => client.PostAsync(
            "v2/checkout/orders",
            new
            {
                intent = "CAPTURE",
                purchase_units = new[]
                {
                    new
                    {
                        reference_id = "default",
                        invoice_id = NameOf(request),
                        custom_id = note.Sign(settings),
                        description = request.Description,
                        amount = PayPalObjects.Money(request.AmountMinor, request.Currency),
                    },
                },
            },
            idempotencyKey, token), cancellationToken);
        return answer switch
        {
            null => new IntentSnapshot(null, new ChargeOutcome.Unknown(unknown!)),
            { IsSuccess: true } when answer.Body.Text("id") is { } id => new IntentSnapshot(id, PayPalObjects.Outcome(answer.Body)),
            { Issue: DuplicateInvoice } => PaidBefore(request),
            // The client secret was rotated since the first request with this key, so the signatures differ. The key expires.
            { Issue: "DUPLICATE_REQUEST_ID" } => new IntentSnapshot(null, new ChargeOutcome.Unknown(answer.Reason)),
            // A creation charges nothing, so its refusal is certain.
            { IsFinalRefusal: true } => new IntentSnapshot(
                null, new ChargeOutcome.SoftDeclined("provider_refused", answer.Detail ?? answer.Reason)),
            _ => new IntentSnapshot(null, new ChargeOutcome.Unknown(answer.Reason, answer.RetryAfter)),
        };
    }

    public async Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        var (answer, unknown) = await client.TryAsync($"order {intentId}", token => client.PostAsync(
            $"v2/checkout/orders/{Uri.EscapeDataString(intentId)}/capture",
            new { payment_source = new { paypal = new { vault_id = request.PaymentId } } },
            idempotencyKey, token), cancellationToken);
        if (answer is { Status: HttpStatusCode.UnprocessableEntity, Issue: "ORDER_ALREADY_CAPTURED" or "ORDER_ALREADY_COMPLETED" })
            return await GetIntentAsync(intentId, cancellationToken);
        if (answer is { Status: HttpStatusCode.UnprocessableEntity, Issue: DuplicateInvoice }) return PaidBefore(request);
        return new IntentSnapshot(intentId, answer switch
        {
            null => new ChargeOutcome.Unknown(unknown!),
            { IsSuccess: true } => PayPalObjects.Outcome(answer.Body),
            { Status: HttpStatusCode.NotFound } => new ChargeOutcome.Missing(),
            // The backend replaced the order's intent before.
            { Status: HttpStatusCode.UnprocessableEntity, Issue: "ACTION_DOES_NOT_MATCH_INTENT" } =>
                new ChargeOutcome.Canceled("canceled"),
            { Status: HttpStatusCode.UnprocessableEntity, Issue: { } issue } => PayPalDeclines.OfIssue(issue, answer.Detail ?? issue),
            _ => new ChargeOutcome.Unknown(answer.Reason, answer.RetryAfter),
        });
    }

    // The attempt was paid by an order that this database doesn't know, for example after a restore.
    private IntentSnapshot PaidBefore(ChargeRequest request) =>
        new(ByInvoice + NameOf(request), new ChargeOutcome.PaidBefore());

    public string NameOf(ChargeRequest request) => PayPalInvoice.Of(request, settings);

    public async Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken)
    {
        if (intentId.StartsWith(ByInvoice, StringComparison.Ordinal)) return new IntentSnapshot(intentId, new ChargeOutcome.Missing());
        var (answer, unknown) = await client.TryAsync(
            $"order {intentId}", token => client.GetAsync($"v2/checkout/orders/{Uri.EscapeDataString(intentId)}", token),
            cancellationToken);
        return new IntentSnapshot(intentId, answer switch
        {
            null => new ChargeOutcome.Unknown(unknown!),
            { IsSuccess: true } => PayPalObjects.Outcome(answer.Body),
            { Status: HttpStatusCode.NotFound } => new ChargeOutcome.Missing(),
            _ => new ChargeOutcome.Unknown(answer.Reason, answer.RetryAfter),
        });
    }

    /// <summary>
    /// PayPal has no call that cancels an order. Its intent is replaced instead: PayPal refuses to capture an order with the intent
    /// AUTHORIZE, so a capture that is still on its way charges nothing. PayPal refuses the replacement if the order is captured.
    /// </summary>
    public async Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken)
    {
        var (answer, unknown) = await client.TryAsync($"order {intentId}", token => client.PatchAsync(
            $"v2/checkout/orders/{Uri.EscapeDataString(intentId)}",
            new[] { new { op = "replace", path = "/intent", value = "AUTHORIZE" } },
            token), cancellationToken);
        if (answer is null) return new IntentSnapshot(intentId, new ChargeOutcome.Unknown(unknown!));
        if (answer.IsSuccess) return new IntentSnapshot(intentId, new ChargeOutcome.Canceled("canceled"));
        if (answer is { Status: HttpStatusCode.NotFound }) return new IntentSnapshot(intentId, new ChargeOutcome.Missing());
        var order = await GetIntentAsync(intentId, cancellationToken);
        // Only one capture of an order is allowed, so after a declined one the order can't succeed any more.
        return order.Outcome is ChargeOutcome.SoftDeclined or ChargeOutcome.HardDeclined
            ? order with { Outcome = new ChargeOutcome.Canceled("declined") }
            : order;
    }

    public async Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken)
    {
        var (answer, unknown) = await client.TryAsync(
            $"capture {chargeId}", token => client.GetAsync($"v2/payments/captures/{Uri.EscapeDataString(chargeId)}", token),
            cancellationToken);
        if (answer is { IsSuccess: true }) return Found(answer.Body, PayPalObjects.OrderOf(answer.Body));
        if (answer is not { Status: HttpStatusCode.NotFound }) return new ChargeLookup.Unknown(unknown ?? answer!.Reason);

        (answer, unknown) = await client.TryAsync(
            $"order {chargeId}", token => client.GetAsync($"v2/checkout/orders/{Uri.EscapeDataString(chargeId)}", token),
            cancellationToken);
        return answer switch
        {
            { IsSuccess: true } when answer.Body.Capture().ValueKind is JsonValueKind.Object =>
                Found(answer.Body.Capture(), answer.Body.Text("id")),
            { IsSuccess: true } => new ChargeLookup.Found(chargeId, chargeId, IsPaid: false, 0, "usd", null, null),
            { Status: HttpStatusCode.NotFound } => new ChargeLookup.Missing(),
            _ => new ChargeLookup.Unknown(unknown ?? answer!.Reason),
        };
    }

    public async Task<IntentSnapshot?> FindPaymentAsync(
        ChargeRequest request, DateTimeOffset sentAt, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(LongestSearch, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var (first, until) = (sentAt - MadeBefore, sentAt + MadeAfter);
        try
        {
            // By days, the latest first.
            // A minute more than now, because the search has whole seconds and clocks differ.
            var now = clock.GetUtcNow() + TimeSpan.FromMinutes(1);
            for (var end = until < now ? until : now; end > first; end -= SearchedAtOnce)
            {
                if (await FindPaymentAsync(request, end - SearchedAtOnce, end, either.Token) is { } found) return found;
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            log.LogWarning("The search for {Invoice} took too long; the next look-up repeats it", NameOf(request));
        }

        return null;
    }

    private async Task<IntentSnapshot?> FindPaymentAsync(
        ChargeRequest request, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var invoices = PayPalInvoice.All(request, settings);
        for (string? after = null; ;)
        {
            var page = await transactions.ReadAsync(from, until, after, cancellationToken);
            if (page.Refusal is not null) return null;
            foreach (var info in page.Value.Items)
            {
                if (info.Text("invoice_id") is not { } invoice || !invoices.Contains(invoice)
                    || info.Text("transaction_id") is not { } captureId) continue;
                // A refund may have the same invoice_id. The capture itself says whether it was paid.
                if (await FindChargeAsync(captureId, cancellationToken) is ChargeLookup.Found { IsPaid: true } paid
                    && paid.RenewalId == request.RenewalId)
                {
                    return new IntentSnapshot(
                        paid.IntentId ?? paid.ChargeId, new ChargeOutcome.Succeeded(paid.ChargeId, paid.AmountMinor, paid.Currency));
                }
            }

            after = page.Value.Next;
            if (after is null) return null;
        }
    }

    private ChargeLookup Found(JsonElement capture, string? orderId)
    {
        if (capture.Text("id") is not { } id || PayPalObjects.Amount(capture.Part("amount")) is not { } amount)
            return new ChargeLookup.Unknown("unreadable");
        // Only a signed note says for which renewal the charge is.
        var note = PayPalOrderNote.Read(capture.Text("custom_id"), settings);
        var signed = note is { IsSigned: true } ? note : null;
        return new ChargeLookup.Found(
            id, orderId, PayPalObjects.CaptureOutcome(capture) is ChargeOutcome.Succeeded, amount.Minor, amount.Currency,
            signed?.RenewalId, signed?.SubscriptionId)
        {
            UnprovenRenewalId = note?.RenewalId,
        };
    }

    public async Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        if (request.ChargeId is not { } captureId) return new RefundOutcome.Unknown("capture_not_known");
        var (answer, unknown) = await client.TryAsync($"refund of {captureId}", token => client.PostAsync(
            $"v2/payments/captures/{Uri.EscapeDataString(captureId)}/refund",
            new
            {
                amount = PayPalObjects.Money(request.AmountMinor, "usd"),
                custom_id = request.RefundId.ToString(),
                // PayPal refuses a second refund with this id, also after the lifetime of the key.
                invoice_id = request.RefundId.ToString(),
            },
            idempotencyKey, token), cancellationToken);
        return answer switch
        {
            null => new RefundOutcome.Unknown(unknown!),
            { IsSuccess: true } when PayPalObjects.Refund(answer.Body, request.IntentId, captureId, clock.GetUtcNow()) is { } made =>
                new RefundOutcome.Made(made with { RefundId = request.RefundId }),
            { IsSuccess: true } => new RefundOutcome.Unknown("unreadable"),
            { Issue: DuplicateInvoice } =>
                await FindRefundAsync(request, cancellationToken) ?? new RefundOutcome.Unknown("duplicate_invoice_id"),
            { Issue: "PREVIOUS_REQUEST_IN_PROGRESS" } => new RefundOutcome.Unknown("previous_request_in_progress"),
            { IsFinalRefusal: true, Issue: "TRANSACTION_DISPUTED" or "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK" } =>
                new RefundOutcome.Refused("charge_disputed", answer.Detail ?? answer.Issue),
            { IsFinalRefusal: true } => new RefundOutcome.Refused(
                answer.Issue?.ToLowerInvariant() ?? answer.Reason, answer.Detail ?? answer.Reason),
            _ => new RefundOutcome.Unknown(answer.Reason),
        };
    }

    public async Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken)
    {
        var (answer, unknown) = await client.TryAsync(
            $"refunds of {request.IntentId}",
            token => client.GetAsync($"v2/checkout/orders/{Uri.EscapeDataString(request.IntentId)}", token), cancellationToken);
        if (answer is not { IsSuccess: true }) return new RefundOutcome.Unknown(unknown ?? answer!.Reason);
        // An order without its capture has no list of refunds either: that would not prove that there is none.
        if (answer.Body.Capture().ValueKind is not JsonValueKind.Object) return new RefundOutcome.Unknown("capture_not_listed");
        if (answer.Body.Unit().Part("payments").Part("refunds") is not { ValueKind: JsonValueKind.Array } refunds) return null;
        foreach (var refund in refunds.EnumerateArray().Where(one => PayPalObjects.RequestOf(one) == request.RefundId))
        {
            return PayPalObjects.Refund(refund, request.IntentId, answer.Body.Capture().Text("id"), clock.GetUtcNow()) is { } made
                ? new RefundOutcome.Made(made)
                : new RefundOutcome.Unknown("unreadable");
        }

        return null;
    }

    public async Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken)
    {
        if (text.Length > LongestNotes)
            return new EvidenceOutcome.Refused("too_long", $"PayPal accepts evidence of at most {LongestNotes} characters.");
        var (answer, unknown) = await client.TryAsync($"evidence for {disputeId}", token => client.PostAsync(
            $"v1/customer/disputes/{Uri.EscapeDataString(disputeId)}/provide-evidence", () => Evidence(text), token), cancellationToken);
        return answer switch
        {
            null => new EvidenceOutcome.Unknown(unknown!),
            { IsSuccess: true } => new EvidenceOutcome.Sent(),
            { IsFinalRefusal: true } => new EvidenceOutcome.Refused(
                answer.Issue?.ToLowerInvariant() ?? answer.Reason, answer.Detail ?? answer.Reason),
            _ => new EvidenceOutcome.Unknown(answer.Reason),
        };
    }

    // PayPal expects a form, whose part "input" is JSON; files may follow.
    private static MultipartFormDataContent Evidence(string text)
    {
        var input = JsonContent.Create(
            new { evidences = new[] { new { evidence_type = "OTHER", notes = text } } }, new MediaTypeHeaderValue("application/json"));
        return new MultipartFormDataContent { { input, "input" } };
    }

    public async Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken)
    {
        var (answer, unknown) = await client.TryAsync(
            $"dispute {disputeId}", token => client.GetAsync($"v1/customer/disputes/{Uri.EscapeDataString(disputeId)}", token),
            cancellationToken);
        if (answer is not { IsSuccess: true }) return new EvidenceOutcome.Unknown(unknown ?? answer!.Reason);
        return answer.Body.Part("evidences") is { ValueKind: JsonValueKind.Array } evidences
            && evidences.EnumerateArray().Any(one => one.Text("source") == "SUBMITTED_BY_SELLER")
            ? new EvidenceOutcome.Sent()
            : null;
    }
}
