using System.Text.Json;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>
/// PayPal's transactions as a statement. Source: https://developer.paypal.com/reports/reference/t-codes
/// </summary>
public sealed class PayPalStatement(PayPalClient client, PayPalSettings settings, TimeProvider clock) : IPaymentStatement
{
    private static readonly Refusal NotComplete = new(
        RefusalKind.Unavailable, "STATEMENT_NOT_COMPLETE", "PayPal's search doesn't have all transactions of the period yet.",
        Hint: "Try again in some hours.");

    private readonly PayPalLists lists = new(client, clock);
    private readonly PayPalTransactions transactions = new(client, clock);

    public string Provider => PaymentProviders.PayPal;

    /// <summary>Transactions appear after three hours at most.</summary>
    public TimeSpan Delay => TimeSpan.FromHours(4);

    public async Task<Outcome<StatementPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var page = await transactions.ReadAsync(from, until, after, cancellationToken);
        if (page.Refusal is { } refusal) return refusal;
        if (page.Value.CompleteUntil < until && until <= clock.GetUtcNow() - Delay) return NotComplete;
        var entries = new List<StatementEntry>();
        foreach (var info in page.Value.Items)
        {
            var entry = Entry(info, from, settings);
            if (entry is { Kind: StatementKind.Dispute or StatementKind.DisputeReversal, Payment: { ChargeId: { } captureId } payment })
            {
                var dispute = await DisputeOfAsync(captureId, cancellationToken);
                if (dispute.Refusal is { } unknown) return unknown;
                entry = entry with { Payment = payment with { Id = dispute.Value ?? payment.Id } };
            }

            entries.Add(entry);
        }

        return new StatementPage(entries, page.Value.Next);
    }

    // A transaction names the disputed capture, not the dispute.
    private async Task<Outcome<string?>> DisputeOfAsync(string captureId, CancellationToken cancellationToken)
    {
        var read = await lists.GetAsync(
            $"v1/customer/disputes?disputed_transaction_id={Uri.EscapeDataString(captureId)}", cancellationToken);
        return IsMissing(read.Refusal)
            ? (string?)null
            : read.Match<Outcome<string?>>(found => found.Part("items").First().Text("dispute_id"), refusal => refusal);
    }

    public async Task<Outcome<bool>> HasAsync(string providerId, CancellationToken cancellationToken)
    {
        if (IsDispute(providerId)) return await IsWithdrawnAsync(providerId, cancellationToken);
        var capture = await AskAsync(
            $"v2/payments/captures/{providerId}", one => PayPalObjects.CaptureOutcome(one) is ChargeOutcome.Succeeded, cancellationToken);
        if (capture.Refusal is not null || capture.Value) return capture;
        var refund = await IsWithdrawnAsync(providerId, cancellationToken);
        return refund.Refusal is not null || refund.Value
            ? refund
            : await AskAsync(
                $"v2/checkout/orders/{providerId}", one => PayPalObjects.Outcome(one) is ChargeOutcome.Succeeded, cancellationToken);
    }

    public Task<Outcome<bool>> IsWithdrawnAsync(string providerId, CancellationToken cancellationToken) => IsDispute(providerId)
        ? AskAsync(
            $"v1/customer/disputes/{providerId}", one => PayPalObjects.DisputeState(one) is ReversalState.Lost, cancellationToken)
        : AskAsync(
            $"v2/payments/refunds/{providerId}", one => PayPalObjects.RefundState(one.Text("status")) is not ReversalState.Failed,
            cancellationToken);

    private static bool IsDispute(string providerId) => providerId.StartsWith("PP-", StringComparison.Ordinal);

    private async Task<Outcome<bool>> AskAsync(string path, Func<JsonElement, bool> decide, CancellationToken cancellationToken)
    {
        var read = await lists.GetAsync(path, cancellationToken);
        return IsMissing(read.Refusal) ? false : read.Match<Outcome<bool>>(one => decide(one), refusal => refusal);
    }

    // PayPal refuses the id of an object that it doesn't have. If it rejects the credentials, the refusal is another one.
    private static bool IsMissing(Refusal? refusal) => PayPalRefusals.IsFinal(refusal);

    /// <param name="info">The part transaction_info of a transaction.</param>
    /// <param name="from">The time of a transaction that has none.</param>
    /// <param name="settings">With the key of the orders' notes.</param>
    public static StatementEntry Entry(JsonElement info, DateTimeOffset from, PayPalSettings settings)
    {
        var (id, at) = (info.Text("transaction_id") ?? "", info.ReportedTime("transaction_initiation_date") ?? from);
        if (id.Length == 0 || PayPalObjects.SignedAmount(info.Part("transaction_amount")) is not var (amount, currency))
            return new StatementEntry(id, StatementKind.Unreadable, at, 0, 0, "usd");

        // Denied and pending transactions have moved nothing.
        if (info.Text("transaction_status") is "D" or "P") return new StatementEntry(id, StatementKind.Other, at, 0, 0, currency);
        var fee = PayPalObjects.SignedAmount(info.Part("fee_amount"))?.Minor ?? 0;
        var kind = Kind(info.Text("transaction_event_code") ?? "", amount);
        var reference = info.Text("paypal_reference_id");
        var note = PayPalOrderNote.Read(info.Text("custom_field"), settings);
        // A payer may have written a note without a signature. It is listed, but it concerns no license.
        var signed = note is { IsSigned: true } ? note : null;
        var payment = kind switch
        {
            StatementKind.Charge => new StatementPayment(
                id, ChargeId: id, info.Text("paypal_reference_id_type") == "ODR" ? reference : null, amount, currency, note?.RenewalId,
                signed?.SubscriptionId, signed?.UserId),
            // The money of a refund came back: the reference is the refund.
            StatementKind.RefundFailure =>
                reference is null ? null : new StatementPayment(reference, ChargeId: null, IntentId: null, amount, currency),
            StatementKind.Refund or StatementKind.Dispute or StatementKind.DisputeReversal =>
                new StatementPayment(id, reference, IntentId: null, Math.Abs(amount), currency),
            _ => null,
        };
        if (payment is null && kind is StatementKind.RefundFailure) kind = StatementKind.Unreadable;
        return new StatementEntry(id, kind, at, amount, -fee, currency, payment);
    }

    // The first two digits are the group of the code.
    private static StatementKind Kind(string code, long amount) => (code, code.Length == 5 ? code[..3] : "") switch
    {
        (_, "T00") when amount > 0 => StatementKind.Charge,
        (_, "T01") or ("T1108" or "T1109", _) => StatementKind.Fee,
        (_, "T04") => StatementKind.Payout,
        ("T1107", _) => amount < 0 ? StatementKind.Refund : StatementKind.RefundFailure,
        // PayPal or a bank took the money, or gave it back. A hold during a dispute (T1110, T1111) is neither.
        ("T1106" or "T1201" or "T1202" or "T1205" or "T1207" or "T1208", _) =>
            amount < 0 ? StatementKind.Dispute : StatementKind.DisputeReversal,
        _ => StatementKind.Other,
    };
}
