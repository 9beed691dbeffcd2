using System.Text.Json;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>Stripe's balance transactions. Source: https://docs.stripe.com/reports/reporting-categories</summary>
public sealed class StripeStatement(StripeClient client, TimeProvider clock, ILogger<StripeStatement> log) : IPaymentStatement
{
    private readonly StripeLists lists = new(client, clock, log);

    public string Provider => PaymentProviders.Stripe;

    public async Task<Outcome<StatementPage>> ReadAsync(
        DateTimeOffset from, DateTimeOffset until, string? after, CancellationToken cancellationToken)
    {
        var page = await lists.ReadAsync(
            $"/v1/balance_transactions?{StripeLists.Created(from, until)}&expand[]=data.source", after, cancellationToken);
        return page.Match<Outcome<StatementPage>>(
            read => new StatementPage([.. read.Items.Select(item => Entry(item, from))], read.Next), refusal => refusal);
    }

    public async Task<Outcome<bool>> HasAsync(string providerId, CancellationToken cancellationToken)
    {
        if (providerId.StartsWith("pi_", StringComparison.Ordinal))
        {
            var intent = await lists.GetAsync($"/v1/payment_intents/{Uri.EscapeDataString(providerId)}", cancellationToken);
            return IsMissing(intent.Refusal) ? false : intent.Match<Outcome<bool>>(one => one.Text("status") == "succeeded", Refuse);
        }

        return await AskAsync(providerId, entries => entries.Count > 0, cancellationToken);
    }

    // Entries are counted, because a conversion may give back another amount than it took.
    public Task<Outcome<bool>> IsWithdrawnAsync(string providerId, CancellationToken cancellationToken) => AskAsync(
        providerId,
        entries =>
        {
            var kinds = entries.Select(entry => Kind(entry.Text("reporting_category"))).ToList();
            return kinds.Count(kind => kind is StatementKind.Refund or StatementKind.Dispute)
                > kinds.Count(kind => kind is StatementKind.RefundFailure or StatementKind.DisputeReversal);
        },
        cancellationToken);

    private async Task<Outcome<bool>> AskAsync(
        string source, Func<IReadOnlyList<JsonElement>, bool> decide, CancellationToken cancellationToken)
    {
        var page = await lists.ReadAsync(
            $"/v1/balance_transactions?source={Uri.EscapeDataString(source)}", after: null, cancellationToken);
        return IsMissing(page.Refusal) ? false : page.Match<Outcome<bool>>(read => decide(read.Items), Refuse);
    }

    // Stripe refuses the id of an object that it doesn't have. If it rejects the key, the refusal is another one.
    private static bool IsMissing(Refusal? refusal) => refusal == ProviderRefusals.Refused;

    private static Outcome<bool> Refuse(Refusal refusal) => refusal;

    /// <param name="entry">A balance transaction whose source is expanded.</param>
    /// <param name="from">The time of an entry that has none.</param>
    internal static StatementEntry Entry(JsonElement entry, DateTimeOffset from)
    {
        var (id, at, currency) = (entry.Text("id") ?? "", entry.Time("created") ?? from, entry.Text("currency") ?? "");
        if (entry.Whole("amount") is not { } amount || entry.Whole("fee") is not { } fee || id.Length == 0 || currency.Length == 0)
            return new StatementEntry(id, StatementKind.Unreadable, at, entry.Whole("amount") ?? 0, entry.Whole("fee") ?? 0, currency);

        var kind = Kind(entry.Text("reporting_category"));
        var payment = kind is StatementKind.Fee or StatementKind.Payout or StatementKind.Other ? null : Payment(entry.Part("source"), kind);
        var isReadable = payment is not null || kind is StatementKind.Fee or StatementKind.Payout or StatementKind.Other;
        return new StatementEntry(id, isReadable ? kind : StatementKind.Unreadable, at, amount, fee, currency, payment);
    }

    private static StatementKind Kind(string? category) => category switch
    {
        "charge" => StatementKind.Charge,
        "refund" => StatementKind.Refund,
        "refund_failure" => StatementKind.RefundFailure,
        "dispute" => StatementKind.Dispute,
        "dispute_reversal" => StatementKind.DisputeReversal,
        "payout" or "payout_reversal" => StatementKind.Payout,
        "fee" or "network_cost" or "tax" => StatementKind.Fee,
        _ => StatementKind.Other,
    };

    private static StatementPayment? Payment(JsonElement source, StatementKind kind)
    {
        if (source.Text("id") is not { } id || source.Whole("amount") is not { } amount || source.Text("currency") is not { } currency)
            return null;
        var metadata = source.Part("metadata");
        return kind is StatementKind.Charge
            ? new StatementPayment(
                id, ChargeId: id, source.Reference("payment_intent"), source.Whole("amount_captured") ?? amount, currency,
                metadata.Id(StripeMetadata.RenewalId), metadata.Id(StripeMetadata.SubscriptionId), metadata.Id(StripeMetadata.UserId))
            : new StatementPayment(id, source.Reference("charge"), source.Reference("payment_intent"), amount, currency);
    }
}
