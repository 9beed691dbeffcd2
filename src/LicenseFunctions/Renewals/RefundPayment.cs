using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <param name="AmountUsd">From 0.01 to what is left; null for everything that is left.</param>
/// <param name="Period">keep, shorten or end; null for the default: everything that is left ends the period, a part keeps it.</param>
/// <param name="Reason">For the audit log, 1 to 500 characters. Not needed for a preview.</param>
/// <param name="RefundableUsd">
/// refundable_usd of the preview that the operator saw. If it has changed, nothing is refunded; so a repeated request doesn't refund
/// twice. Not needed for a preview.
/// </param>
public sealed record RefundBody(decimal? AmountUsd = null, string? Period = null, string? Reason = null, decimal? RefundableUsd = null);

/// <summary>What a refund would do.</summary>
/// <param name="RefundableUsd">What is left to refund before it.</param>
/// <param name="To">card or wallet.</param>
/// <param name="ExpiresAt">The license's expiry now; null for never.</param>
/// <param name="ExpiresAtAfter">The license's expiry after the refund.</param>
/// <param name="AutoRenewAfter">Whether auto-renewal is on after the refund.</param>
/// <param name="MailSubject">What the customer is told.</param>
public sealed record RefundPreview(
    Guid RenewalId, Guid SubscriptionId, decimal AmountUsd, decimal PaidUsd, decimal RefundableUsd, string To, string Period,
    DateTimeOffset? ExpiresAt, DateTimeOffset? ExpiresAtAfter, bool AutoRenew, bool AutoRenewAfter, string MailSubject, string MailText);

/// <summary>Refunds a payment, in whole or in part, and shows in advance what the refund would do.</summary>
public sealed class RefundPayment(
    RefundStore store, PaymentReads reads, SendRefunds send, RenewalGateways gateways, RenewalPolicy policy, MailTemplates mails,
    TimeProvider clock)
{
    internal static readonly Refusal NotFound =
        new(RefusalKind.NotFound, "RENEWAL_NOT_FOUND", "There is no such renewal.", "renewal_id");

    internal static readonly Refusal NoProvider = new(
        RefusalKind.Conflict, "PROVIDER_NOT_CONFIGURED", "The charge can't be refunded here, because its provider is not configured.",
        "renewal_id", "Refund it in the provider's dashboard. The refund is booked when the provider reports it.");

    internal static readonly Refusal EventsNotRead = UnreadEvents.Refuse(
        "The latest refunds are still being read from the payment provider. Nothing was refunded.",
        "Try again in a few minutes, with a new preview.");

    // With the limit of a request's own database work, the caller waits at most 10 s for the database.
    private static readonly TimeSpan LongestDatabaseWait = TimeSpan.FromSeconds(3);

    public async Task<Outcome<RefundPreview>> PreviewAsync(Guid renewalId, RefundBody body, CancellationToken cancellationToken)
    {
        var order = Read(body, isPreview: true);
        if (order.Refusal is { } invalid) return invalid;
        if (await store.FindAsync(renewalId, cancellationToken) is not { } facts) return NotFound;
        var planned = Refunds.Plan(facts, order.Value with { RefundableUsd = null }, Guid.NewGuid(), policy.Grace, clock.GetUtcNow());
        if (planned.Refusal is { } refused) return refused;

        var (plan, renewal) = (planned.Value, facts.Renewal);
        var notice = plan.Effect.Notice!;
        var model = JsonNode.Parse(RowJson.Of(ReversalTransaction.MailModel(facts, plan.Effect, notice)))!.AsObject();
        model["licenses"] = await reads.MailLicensesAsync(model, cancellationToken);
        var mail = mails.Render(
            notice.Template, model, publicUrl: null, await reads.MailLanguageAsync(renewal.UserId, cancellationToken));
        return new RefundPreview(
            renewalId,
            renewal.SubscriptionId,
            plan.AmountMinor / 100m,
            renewal.ChargedMinor / 100m,
            plan.LeftMinor / 100m,
            EnumWords.Of(renewal.PaidWith!.Value),
            EnumWords.Of(plan.Period),
            facts.ExpiresAt,
            plan.Effect.ExpiresAt ?? facts.ExpiresAt,
            facts.AutoRenew,
            plan.Effect.AutoRenew ?? facts.AutoRenew,
            mail.Subject,
            mail.Text);
    }

    /// <returns>The refund with its state: requested if the provider gave no certain answer yet.</returns>
    public async Task<Outcome<ListedRefund>> RunAsync(Guid renewalId, RefundBody body, Actor by, CancellationToken cancellationToken)
    {
        var order = Read(body, isPreview: false);
        if (order.Refusal is { } invalid) return invalid;
        var requested = await store.RequestAsync(
            renewalId, order.Value, body.Reason!.Trim(), by, policy.Grace, provider => gateways.Find(provider) is not null,
            cancellationToken);
        if (requested.Refusal is { } refused) return refused;

        await SendAsync(requested.Value);
        var refund = (await reads.RefundAsync(requested.Value, cancellationToken))!;
        if (refund.State != "refused") return refund;
        await store.ShownAsync(refund.RefundId, by, cancellationToken);
        return Refused(refund);
    }

    // A client that disconnects, or the time limit of a request, must not cancel the record of an answer.
    private async Task SendAsync(Guid refundId)
    {
        var scope = DatabaseScope.Enter(DatabasePool.Background);
        var sending = send.RunAsync(refundId, CancellationToken.None);
        if (await scope.HasEndedAsync(sending, LongestDatabaseWait)) await sending;
    }

    private static Refusal Refused(ListedRefund refund) => refund.Code == "charge_disputed"
        ? new Refusal(
            RefusalKind.Conflict, "CHARGE_DISPUTED", "The customer's bank disputes this charge, so the provider refuses to refund it.",
            "renewal_id", "Send evidence, or accept the dispute in the provider's dashboard.")
        : new Refusal(
            RefusalKind.Conflict, "REFUND_REFUSED", $"The provider refused the refund ({refund.Code}): {refund.Detail}", "renewal_id",
            "Nothing was refunded. Look at the charge in the provider's dashboard.");

    private static Outcome<RefundOrder> Read(RefundBody body, bool isPreview)
    {
        RefundPeriod? period = body.Period switch
        {
            "keep" => RefundPeriod.Keep,
            "shorten" => RefundPeriod.Shorten,
            "end" => RefundPeriod.End,
            _ => null,
        };
        return body switch
        {
            { Period: not null } when period is null => new Refusal(
                RefusalKind.Invalid, "PERIOD_INVALID", "period must be keep, shorten or end.", "period"),
            _ when !isPreview && OperatorText.Reason(body.Reason).Refusal is { } missing => missing,
            { RefundableUsd: null } when !isPreview => new Refusal(
                RefusalKind.Invalid, "REFUNDABLE_MISSING", "refundable_usd is missing.", "refundable_usd",
                "Send refundable_usd of the preview, so that a repeated request doesn't refund twice."),
            _ => new RefundOrder(body.AmountUsd, period, body.RefundableUsd),
        };
    }
}
