using System.Globalization;
using static Licensing.Renewals.RenewalStatus;

namespace Licensing.Renewals;

/// <summary>What led to an answer: one of the calls to the provider, or a webhook.</summary>
public enum Trigger { Create, Confirm, LookUp, Cancel, Event }

/// <summary>
/// The only transition function for a provider's answers and webhooks. Pure, so that an answer that comes twice, late or out of order
/// leads to the same row. A final state is never left, except by a late payment.
/// </summary>
public static class RenewalSettlement
{
    /// <summary>The largest amount in minor units that renewals.amount_usd can store.</summary>
    private const long LargestAmount = 9_999_999_999;

    private const string LicenseGone = "The license has no token that could be extended.";

    /// <returns>The change; null if the answer changes nothing.</returns>
    public static RenewalChange? Settle(
        RenewalFacts facts, IntentSnapshot answer, Trigger trigger, RenewalPolicy policy, DateTimeOffset now) =>
        Decide(facts, answer, trigger, policy, now) is { } change ? WithoutNotice(change, facts.Renewal, policy, now) : null;

    // "Is being renewed" is no longer true when the outcome is known, and the mail about the outcome says more.
    private static RenewalChange WithoutNotice(RenewalChange change, Renewal before, RenewalPolicy policy, DateTimeOffset now) =>
        change.After.Status.IsChargeOpen() ? change : change with { Withdrawn = RenewalWarnings.KeyAtCharge(before, policy, now) };

    private static RenewalChange? Decide(
        RenewalFacts facts, IntentSnapshot answer, Trigger trigger, RenewalPolicy policy, DateTimeOffset now)
    {
        var renewal = facts.Renewal;
        if (renewal.Attempt is not { } attempt) return null;
        if (trigger is Trigger.Event && answer.IntentId != renewal.IntentId && answer.Outcome is not ChargeOutcome.Succeeded) return null;
        // If a charge waits for its booking, it pays the period, and the charge of another intent is a second payment.
        if (renewal.Status is Applied || (renewal.Status is Succeeded && answer.IntentId != renewal.IntentId))
            return PaidTwice(renewal, answer);

        return answer.Outcome switch
        {
            ChargeOutcome.Succeeded paid when CannotBook(facts, attempt, answer.IntentId, paid) is { } concern =>
                WaitForAPerson(renewal with { IntentId = answer.IntentId }, concern, now),
            ChargeOutcome.Succeeded paid => Apply(
                facts with { Renewal = renewal with { IntentId = answer.IntentId } },
                attempt with { Status = AttemptStatus.Succeeded, TransactionId = paid.TransactionId },
                policy,
                now,
                paid.AmountMinor),
            _ when renewal.Status is Canceled or Lapsed or Succeeded => null,
            // The renewal is due: a worker is about to call the provider, or canceled the intent itself and continues.
            ChargeOutcome.Canceled when trigger is Trigger.Event && renewal.NextActionAt <= now => null,
            ChargeOutcome.Canceled canceled => IntentCanceled(renewal, attempt, trigger, canceled.Reason, now),
            ChargeOutcome.Unknown unknown => Uncertain(renewal, trigger, unknown.Reason, unknown.RetryAfter, now),
            ChargeOutcome.Processing when trigger is Trigger.Event => null,
            // The customer confirmed the payment, or an operator's "not paid" was wrong: the charge is open after all.
            ChargeOutcome.Processing when trigger is Trigger.Cancel && renewal.HasIntentLeft && !facts.IsAnotherAwaited =>
                StayUncertain(renewal, Unknown, now, "processing"),
            ChargeOutcome.Processing => Uncertain(renewal, Trigger.LookUp, "processing", null, now),
            ChargeOutcome.Unconfirmed when trigger is Trigger.Create => new RenewalChange(
                renewal with { IntentId = answer.IntentId, Lookups = 0, UnknownSince = null, NextActionAt = now }),
            ChargeOutcome.Unconfirmed when trigger is Trigger.Event => null,
            ChargeOutcome.Unconfirmed when trigger is Trigger.LookUp && renewal.IsChargeOpen && !policy.CanReplay(attempt, now) =>
                NeverCharged(renewal, attempt),
            ChargeOutcome.Unconfirmed => Uncertain(renewal, trigger, "not confirmed", null, now),
            // The refused intent could be taken for one that was never charged, so the renewal waits for the other one.
            ChargeOutcome.PaidBefore => WaitForAPerson(renewal with { IntentId = answer.IntentId }, PaidBefore(renewal, attempt), now),
            _ when trigger is Trigger.Cancel => Uncertain(renewal, trigger, "not canceled", null, now),
            _ when IsCurrent(renewal, attempt, trigger, policy, now) => Declined(facts, attempt, answer.Outcome, trigger, now),
            _ when trigger is Trigger.Event => AskNow(renewal, now),
            _ => Uncertain(renewal, trigger, "the previous attempt was declined", null, now),
        };
    }

    /// <summary>
    /// The attempt whose intent must be canceled before a success of another intent is booked: the customer could still confirm it, and pay
    /// twice.
    /// </summary>
    /// <returns>Null if there is none.</returns>
    public static RenewalAttempt? AttemptToCancel(Renewal renewal, IntentSnapshot reported) =>
        reported.Outcome is ChargeOutcome.Succeeded && renewal.HasIntentLeft && renewal.IntentId != reported.IntentId
            ? renewal.Attempt
            : null;

    /// <summary>
    /// Settles an event that names its renewal. A success is booked also if this database doesn't know its attempt, which a restore may
    /// have lost: otherwise the period would be charged again.
    /// </summary>
    /// <param name="facts">The renewal and everything a decision needs.</param>
    /// <param name="provider">The provider of the event.</param>
    /// <param name="changed">The event.</param>
    /// <param name="attemptId">The id of the new attempt, if the charge needs one.</param>
    /// <param name="policy">The settings of this installation.</param>
    /// <param name="now">The present time.</param>
    /// <returns>The change; null if the event changes nothing.</returns>
    public static RenewalChange? SettleEvent(
        RenewalFacts facts, string provider, PaymentFact.IntentChanged changed, Guid attemptId, RenewalPolicy policy, DateTimeOffset now)
    {
        var renewal = facts.Renewal;
        if (renewal.Attempt?.Provider != provider)
        {
            if (changed.Intent.Outcome is not ChargeOutcome.Succeeded paid) return null;
            // An intent of the other provider may still be charged. While the case is open, no further attempt is made.
            if (renewal.Status is Applied or Succeeded || renewal is { IsChargeOpen: true, IntentId: not null })
                return PaidElsewhere(renewal, provider, changed.Intent.IntentId, paid);
            var recovered = RenewalAttempt.Recovered(attemptId, renewal, provider, paid, changed.DebtsMinor, now);
            facts = facts with { Renewal = renewal with { Attempt = recovered } };
        }

        return Settle(facts, changed.Intent, Trigger.Event, policy, now);
    }

    /// <summary>
    /// A missing intent that was not confirmed, or whose confirmation was answered, can't succeed any more: it counts as canceled when it
    /// is to be canceled. Otherwise money may have moved, and an operator decides.
    /// </summary>
    public static IntentSnapshot WithoutMissing(Renewal renewal, IntentSnapshot answer, Trigger trigger) =>
        answer.Outcome is not ChargeOutcome.Missing ? answer : answer with
        {
            Outcome = trigger is Trigger.Cancel && !renewal.IsChargeOpen
                ? new ChargeOutcome.Canceled("missing")
                : new ChargeOutcome.Unknown("missing"),
        };

    /// <summary>Books the attempt's charge: credit, debit, extension of the license.</summary>
    /// <param name="facts">The renewal and everything a decision needs.</param>
    /// <param name="attempt">The attempt that succeeded.</param>
    /// <param name="policy">The settings of this installation.</param>
    /// <param name="now">The present time.</param>
    /// <param name="paidMinor">Minor units that were charged, which are booked; null for the amount that was asked.</param>
    public static RenewalChange Apply(
        RenewalFacts facts, RenewalAttempt attempt, RenewalPolicy policy, DateTimeOffset now, long? paidMinor = null)
    {
        var from = RenewalPolicy.Later(facts.Renewal.PeriodStart, facts.License.ExpiresAt ?? facts.Renewal.PeriodStart);
        // A charge that waits for its booking has its amount already.
        var renewal = facts.Renewal is { Status: Succeeded, AmountUsd: not null } ? facts.Renewal : WithAmount(
            facts.Renewal, attempt.Request, paidMinor ?? attempt.Request.AmountMinor);
        renewal = renewal with { Attempt = attempt };
        var payment = Payment(renewal, PaidWith.Card, from, attempt.FirstSentAt, policy, now) with { Expiry = facts.License.ExpiresAt };
        return Paid(renewal, payment, attempt.AttemptId);
    }

    /// <summary>Books a charge that waited for its booking. If the license is gone, an operator must decide.</summary>
    internal static RenewalChange Book(RenewalFacts facts, RenewalAttempt paid, RenewalPolicy policy, DateTimeOffset now)
    {
        var renewal = facts.Renewal;
        if (!facts.License.IsGone) return WithoutNotice(Apply(facts, paid, policy, now), renewal, policy, now);
        var charge = new ChargeOutcome.Succeeded(
            paid.TransactionId!, renewal.ChargedMinor, paid.Request.Currency);
        var concern = PaymentCase.Of(PaymentCaseReason.LicenseGone, renewal, renewal.IntentId, charge, LicenseGone);
        return WaitForAPerson(renewal with { Attempt = paid with { Status = AttemptStatus.Sent, TransactionId = null } }, concern, now);
    }

    // The charged amount is booked, even if the renewal's amount has changed since. If another amount than asked was charged, it pays for
    // this renewal only, and deferred renewals stay open.
    private static Renewal WithAmount(Renewal renewal, ChargeRequest asked, long paid)
    {
        if (paid == asked.AmountMinor && paid == renewal.ChargedMinor) return renewal;
        var debts = paid == asked.AmountMinor ? asked.DebtsMinor : 0;
        return renewal with { AmountUsd = (paid - debts) / 100m, DebtsUsd = debts / 100m };
    }

    /// <summary>The money moved but the wallet was locked: the booking is repeated later.</summary>
    /// <exception cref="ArgumentException">The change books no payment by card.</exception>
    public static RenewalChange NotYetApplied(RenewalChange booking, DateTimeOffset now) =>
        booking is not { Payment.With: PaidWith.Card, After: { IntentId: not null, Attempt.Status: AttemptStatus.Succeeded } after }
            ? throw new ArgumentException("Only a paid charge waits for its booking.", nameof(booking))
            : new RenewalChange(after with
            {
                Status = Succeeded,
                PaidWith = null,
                PaidFrom = null,
                PaidUntil = null,
                NextActionAt = now + RenewalPolicy.WalletRetry,
            });

    /// <summary>The period that a payment buys.</summary>
    internal static RenewalPayment Payment(
        Renewal renewal, PaidWith with, DateTimeOffset expiry, DateTimeOffset paidAt, RenewalPolicy policy, DateTimeOffset now)
    {
        var from = policy.PaidFrom(expiry, paidAt, now);
        return new RenewalPayment(with, renewal.AmountUsd!.Value, from, from + Renewal.Period, expiry) { DebtsUsd = renewal.DebtsUsd };
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
            Reason = EnumWords.Of(payment.With),
        };

    private static RenewalChange PaidElsewhere(Renewal renewal, string provider, string? intentId, ChargeOutcome.Succeeded paid) =>
        new(renewal)
        {
            Audit = "renewal.paid_twice",
            Reason = $"{intentId} {paid.TransactionId}",
            Case = PaymentCase.Of(
                PaymentCaseReason.PaidTwice, renewal, intentId, paid,
                renewal.Attempt is { } latest
                    ? $"Charged by {provider}, and the latest attempt was with {latest.Provider}."
                    : "The period was already paid in another way."),
        };

    private static PaymentCase PaidBefore(Renewal renewal, RenewalAttempt attempt) => new(
        PaymentCaseReason.PaidBefore, attempt.AttemptId.ToString(), renewal.RenewalId, renewal.SubscriptionId, renewal.UserId,
        TransactionId: null, AmountMinor: null, Currency: null,
        $"{attempt.Provider} has a payment of attempt {attempt.Number} that is not known here.");

    // The intent is canceled before a period is paid in another way. So this happens only if a provider charges a canceled intent, or if a
    // restore of the database made the backend forget an intent. An operator must refund the charge. Or an operator decided that another
    // charge than that of the intent paid the period: then the intent no longer belongs to the renewal, so that a refund of it doesn't end
    // the period.
    private static RenewalChange? PaidTwice(Renewal renewal, IntentSnapshot answer)
    {
        if (answer.Outcome is not ChargeOutcome.Succeeded paid) return null;
        var isByCard = renewal.PaidWith is PaidWith.Card || renewal.Status is Succeeded;
        // An operator has decided that the charge of another intent paid the period.
        if (isByCard && renewal.Attempt!.TransactionId == paid.TransactionId) return null;
        var isOwnIntent = isByCard && renewal.IntentId == answer.IntentId;
        if (isOwnIntent && IsSameCharge(renewal.Attempt!.TransactionId, answer.IntentId, paid)) return null;
        return new RenewalChange(isOwnIntent ? renewal with { IntentId = null } : renewal)
        {
            Audit = "renewal.paid_twice",
            Reason = $"{answer.IntentId} {paid.TransactionId}",
            Case = PaymentCase.Of(
                PaymentCaseReason.PaidTwice, renewal, answer.IntentId, paid,
                isOwnIntent
                    ? $"An operator decided that {renewal.Attempt!.TransactionId} paid the period."
                    : "The period was already paid in another way."),
        };
    }

    // The intent's id stands for its charge if an operator entered it, or if the provider named no charge.
    private static bool IsSameCharge(string? booked, string? intentId, ChargeOutcome.Succeeded paid) =>
        booked == paid.TransactionId || booked == intentId || paid.TransactionId == intentId;

    /// <summary>The charge that the answer names already paid another renewal.</summary>
    public static RenewalChange ChargeInUse(RenewalChange booking, DateTimeOffset now)
    {
        var (renewal, attempt) = (booking.After, booking.After.Attempt!);
        var paid = new ChargeOutcome.Succeeded(attempt.TransactionId!, attempt.Request.AmountMinor, attempt.Request.Currency);
        return WaitForAPerson(
            renewal with
            {
                Status = Unknown,
                Attempt = attempt with { Status = AttemptStatus.Sent, TransactionId = null },
                PaidWith = null,
                PaidFrom = null,
                PaidUntil = null,
            },
            PaymentCase.Of(
                PaymentCaseReason.ChargeInUse, renewal, renewal.IntentId, paid, $"{paid.TransactionId} already paid another renewal."),
            now);
    }

    /// <summary>
    /// The charge of the renewal's intent went back to the customer: it was credited to the wallet, or refunded before it was booked. A
    /// renewal that waited for the charge is closed. Another one continues without the intent after a credit, and lapses after a refund.
    /// </summary>
    /// <param name="renewal">The renewal.</param>
    /// <param name="isRefunded">
    /// It was refunded: nothing is charged for this period without a request. After a credit, the wallet may pay the period.
    /// </param>
    public static RenewalChange WithoutCharge(Renewal renewal, bool isRefunded)
    {
        var released = renewal with
        {
            IntentId = null,
            // Also after a decline: the intent may have succeeded later.
            Attempt = renewal is { Attempt: { } attempt } && (renewal.IntentId is not null || renewal.IsChargeOpen)
                ? attempt with { Status = AttemptStatus.Canceled, TransactionId = null }
                : renewal.Attempt,
            Lookups = 0,
            UnknownSince = null,
        };
        if (isRefunded && renewal.Status is not Applied) return LapseRefunded(released);
        return !renewal.IsChargeOpen ? new RenewalChange(released) : new RenewalChange(released with
        {
            Status = Canceled,
            NextActionAt = null,
        })
        {
            Audit = "renewal.canceled",
            Reason = "the charge was credited to the wallet",
        };
    }

    /// <summary>
    /// The charge of this intent went back to the customer. A renewal that has another intent, after a restore for example, lapses when
    /// that one is canceled; after a credit, it continues.
    /// </summary>
    /// <param name="renewal">A renewal that has the intent, or that a case about its charge names.</param>
    /// <param name="intentId">The intent.</param>
    /// <param name="isRefunded">It was refunded; otherwise, it was credited to the wallet.</param>
    /// <param name="now">The present time.</param>
    /// <returns>Null if nothing changes.</returns>
    public static RenewalChange? WithoutCharge(Renewal renewal, string intentId, bool isRefunded, DateTimeOffset now) =>
        renewal.IntentId is not { } own || own == intentId ? WithoutCharge(renewal, isRefunded)
        : !isRefunded ? null
        : renewal is { Status: Canceled } or { Status: Lapsed, LapsedBlocked: true } ? LapseRefunded(renewal)
        : renewal.Status.IsFinal() ? null
        // If its own charge is open, that holds the license.
        : new RenewalChange(renewal with { IsRefunded = true, MayBePaid = false, NextActionAt = now });

    /// <summary>Nothing is charged for this period without a request: no run opens the renewal again.</summary>
    internal static RenewalChange LapseRefunded(Renewal renewal) =>
        new(renewal with { Status = Lapsed, LapsedBlocked = false, NextActionAt = null })
        {
            Audit = renewal.Status is Lapsed ? null : "renewal.lapsed",
            Reason = "the charge was refunded",
        };

    // The customer paid, and the payment can't be booked. Another amount than asked is booked as it was paid, but only while the renewal
    // is open: a closed one is not waiting for a payment.
    private static PaymentCase? CannotBook(
        RenewalFacts facts, RenewalAttempt attempt, string? intentId, ChargeOutcome.Succeeded paid)
    {
        var (renewal, asked) = (facts.Renewal, attempt.Request);
        PaymentCase? Case(PaymentCaseReason reason, string detail) => PaymentCase.Of(reason, renewal, intentId, paid, detail);
        return paid switch
        {
            { Currency: { } currency } when currency != asked.Currency =>
                Case(PaymentCaseReason.OtherCurrency, $"Charged in {currency}, asked for {asked.Currency}."),
            { AmountMinor: <= 0 or > LargestAmount } =>
                Case(PaymentCaseReason.OtherAmount, $"Charged {paid.AmountMinor}, asked for {asked.AmountMinor}."),
            _ when paid.AmountMinor != asked.AmountMinor && renewal.Status is Canceled or Lapsed =>
                Case(PaymentCaseReason.OtherAmount, $"Charged {paid.AmountMinor}, asked for {asked.AmountMinor}; the renewal is closed."),
            // A payer at PayPal can write the note of an order, and so pay any amount for a renewal.
            _ when attempt.Provider == PaymentProviders.PayPal && intentId != renewal.IntentId && paid.AmountMinor < Owed(facts, attempt) =>
                Case(PaymentCaseReason.OtherAmount, $"Charged {paid.AmountMinor}, less than the price, in an order that is not known."),
            _ when facts.License.IsGone => Case(PaymentCaseReason.LicenseGone, LicenseGone),
            _ => null,
        };
    }

    // The lowest price that may have been in force, and the debts that the charge says it is for. An attempt that a restore lost has no
    // amount that was asked.
    private static long Owed(RenewalFacts facts, RenewalAttempt attempt) =>
        attempt.PaymentMethodId != Guid.Empty ? attempt.Request.AmountMinor
        : new[] { facts.Renewal.AmountUsd, facts.PriceUsd, facts.LastPaidUsd }.Min() is { } usd
            ? decimal.ToInt64(usd * 100) + attempt.Request.DebtsMinor
            : long.MaxValue;

    // A closed renewal stays closed. An open one is looked up daily, and booked when that is possible.
    private static RenewalChange WaitForAPerson(Renewal renewal, PaymentCase concern, DateTimeOffset now) =>
        (renewal.Status.IsFinal() ? new RenewalChange(renewal) : StayUncertain(renewal, Undecided, now, concern.Detail)) with
        {
            Case = concern,
        };

    // Canceled by a worker: the plan continues. Canceled elsewhere (the provider's dashboard): it counts as a soft decline, and the next
    // attempt uses a new intent.
    private static RenewalChange IntentCanceled(Renewal renewal, RenewalAttempt attempt, Trigger trigger, string reason, DateTimeOffset now)
    {
        var withoutIntent = renewal with
        {
            IntentId = null,
            Attempt = attempt.Status is AttemptStatus.Sent ? attempt with { Status = AttemptStatus.Canceled } : attempt,
            Lookups = 0,
            UnknownSince = null,
        };
        return trigger is Trigger.Cancel
            ? new RenewalChange(withoutIntent with { Status = Due })
            : Soft(withoutIntent, withoutIntent.Attempt, $"intent_canceled: {reason}", now);
    }

    private static RenewalChange Declined(
        RenewalFacts facts, RenewalAttempt attempt, ChargeOutcome outcome, Trigger trigger, DateTimeOffset now)
    {
        var renewal = facts.Renewal;
        var settled = renewal with { Lookups = 0, UnknownSince = null };
        switch (outcome)
        {
            case ChargeOutcome.SoftDeclined soft:
                return Soft(settled, attempt with { Status = AttemptStatus.SoftDeclined, Code = soft.Code }, soft.Code, now);
            case ChargeOutcome.HardDeclined hard:
                var declined = settled with
                {
                    Status = HardDeclined,
                    Attempt = attempt with { Status = AttemptStatus.HardDeclined, Code = hard.Code },
                    NextActionAt = RenewalPolicy.Earlier(now + RenewalPolicy.RecheckEvery, renewal.GivesUpAt),
                };
                // The next method is tried at once, so there is nothing yet that the customer must do.
                var triesNext = (facts with { Renewal = declined }).ChargedCard is { } next && next == facts.NextCard
                    && next.IsOtherThan(attempt) && now < renewal.GivesUpAt;
                return new RenewalChange(triesNext ? declined with { NextActionAt = now } : declined)
                {
                    History = new RenewalHistory(attempt.AttemptId, "failed", hard.Code),
                    Notice = triesNext
                        ? null
                        : new RenewalNotice("action_needed", $"hard_declined:{DeclineKey(renewal, attempt, now)}", hard.Code),
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
            Notice = new RenewalNotice("renewal_failed", $"soft_declined:{DeclineKey(renewal, attempt, now)}", reason),
        };
    }

    // A customer who tries again reads the outcome in the reply, so one mail a day (UTC) is enough.
    private static string DeclineKey(Renewal renewal, RenewalAttempt attempt, DateTimeOffset now) =>
        renewal.Type is RenewalType.Manual
            ? string.Create(CultureInfo.InvariantCulture, $"{renewal.RenewalId}:{now.UtcDateTime:yyyyMMdd}")
            : attempt.AttemptId.ToString();

    private static RenewalChange NeverCharged(Renewal renewal, RenewalAttempt attempt) =>
        new(renewal with
        {
            Status = Due,
            Attempt = attempt with { Status = AttemptStatus.NeverCharged },
            Lookups = 0,
            UnknownSince = null,
            NextActionAt = RenewalPolicy.DueAgain(renewal),
        })
        {
            History = new RenewalHistory(attempt.AttemptId, "failed", "never_charged"),
        };

    // Unknown is not failed. Only a missing answer to a confirmation makes the charge unknown: a creation without an answer charged
    // nothing, and a lookup of a settled attempt leaves it settled.
    private static RenewalChange? Uncertain(Renewal renewal, Trigger trigger, string reason, TimeSpan? retryAfter, DateTimeOffset now)
    {
        var since = renewal.UnknownSince ?? now;
        var status = renewal switch
        {
            { IsChargeOpen: false } or { Status: Undecided } or { IntentId: null } => renewal.Status,
            _ when now - since >= RenewalPolicy.UndecidedAfter => Undecided,
            _ => Unknown,
        };
        return trigger is Trigger.Event ? AskNow(renewal, now) : StayUncertain(
            renewal with { UnknownSince = since }, status, now, reason, retryAfter);
    }

    // An event that doesn't tell the outcome makes the renewal due. If it is due already, a worker waits for the answer, or the next run
    // claims it: saving the row would only make that worker's answer stale.
    private static RenewalChange? AskNow(Renewal renewal, DateTimeOffset now) =>
        !renewal.IsChargeOpen || renewal.NextActionAt <= now ? null : new RenewalChange(renewal with { NextActionAt = now });

    private static RenewalChange StayUncertain(
        Renewal renewal, RenewalStatus status, DateTimeOffset now, string reason, TimeSpan? retryAfter = null)
    {
        var later = new RenewalChange(renewal with
        {
            Status = status,
            Lookups = renewal.Lookups + 1,
            UnknownSince = renewal.UnknownSince ?? now,
            NextActionAt = RenewalPolicy.NextLookup(renewal.Lookups + 1, now, retryAfter),
        });
        return status == renewal.Status
            ? later
            : later with
            {
                History = new RenewalHistory(renewal.Attempt!.AttemptId, "pending", reason),
                Audit = status is Undecided ? "renewal.undecided" : null,
                Reason = reason,
            };
    }

    // Whether the intent's decline belongs to this attempt and not to the previous one. A late event may be about any of them.
    private static bool IsCurrent(Renewal renewal, RenewalAttempt attempt, Trigger trigger, RenewalPolicy policy, DateTimeOffset now) =>
        trigger is Trigger.Create or Trigger.Confirm
        || (renewal.IsChargeOpen && (attempt.OpensIntent || (trigger is Trigger.LookUp && !policy.CanReplay(attempt, now))))
        || renewal.Status is NeedsAuthentication;
}
