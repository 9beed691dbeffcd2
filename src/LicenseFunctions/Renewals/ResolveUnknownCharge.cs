using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <param name="Paid">Whether the provider's dashboard shows the charge.</param>
/// <param name="TransactionId">The provider's ID of the charge; required if paid.</param>
/// <param name="Reason">What the operator checked, for the audit log; 1 to 500 characters.</param>
public sealed record RenewalDecision(bool Paid, string Reason, string? TransactionId = null);

/// <summary>Records an operator's decision about a charge whose outcome the provider doesn't report.</summary>
public sealed class ResolveUnknownCharge(IRenewalStore store, RenewalGateways gateways, RenewalPolicy policy, TimeProvider clock)
{
    private static readonly Refusal NotFound = new(RefusalKind.NotFound, "RENEWAL_NOT_FOUND", "There is no such renewal.", "renewal_id");

    private static readonly Refusal Busy = new(
        RefusalKind.Conflict, "RENEWAL_BUSY", "Another process is changing the renewal or its wallet.", Hint: "Try again.");

    private static readonly Refusal ChargeInUse = new(
        RefusalKind.Conflict, "CHARGE_IN_USE", "This charge already paid another renewal.", "transaction_id",
        RenewalRequests.LookUpTheCharge);

    private static readonly Refusal ChargeCredited = new(
        RefusalKind.Conflict, "CHARGE_CREDITED", "This charge was credited to the customer's wallet, so it can't pay a renewal.",
        "transaction_id", RenewalRequests.LookUpTheCharge);

    private static readonly Refusal ChargeRefunded = new(
        RefusalKind.Conflict, "CHARGE_REFUNDED", "This charge was refunded, so it can't pay a renewal.", "transaction_id",
        "Decide that it was not paid.");

    private static readonly Refusal TransactionMissing = new(
        RefusalKind.Invalid, "TRANSACTION_MISSING", "A paid charge requires its transaction_id.", "transaction_id",
        "Send the provider's ID of the charge, 1 to 255 characters.");

    public async Task<Outcome<RenewalReply>> RunAsync(
        Guid renewalId, RenewalDecision decision, Actor by, CancellationToken cancellationToken)
    {
        if (Validate(decision) is { } invalid) return invalid;
        if (await store.FindAsync(renewalId, cancellationToken) is not { } facts) return NotFound;
        DatabaseScope.TakeTurnsBy(facts.Renewal.SubscriptionId);

        var charge = decision.Paid && facts.Renewal.Status.IsChargeUnknown()
            ? await VerifyAsync(facts.Renewal, decision.TransactionId!.Trim(), cancellationToken)
            : ((string? ChargeId, string? IntentId, long? PaidMinor))(decision.Paid ? decision.TransactionId : null, null, null);
        if (charge.Refusal is { } wrong) return wrong;
        var (transaction, intent, paidMinor) = charge.Value;
        if (intent is not null) facts = facts with { Renewal = facts.Renewal with { IntentId = intent } };
        var decided = RenewalRequests.ResolveUnknownCharge(
            facts, transaction, decision.Reason.Trim(), policy, clock.GetUtcNow(), paidMinor);
        if (decided.Refusal is { } refusal) return refusal;
        return await store.SaveAsync(decided.Value, new RenewalWriter(Lease: null, by), cancellationToken) switch
        {
            RenewalSave.Saved => RenewalReply.Of(decided.Value.Saved),
            RenewalSave.ChargeInUse => ChargeInUse,
            RenewalSave.ChargeCredited => ChargeCredited,
            RenewalSave.ChargeRefunded => ChargeRefunded,
            _ => Busy,
        };
    }

    // A wrong id would extend the license for nothing, and the real charge would look like a second payment when it is reported. So the
    // provider is asked, if it is configured.
    private async Task<Outcome<(string? ChargeId, string? IntentId, long? PaidMinor)>> VerifyAsync(
        Renewal renewal, string entered, CancellationToken cancellationToken)
    {
        if (RenewalRequests.RefuseChargeId(renewal, entered) is { } invalid) return invalid;
        if (renewal.Attempt is not { } attempt || gateways.Find(attempt.Provider) is not { } gateway
            || await gateway.FindChargeAsync(entered, cancellationToken) is not { } found)
            return (entered, null, null);
        if (RenewalRequests.RefuseCharge(renewal, found) is { } refusal) return refusal;
        var charge = (ChargeLookup.Found)found;
        // Where each attempt has its own intent, that of the charge may be another one than the renewal's. Refunds need the former.
        return (charge.ChargeId, policy.OneAttemptProviders.Contains(attempt.Provider) ? charge.IntentId : null, charge.AmountMinor);
    }

    private static Refusal? Validate(RenewalDecision decision) => decision switch
    {
        _ when OperatorText.Reason(decision.Reason).Refusal is { } missing => missing,
        { Paid: true } => OperatorText.Read(decision.TransactionId, 255, TransactionMissing).Refusal,
        _ => null,
    };
}
