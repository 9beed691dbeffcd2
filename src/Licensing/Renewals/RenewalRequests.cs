using static Licensing.Renewals.RenewalStatus;

namespace Licensing.Renewals;

/// <summary>What people may ask of a renewal: the customer now, the customer's consent, a person's decision.</summary>
public static class RenewalRequests
{
    /// <summary>
    /// The customer (or an operator) wants the period renewed now. An open charge is only asked about again; a settled one
    /// begins anew, after the grace too.
    /// </summary>
    /// <returns>Null where there is nothing to change.</returns>
    public static RenewalChange? RenewNow(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) => renewal switch
    {
        { Status: Applied or Undecided } => null,
        { IsOpen: true } => new RenewalChange(renewal with { NextActionAt = now }),
        _ => new RenewalChange(renewal with
        {
            Status = Due,
            Type = RenewalType.Manual,
            GivesUpAt = RenewalPolicy.Later(
                RenewalPolicy.Later(renewal.GivesUpAt, renewal.PeriodStart + policy.Grace), now + RenewalPolicy.ManualWindow),
            NextActionAt = now,
        }),
    };

    /// <summary>The customer agrees to the raised price; heard again, or too late, it changes nothing.</summary>
    public static RenewalChange? ConsentToPrice(Renewal renewal, DateTimeOffset now) => renewal.Status is AwaitingConsent
        ? new RenewalChange(renewal with { Status = Due, PriceAccepted = true, NextActionAt = now }) { Audit = "renewal.price_accepted" }
        : null;

    /// <summary>
    /// A person settles what no gateway answers: paid (with the charge's id as evidence) books it; not paid lets the machine go on, on
    /// the same intent, which still can succeed only once.
    /// </summary>
    /// <param name="transactionId">The gateway's id of the charge; null for not paid.</param>
    /// <param name="reason">What the person looked at, for the audit row.</param>
    public static Outcome<RenewalChange> Decide(
        RenewalFacts facts, string? transactionId, string reason, RenewalPolicy policy, DateTimeOffset now)
    {
        if (facts.Renewal is not { Status: Undecided or Unknown, Attempt: { } attempt })
            return new Refusal(RefusalKind.Conflict, "NOT_UNKNOWN", "The outcome of this renewal is not unknown.");

        var change = transactionId is { } paid
            ? RenewalSettlement.Apply(
                facts, attempt with { Status = AttemptStatus.Succeeded, TransactionId = paid }, policy, now)
            : new RenewalChange(facts.Renewal with
            {
                Status = SoftDeclined,
                Attempt = attempt with { Status = AttemptStatus.NeverCharged },
                Lookups = 0,
                UnknownSince = null,
                // The question may have outlived the grace, through no fault of the customer's.
                NextActionAt = RenewalPolicy.StillOwed(facts.Renewal),
            })
            {
                History = new RenewalHistory(attempt.AttemptId, "failed", "never_charged"),
            };
        return change with { Audit = transactionId is null ? "renewal.decided_not_paid" : "renewal.decided_paid", Reason = reason };
    }

    /// <summary>Whether a card that was saved, changed or made the default just now is what the renewal waits for, so that it is due at once.</summary>
    public static bool IsWokenByCard(RenewalFacts facts, DateTimeOffset now) =>
        facts is { Card: { } card, Renewal: var renewal } && renewal.NextActionAt > now && renewal.GivesUpAt > now && renewal switch
        {
            { Status: PaymentNeeded } => true,
            { Status: SoftDeclined or HardDeclined or NeedsAuthentication, Attempt: { } asked } => card.IsOtherThan(asked),
            _ => false,
        };

    /// <summary>
    /// Money that goes back after the period was paid: a whole refund and a lost dispute end the period, a part refund and an
    /// open dispute are only put on record.
    /// </summary>
    /// <returns>Null where the fact is no such thing or nothing was paid by card (yet).</returns>
    public static RenewalChange? TakeBack(RenewalFacts facts, PaymentFact fact, DateTimeOffset now)
    {
        if (facts.Renewal is not { Status: Applied, PaidWith: PaidWith.Card }) return null;

        var change = new RenewalChange(facts.Renewal);
        return fact switch
        {
            PaymentFact.Refunded whole when whole.RefundedMinor >= whole.AmountMinor =>
                End(facts, "refunded", now) with { Reason = $"{whole.RefundedMinor} of {whole.AmountMinor}" },
            PaymentFact.Refunded part =>
                change with { Audit = "renewal.refunded_in_part", Reason = $"{part.RefundedMinor} of {part.AmountMinor}" },
            PaymentFact.DisputeOpened opened => change with { Audit = "renewal.disputed", Reason = opened.Reason },
            PaymentFact.DisputeClosed { Won: true } => change with { Audit = "renewal.dispute_won" },
            PaymentFact.DisputeClosed => End(facts, "dispute_lost", now),
            _ => null,
        };
    }

    // A period that is over, or that a later one follows, stays as it was: on record only.
    private static RenewalChange End(RenewalFacts facts, string why, DateTimeOffset now)
    {
        var (renewal, until) = (facts.Renewal, facts.Renewal.PaidUntil!.Value);
        var change = new RenewalChange(renewal) { Audit = $"renewal.{why}" };
        // A second after its start at least: an expiry names a period, and this one's name is taken.
        var endsAt = RenewalPolicy.Later(now, renewal.PaidFrom!.Value + TimeSpan.FromSeconds(1));
        return facts.License.ExpiresAt != until || endsAt >= until
            ? change
            : change with
            {
                After = renewal with { PaidUntil = endsAt },
                Ends = new PeriodEnd(until, endsAt),
                Notice = new RenewalNotice("period_ended", $"period_ended:{renewal.RenewalId}", why),
            };
    }
}
