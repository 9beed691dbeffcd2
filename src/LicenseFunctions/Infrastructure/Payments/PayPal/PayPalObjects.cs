using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// The signed custom_id of an order, which assigns its webhooks to a renewal. It is signed, because a payer can make an order of their own
/// and write any custom_id.
/// </summary>
internal sealed record PayPalOrderNote(Guid RenewalId, Guid SubscriptionId, Guid UserId, long DebtsMinor)
{
    /// <summary>This backend wrote it. Notes of earlier versions have no signature.</summary>
    public bool IsSigned { get; private init; }

    private string Signed => $"order-note:{Text}";

    private string Text => string.Create(CultureInfo.InvariantCulture, $"{RenewalId:N}.{SubscriptionId:N}.{UserId:N}.{DebtsMinor}");

    /// <summary>The custom_id. The same note always has the same one, so that a request can be repeated.</summary>
    public string Sign(PayPalSettings settings) => $"{Text}.{PayPalSigning.Sign(Signed, settings.ClientSecret)}";

    /// <returns>Null for the custom_id of another system.</returns>
    public static PayPalOrderNote? Read(string? text, PayPalSettings settings)
    {
        if (text?.Split('.') is not [var renewal, var subscription, var user, var debts, .. { Length: <= 1 } more]
            || !Guid.TryParseExact(renewal, "N", out var renewalId) || !Guid.TryParseExact(subscription, "N", out var subscriptionId)
            || !Guid.TryParseExact(user, "N", out var userId)
            || !long.TryParse(debts, NumberStyles.None, CultureInfo.InvariantCulture, out var minor)) return null;
        var note = new PayPalOrderNote(renewalId, subscriptionId, userId, minor);
        return note with
        {
            IsSigned = more is [var signature] && PayPalSigning.All(note.Signed, settings).Any(
                own => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(own))),
        };
    }
}

/// <summary>
/// The invoice_id of an order: the attempt's name, which is the same after a restore, so that PayPal refuses a payment that it has already.
/// It is signed, because a payer can make an order of their own with any invoice_id: PayPal would then refuse the attempt.
/// </summary>
internal static class PayPalInvoice
{
    /// <summary>The invoice_id of the request. It has at most 64 characters; PayPal's limit is 127.</summary>
    public static string Of(ChargeRequest request, PayPalSettings settings) =>
        request.IsNameSigned ? $"{Name(request)}-{PayPalSigning.Sign(Signed(request), settings.ClientSecret)}" : Name(request);

    /// <summary>All that the attempt may have: an earlier version or another secret may have made it before a restore.</summary>
    public static HashSet<string> All(ChargeRequest request, PayPalSettings settings) =>
        [Name(request), .. PayPalSigning.All(Signed(request), settings).Select(signature => $"{Name(request)}-{signature}")];

    private static string Name(ChargeRequest request) => request.Attempt == 0
        ? request.RenewalId.ToString()
        : string.Create(CultureInfo.InvariantCulture, $"{request.RenewalId}-{request.Attempt}");

    private static string Signed(ChargeRequest request) => $"invoice:{Name(request)}";
}

/// <summary>Signs the texts of this backend that PayPal keeps, with keys that derive from the client secrets.</summary>
internal static class PayPalSigning
{
    /// <summary>96 bits in base64. An order's note has at most 126 characters with it; PayPal's limit is 127.</summary>
    private const int Length = 16;

    public static string Sign(string text, string secret) => Base64Url.EncodeToString(
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(text)))[..Length];

    /// <summary>The signatures with the present secret and the earlier ones.</summary>
    public static IEnumerable<string> All(string text, PayPalSettings settings) =>
        settings.EarlierSecrets.Prepend(settings.ClientSecret).Select(secret => Sign(text, secret));
}

/// <summary>Reads PayPal's objects: orders, captures and refunds.</summary>
internal static class PayPalObjects
{
    /// <summary>The largest amount in minor units that the tables of the platform can store.</summary>
    private const decimal Largest = 9_999_999_999;

    private static readonly string[] WithoutDecimals = ["huf", "jpy", "twd"];

    /// <summary>An amount as PayPal writes it, such as "49.99".</summary>
    public static object Money(long minor, string currency) => new
    {
        currency_code = currency.ToUpperInvariant(),
        value = (WithoutDecimals.Contains(currency) ? minor : minor / 100m).ToString(
            WithoutDecimals.Contains(currency) ? "0" : "0.00", CultureInfo.InvariantCulture),
    };

    /// <returns>Minor units and the currency in lower case; null if there is no such amount, or one that can't be stored.</returns>
    public static (long Minor, string Currency)? Amount(JsonElement money) =>
        SignedAmount(money) is { Minor: >= 0 } amount ? amount : null;

    /// <summary>The same, also of money that left.</summary>
    public static (long Minor, string Currency)? SignedAmount(JsonElement money)
    {
        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign;
        if (money.Text("currency_code")?.ToLowerInvariant() is not { } currency || money.Text("value") is not { } text
            || !decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out var value))
            return null;
        if (value is < -Largest or > Largest) return null;
        var minor = WithoutDecimals.Contains(currency) ? value : value * 100;
        return minor == decimal.Truncate(minor) && minor is >= -Largest and <= Largest ? (decimal.ToInt64(minor), currency) : null;
    }

    /// <summary>A time as the reports write it, such as 2026-11-01T10:00:00+0000.</summary>
    public static DateTimeOffset? ReportedTime(this JsonElement subject, string name) =>
        Time(subject.Text(name));

    /// <returns>The time in UTC; null if it is none.</returns>
    public static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : null;

    /// <summary>An order of this backend has one purchase unit.</summary>
    public static JsonElement Unit(this JsonElement order) => order.Part("purchase_units").First();

    /// <summary>The order's only capture; undefined before it.</summary>
    public static JsonElement Capture(this JsonElement order) => order.Unit().Part("payments").Part("captures").First();

    public static JsonElement First(this JsonElement list) =>
        list.ValueKind is JsonValueKind.Array && list.GetArrayLength() > 0 ? list[0] : default;

    /// <summary>Maps an order. One that PayPal shows in an unexpected way is unknown.</summary>
    public static ChargeOutcome Outcome(JsonElement order)
    {
        if (order.Capture() is { ValueKind: JsonValueKind.Object } capture) return CaptureOutcome(capture);
        return order.Text("status") switch
        {
            // The backend replaced the intent, so that the order can't be captured any more.
            "CREATED" or "SAVED" or "APPROVED" or "PAYER_ACTION_REQUIRED" when order.Text("intent") == "AUTHORIZE" =>
                new ChargeOutcome.Canceled("canceled"),
            "CREATED" or "SAVED" or "APPROVED" or "PAYER_ACTION_REQUIRED" => new ChargeOutcome.Unconfirmed(),
            "VOIDED" => new ChargeOutcome.Canceled("voided"),
            var status => new ChargeOutcome.Unknown($"status_{status}"),
        };
    }

    public static ChargeOutcome CaptureOutcome(JsonElement capture) => capture.Text("status") switch
    {
        // What was refunded is reported separately.
        "COMPLETED" or "REFUNDED" or "PARTIALLY_REFUNDED" when capture.Text("id") is { } id && Amount(capture.Part("amount")) is { } paid =>
            new ChargeOutcome.Succeeded(id, paid.Minor, paid.Currency),
        "PENDING" => new ChargeOutcome.Processing(),
        "DECLINED" or "FAILED" => PayPalDeclines.OfProcessor(
            capture.Part("processor_response").Text("response_code"),
            capture.Part("processor_response").Text("payment_advice_code")),
        var status => new ChargeOutcome.Unknown($"capture_{status}"),
    };

    /// <summary>The order of a capture; null if PayPal doesn't name it.</summary>
    public static string? OrderOf(JsonElement capture) =>
        capture.Part("supplementary_data").Part("related_ids").Text("order_id") ?? Linked(capture, "/checkout/orders/");

    /// <summary>The capture of a refund; null if PayPal doesn't name it.</summary>
    public static string? CaptureOf(JsonElement refund) =>
        Linked(refund, "/payments/captures/") ?? refund.Part("supplementary_data").Part("related_ids").Text("capture_id");

    // The link "up" has the id of the object above.
    private static string? Linked(JsonElement subject, string folder)
    {
        if (subject.Part("links") is not { ValueKind: JsonValueKind.Array } links) return null;
        foreach (var link in links.EnumerateArray())
        {
            if (link.Text("rel") == "up" && link.Text("href") is { } href
                && href.LastIndexOf(folder, StringComparison.Ordinal) is >= 0 and var at
                && href[(at + folder.Length)..] is { Length: > 0 } id && id.All(char.IsAsciiLetterOrDigit))
                return id;
        }

        return null;
    }

    /// <param name="refund">A refund in an answer or a webhook.</param>
    /// <param name="orderId">Its order; null if it is not known.</param>
    /// <param name="chargeId">Its capture; null if PayPal doesn't name it.</param>
    /// <param name="changedAt">The time of a refund that has none.</param>
    /// <returns>Null if it can't be read.</returns>
    public static PaymentReversal? Refund(JsonElement refund, string? orderId, string? chargeId, DateTimeOffset changedAt) =>
        refund.Text("id") is { } id && Amount(refund.Part("amount")) is { } amount
            ? new PaymentReversal(
                ReversalKind.Refund, id, RefundState(refund.Text("status")), amount.Minor, amount.Currency, orderId, chargeId,
                refund.Part("status_details").Text("reason")?.ToLowerInvariant(),
                refund.Time("update_time") ?? refund.Time("create_time") ?? changedAt,
                RefundId: RequestOf(refund))
            : null;

    /// <summary>The request of this backend that caused the refund; null for another one.</summary>
    public static Guid? RequestOf(JsonElement refund) => refund.Id("custom_id") ?? refund.Id("invoice_id");

    /// <param name="dispute">A dispute in an answer or a webhook.</param>
    /// <param name="changedAt">The time of a dispute that has none.</param>
    /// <returns>Null if it can't be read.</returns>
    public static PaymentReversal? Dispute(JsonElement dispute, DateTimeOffset changedAt)
    {
        var (state, disputed) = (DisputeState(dispute), Amount(dispute.Part("dispute_amount")));
        var amount = state is ReversalState.Lost
            ? Amount(dispute.Part("dispute_outcome").Part("amount_refunded")) ?? disputed
            : disputed;
        return dispute.Text("dispute_id") is { } id && amount is var (minor, currency)
            && dispute.Part("disputed_transactions").First().Text("seller_transaction_id") is { } captureId
            ? new PaymentReversal(
                ReversalKind.Dispute, id, state, minor, currency, IntentId: null, captureId, dispute.Text("reason")?.ToLowerInvariant(),
                dispute.Time("update_time") ?? changedAt, dispute.Time("seller_response_due_date"))
            {
                OpenedAt = dispute.Time("create_time"),
            }
            : null;
    }

    public static ReversalState DisputeState(JsonElement dispute) =>
        dispute.Text("status") is not "RESOLVED" ? ReversalState.Open
        : dispute.Part("dispute_outcome").Text("outcome_code") is "RESOLVED_BUYER_FAVOUR" or "ACCEPTED" ? ReversalState.Lost
        : ReversalState.Won;

    public static ReversalState RefundState(string? status) => status switch
    {
        "FAILED" or "CANCELLED" => ReversalState.Failed,
        "PENDING" => ReversalState.Pending,
        _ => ReversalState.Succeeded,
    };
}
