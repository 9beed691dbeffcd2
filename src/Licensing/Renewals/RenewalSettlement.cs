using static Licensing.Renewals.RenewalStatus;

namespace Licensing.Renewals;

/// <summary>Which question an answer belongs to.</summary>
public enum Trigger { Create, Confirm, LookUp, Cancel, Event }

/// <summary>
/// What a gateway's answer or a webhook makes of a renewal: the one transition function. Pure, so that the same word heard
/// twice, late or out of order ends in the same row; a terminal state never regresses.
/// </summary>
public static class RenewalSettlement
{
    /// <returns>The change; null where the answer says nothing new.</returns>
    public static RenewalChange? Settle(
        RenewalFacts facts, IntentSnapshot answer, Trigger trigger, RenewalPolicy policy, DateTimeOffset now)
    {
        var renewal = facts.Renewal;
        if (renewal.Attempt is not { } attempt) return null;
        if (trigger is Trigger.Event && answer.IntentId != renewal.IntentId && answer.Outcome is not ChargeOutcome.Succeeded) return null;
        if (renewal.Status is Applied) return PaidTwice(renewal, answer);

        return answer.Outcome switch
        {
            ChargeOutcome.Succeeded paid when paid.AmountMinor != attempt.Request.AmountMinor =>
                Leave(renewal, Undecided, now, "charged another amount than asked"),
            ChargeOutcome.Succeeded paid => Apply(
                facts with { Renewal = renewal with { IntentId = answer.IntentId } },
                attempt with { Status = AttemptStatus.Succeeded, TransactionId = paid.TransactionId },
                policy,
                now),
            _ when renewal.Status is Canceled or Lapsed or Succeeded => null,
            // Due at this moment: a worker is about to ask, or it was the one that cancelled, and goes on from there.
            ChargeOutcome.Canceled when trigger is Trigger.Event && renewal.NextActionAt <= now => null,
            ChargeOutcome.Canceled canceled => Freed(renewal, attempt, trigger, canceled.Reason, now),
            ChargeOutcome.Unknown unknown => NotAnswered(renewal, trigger, unknown.Reason, unknown.RetryAfter, now),
            ChargeOutcome.Processing when trigger is Trigger.Event => null,
            ChargeOutcome.Processing => NotAnswered(renewal, Trigger.LookUp, "processing", null, now),
            ChargeOutcome.Unconfirmed when trigger is Trigger.Create => new RenewalChange(
                renewal with { IntentId = answer.IntentId, Lookups = 0, UnknownSince = null, NextActionAt = now }),
            ChargeOutcome.Unconfirmed when trigger is Trigger.Event => null,
            ChargeOutcome.Unconfirmed when trigger is Trigger.LookUp && renewal.IsOpen && !policy.CanReplay(attempt, now) =>
                NeverCharged(renewal, attempt),
            ChargeOutcome.Unconfirmed => NotAnswered(renewal, trigger, "not confirmed", null, now),
            _ when trigger is Trigger.Cancel => NotAnswered(renewal, trigger, "not cancelled", null, now),
            _ when IsCurrent(renewal, attempt, trigger, policy, now) => Declined(renewal, attempt, answer.Outcome, trigger, now),
            _ when trigger is Trigger.Event => renewal.IsOpen ? new RenewalChange(renewal with { NextActionAt = now }) : null,
            _ => NotAnswered(renewal, trigger, "the attempt before was declined", null, now),
        };
    }

    /// <summary>Books the attempt's charge: credited, debited, extended.</summary>
    public static RenewalChange Apply(RenewalFacts facts, RenewalAttempt attempt, RenewalPolicy policy, DateTimeOffset now)
    {
        var from = RenewalPolicy.Later(facts.Renewal.PeriodStart, facts.License.ExpiresAt ?? facts.Renewal.PeriodStart);
        var renewal = facts.Renewal with { Attempt = attempt, AmountUsd = attempt.Request.AmountMinor / 100m };
        var payment = Payment(renewal, PaidWith.Card, from, attempt.FirstSentAt, policy, now) with { Expiry = facts.License.ExpiresAt };
        return Paid(renewal, payment, attempt.AttemptId);
    }

    /// <summary>The same when the wallet was locked: the money is known to have moved, the booking is tried again.</summary>
    public static RenewalChange NotYetApplied(Renewal renewal, DateTimeOffset now) =>
        new(renewal with { Status = Succeeded, PaidWith = null, PaidFrom = null, PaidUntil = null, NextActionAt = now + TimeSpan.FromMinutes(1) });

    /// <summary>
    /// The period that a payment buys: from the old expiry if it was paid before the grace ended (the license was valid all
    /// along), from now if it was paid after.
    /// </summary>
    internal static RenewalPayment Payment(
        Renewal renewal, PaidWith with, DateTimeOffset expiry, DateTimeOffset paidAt, RenewalPolicy policy, DateTimeOffset now)
    {
        var from = paidAt < expiry + policy.Grace ? expiry : now;
        return new RenewalPayment(with, renewal.AmountUsd!.Value, from, from + Renewal.Period, expiry);
    }

    internal static RenewalChange Paid(Renewal renewal, RenewalPayment payment, Guid historyId) =>
        new(renewal with
        {
            Status = Applied,
            PaidWith = payment.With,
            PaidFrom = payment.PaidFrom,
            PaidUntil = payment.PaidUntil,
            NextActionAt = null,
            Lookups = 0,
            UnknownSince = null,
        })
        {
            Payment = payment,
            History = new RenewalHistory(historyId, "success"),
            Notice = new RenewalNotice("renewed", $"renewed:{renewal.RenewalId}"),
            Audit = "renewal.applied",
            Reason = payment.With.ToString().ToLowerInvariant(),
        };

    // Cancelling comes first whenever a period is paid otherwise, so this needs a gateway that breaks its word. Then a person
    // has to refund: hiding it would be worse. One intent is one charge, whatever id of it a person wrote down.
    private static RenewalChange? PaidTwice(Renewal renewal, IntentSnapshot answer) =>
        answer.Outcome is ChargeOutcome.Succeeded paid && (renewal.PaidWith is not PaidWith.Card || renewal.IntentId != answer.IntentId)
            ? new RenewalChange(renewal) { Audit = "renewal.paid_twice", Reason = $"{answer.IntentId} {paid.TransactionId}" }
            : null;

    // Ours: the plan goes on. Somebody else's (the gateway's dashboard): as a soft decline, later on a new intent.
    private static RenewalChange Freed(Renewal renewal, RenewalAttempt attempt, Trigger trigger, string reason, DateTimeOffset now)
    {
        var free = renewal with
        {
            IntentId = null,
            Attempt = attempt.Status is AttemptStatus.Sent ? attempt with { Status = AttemptStatus.Canceled } : attempt,
            Lookups = 0,
            UnknownSince = null,
        };
        return trigger is Trigger.Cancel
            ? new RenewalChange(free with { Status = Due })
            : Soft(free, free.Attempt, $"intent_canceled: {reason}", now);
    }

    private static RenewalChange Declined(
        Renewal renewal, RenewalAttempt attempt, ChargeOutcome outcome, Trigger trigger, DateTimeOffset now)
    {
        var settled = renewal with { Lookups = 0, UnknownSince = null };
        switch (outcome)
        {
            case ChargeOutcome.SoftDeclined soft:
                return Soft(settled, attempt with { Status = AttemptStatus.SoftDeclined, Code = soft.Code }, soft.Code, now);
            case ChargeOutcome.HardDeclined hard:
                return new RenewalChange(settled with
                {
                    Status = HardDeclined,
                    Attempt = attempt with { Status = AttemptStatus.HardDeclined, Code = hard.Code },
                    NextActionAt = RenewalPolicy.Earlier(now + RenewalPolicy.RecheckEvery, renewal.GivesUpAt),
                })
                {
                    History = new RenewalHistory(attempt.AttemptId, "failed", hard.Code),
                    Notice = new RenewalNotice("action_needed", $"hard_declined:{attempt.AttemptId}", hard.Code),
                };
            default:
                var code = ((ChargeOutcome.NeedsAuthentication)outcome).Code;
                var lookups = trigger is Trigger.LookUp ? renewal.Lookups + 1 : 1;
                return new RenewalChange(settled with
                {
                    Status = NeedsAuthentication,
                    Attempt = attempt with { Status = AttemptStatus.NeedsAuthentication, Code = code },
                    Lookups = lookups,
                    NextActionAt = RenewalPolicy.Earlier(RenewalPolicy.NextLookup(lookups, now), renewal.GivesUpAt),
                })
                {
                    History = new RenewalHistory(attempt.AttemptId, "failed", code),
                    Notice = new RenewalNotice("action_needed", $"needs_authentication:{attempt.AttemptId}", code),
                };
        }
    }

    private static RenewalChange Soft(Renewal renewal, RenewalAttempt attempt, string reason, DateTimeOffset now)
    {
        var declines = renewal.SoftDeclines + 1;
        return new RenewalChange(renewal with
        {
            Status = SoftDeclined,
            Attempt = attempt,
            SoftDeclines = declines,
            NextActionAt = RenewalPolicy.NextAttempt(declines, now, renewal.GivesUpAt),
        })
        {
            History = new RenewalHistory(attempt.AttemptId, "failed", reason),
            Notice = new RenewalNotice("renewal_failed", $"soft_declined:{attempt.AttemptId}", reason),
        };
    }

    private static RenewalChange NeverCharged(Renewal renewal, RenewalAttempt attempt) =>
        new(renewal with
        {
            Status = Due,
            Attempt = attempt with { Status = AttemptStatus.NeverCharged },
            Lookups = 0,
            UnknownSince = null,
            NextActionAt = RenewalPolicy.StillOwed(renewal),
        })
        {
            History = new RenewalHistory(attempt.AttemptId, "failed", "never_charged"),
        };

    // Unknown is not failed. A creation that wasn't answered charged nothing and stays what it is; a question about a settled
    // attempt leaves it settled; only a confirmation's missing answer makes the charge unknown.
    private static RenewalChange NotAnswered(Renewal renewal, Trigger trigger, string reason, TimeSpan? retryAfter, DateTimeOffset now)
    {
        var since = renewal.UnknownSince ?? now;
        var status = renewal switch
        {
            { IsOpen: false } or { Status: Undecided } or { IntentId: null } => renewal.Status,
            _ when now - since >= RenewalPolicy.UndecidedAfter => Undecided,
            _ => Unknown,
        };
        return trigger is Trigger.Event ? new RenewalChange(renewal with { NextActionAt = now }) : Leave(
            renewal with { UnknownSince = since }, status, now, reason, retryAfter);
    }

    private static RenewalChange Leave(
        Renewal renewal, RenewalStatus status, DateTimeOffset now, string reason, TimeSpan? retryAfter = null)
    {
        var left = new RenewalChange(renewal with
        {
            Status = status,
            Lookups = renewal.Lookups + 1,
            UnknownSince = renewal.UnknownSince ?? now,
            NextActionAt = RenewalPolicy.NextLookup(renewal.Lookups + 1, now, retryAfter),
        });
        return status == renewal.Status
            ? left
            : left with
            {
                History = new RenewalHistory(renewal.Attempt!.AttemptId, "pending", reason),
                Audit = status is Undecided ? "renewal.undecided" : null,
                Reason = reason,
            };
    }

    // Whether a decline that an intent shows belongs to the attempt in question and not to the one before it.
    private static bool IsCurrent(Renewal renewal, RenewalAttempt attempt, Trigger trigger, RenewalPolicy policy, DateTimeOffset now) =>
        trigger is Trigger.Create or Trigger.Confirm
        || (renewal.IsOpen && (attempt.OpensIntent || !policy.CanReplay(attempt, now)))
        || renewal.Status is NeedsAuthentication;
}
