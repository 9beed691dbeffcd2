using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>The headers of a webhook that PayPal's signature needs.</summary>
public sealed record PayPalSignature(string? TransmissionId, string? Time, string? Signature, string? CertificateUrl, string? Algorithm);

/// <summary>
/// Verifies PayPal's events and maps them to facts. PayPal signs only a checksum of the body, for which another body can be made. So a
/// webhook only says that there is an event: what happened is read from PayPal's own list.
/// </summary>
public sealed class PayPalWebhooks(PayPalSettings settings, PayPalCertificates certificates, PayPalEvents events, TimeProvider clock)
{
    /// <summary>The types of events that have an effect here. The webhook at PayPal needs these.</summary>
    public static readonly IReadOnlyList<string> Types =
    [
        "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.PENDING", "PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.DENIED",
        "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED", "PAYMENT.REFUND.PENDING", "PAYMENT.REFUND.FAILED",
        "CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.DISPUTE.RESOLVED",
        "VAULT.PAYMENT-TOKEN.CREATED", "VAULT.PAYMENT-TOKEN.DELETED",
    ];

    private const string Algorithm = "SHA256withRSA";

    /// <summary>PayPal sends an event for three days. A request that was signed before was recorded.</summary>
    private static readonly TimeSpan Oldest = TimeSpan.FromDays(4);

    /// <summary>How much PayPal's clock may be ahead.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);

    private static readonly Refusal NotPayPal = new(RefusalKind.Invalid, "BAD_SIGNATURE",
        "The body isn't signed by PayPal for this backend's webhook, or was signed too long ago.", "PAYPAL-TRANSMISSION-SIG",
        "PAYPAL_WEBHOOK_ID must be the id of this webhook in PayPal's dashboard.");

    private static readonly Refusal NoSuchEvent = new(RefusalKind.Invalid, "EVENT_NOT_FOUND",
        "PayPal's list of events doesn't have this event.", "id", "PAYPAL_CLIENT_ID must be of the app to which the webhook belongs.");

    /// <param name="body">The request's body, unchanged: the signature covers its bytes.</param>
    /// <exception cref="HttpRequestException">PayPal's certificate can't be read. PayPal will send the event again.</exception>
    public async Task<Outcome<PaymentEvent>> ReadAsync(byte[] body, PayPalSignature signature, CancellationToken cancellationToken)
    {
        if (!await IsSignedAsync(body, signature, cancellationToken)) return NotPayPal;
        if (Parse(body).Text("id") is not { } id) return NoSuchEvent;
        var listed = await events.FindAsync(id, cancellationToken);
        if (listed.Refusal is { } refusal) return PayPalRefusals.IsFinal(refusal) ? NoSuchEvent : refusal;
        return listed.Value.Text("id") == id && Map(listed.Value, clock.GetUtcNow(), settings) is { } received ? received : NoSuchEvent;
    }

    private async Task<bool> IsSignedAsync(byte[] body, PayPalSignature given, CancellationToken cancellationToken)
    {
        if (given is not { TransmissionId.Length: > 0, Time.Length: > 0, Signature.Length: > 0, Algorithm: Algorithm }) return false;
        if (!IsRecent(given.Time)) return false;
        var signature = new byte[given.Signature.Length];
        if (!Convert.TryFromBase64String(given.Signature, signature, out var length)) return false;
        using var key = await certificates.KeyAsync(given.CertificateUrl, cancellationToken);
        if (key is null) return false;
        // The id of the webhook is not sent, only signed: a body that was signed for another webhook doesn't fit.
        var crc = Crc32.HashToUInt32(body).ToString(CultureInfo.InvariantCulture);
        var signed = Encoding.UTF8.GetBytes($"{given.TransmissionId}|{given.Time}|{settings.WebhookId}|{crc}");
        return key.VerifyData(signed, signature.AsSpan(0, length), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
    }

    private bool IsRecent(string time)
    {
        var now = clock.GetUtcNow();
        return PayPalObjects.Time(time) is { } sent && sent > now - Oldest && sent < now + Ahead;
    }

    /// <param name="made">An event of PayPal's list.</param>
    /// <param name="now">The time of an event that has none.</param>
    /// <param name="settings">With the key of the orders' notes.</param>
    /// <returns>Null if it has no id.</returns>
    internal static PaymentEvent? Map(JsonElement made, DateTimeOffset now, PayPalSettings settings)
    {
        if (made.Text("id") is not { } id) return null;
        var (type, at) = (made.Text("event_type"), made.Time("create_time") ?? now);
        return new PaymentEvent(
            PaymentProviders.PayPal, id, type ?? "unreadable", at, Fact(type, id, made.Part("resource"), at, settings));
    }

    // Only the fields that are used are read, so that a field of another version doesn't make an event unreadable.
    private static PaymentFact Fact(
        string? type, string eventId, JsonElement resource, DateTimeOffset at, PayPalSettings settings) => type switch
        {
            "PAYMENT.CAPTURE.COMPLETED" or "PAYMENT.CAPTURE.PENDING" or "PAYMENT.CAPTURE.DECLINED" or "PAYMENT.CAPTURE.DENIED" =>
                OfCapture(type, eventId, resource, settings),
            "PAYMENT.CAPTURE.REFUNDED" or "PAYMENT.REFUND.PENDING" or "PAYMENT.REFUND.FAILED" => OfRefund(type, eventId, resource, at),
            "PAYMENT.CAPTURE.REVERSED" => OfTakenBack(eventId, resource, at),
            "CUSTOMER.DISPUTE.CREATED" or "CUSTOMER.DISPUTE.UPDATED" or "CUSTOMER.DISPUTE.RESOLVED" => OfDispute(eventId, resource, at),
            "VAULT.PAYMENT-TOKEN.CREATED" => PayPalVault.Saved(resource) is { } saved ? saved : new PaymentFact.Ignored(),
            "VAULT.PAYMENT-TOKEN.DELETED" when resource.Text("id") is { } token => new PaymentFact.MethodDetached(token),
            _ => new PaymentFact.Ignored(),
        };

    private static PaymentFact OfCapture(string type, string eventId, JsonElement capture, PayPalSettings settings)
    {
        // A capture without a note of this backend belongs to another system that uses the account.
        if (PayPalOrderNote.Read(capture.Text("custom_id"), settings) is not { } note) return new PaymentFact.Ignored();
        var outcome = type is "PAYMENT.CAPTURE.DENIED" && capture.Text("status") is "PENDING" or "DENIED"
            ? new ChargeOutcome.SoftDeclined("payment_declined", "The payment was declined.")
            : PayPalObjects.CaptureOutcome(capture);
        if (PayPalObjects.OrderOf(capture) is not { } orderId || outcome is ChargeOutcome.Unknown)
            return type is "PAYMENT.CAPTURE.COMPLETED"
                ? new PaymentFact.Unreadable(capture.Text("id") ?? eventId)
                : new PaymentFact.Ignored();
        var order = new IntentSnapshot(orderId, outcome);
        return note.IsSigned
            ? new PaymentFact.IntentChanged(order, note.RenewalId, note.SubscriptionId, note.UserId, note.DebtsMinor)
            : new PaymentFact.IntentChanged(order, RenewalId: null) { UnprovenRenewalId = note.RenewalId };
    }

    private static PaymentFact OfRefund(string type, string eventId, JsonElement refund, DateTimeOffset at)
    {
        if (PayPalObjects.CaptureOf(refund) is not { } captureId
            || PayPalObjects.Refund(refund, orderId: null, captureId, at) is not { } made)
            return new PaymentFact.Unreadable(refund.Text("id") ?? eventId);
        return new PaymentFact.Reversed(type is "PAYMENT.REFUND.FAILED" ? made with { State = ReversalState.Failed } : made);
    }

    // PayPal took the money back, for example for a bank. The resource is like a refund. A dispute is reported by itself.
    private static PaymentFact OfTakenBack(string eventId, JsonElement taken, DateTimeOffset at) =>
        PayPalObjects.CaptureOf(taken) is { } captureId && PayPalObjects.Refund(taken, orderId: null, captureId, at) is { } read
            ? new PaymentFact.Reversed(read with
            {
                Kind = ReversalKind.Dispute,
                State = ReversalState.Lost,
                Reason = PaymentReversal.TakenBack,
                RefundId = null,
            })
            : new PaymentFact.Unreadable(taken.Text("id") ?? eventId);

    private static PaymentFact OfDispute(string eventId, JsonElement dispute, DateTimeOffset at) =>
        PayPalObjects.Dispute(dispute, at) is { } read
            ? new PaymentFact.Reversed(read)
            : new PaymentFact.Unreadable(dispute.Text("dispute_id") ?? eventId);

    private static JsonElement Parse(byte[] body)
    {
        try
        {
            return JsonElement.Parse(body);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
