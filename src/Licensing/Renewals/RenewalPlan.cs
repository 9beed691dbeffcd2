using System.Globalization;
using static Licensing.Renewals.RenewalStatus;

namespace Licensing.Renewals;

/// <summary>Decides the next step of a worker that claimed a renewal. Called after every step, until there is nothing to do.</summary>
public static class RenewalPlan
{
    /// <param name="facts">The renewal and everything a decision needs.</param>
    /// <param name="policy">The settings of this installation.</param>
    /// <param name="now">The worker's clock.</param>
    /// <param name="attemptId">The id of the new attempt, if the plan makes one.</param>
    public static RenewalStep Next(RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now, Guid attemptId)
    {
        var renewal = facts.Renewal;
        if (renewal.NextActionAt is not { } at || at > now) return new RenewalStep.Done();

        return renewal switch
        {
            _ when renewal.Status.IsFinal() => Save(renewal with { NextActionAt = null }),
            { Status: Succeeded, Attempt: { } paid } => new RenewalStep.Save(RenewalSettlement.Book(facts, paid, policy, now)),
            { Status: Charging, IntentId: null, Attempt: { } attempt } => Create(facts, attempt, policy, now),
            { IsChargeOpen: true, IntentId: { } intent, Attempt: { } attempt } => ResolveOpenCharge(facts, intent, attempt, policy, now),
            { Status: NeedsAuthentication, IntentId: { } intent, Attempt: { } attempt }
                when renewal.NextActionAt < renewal.GivesUpAt && !IsUnwanted(facts, policy)
                    && facts.ChargedCard?.IsOtherThan(attempt) is not true =>
                new RenewalStep.LookUp(intent, attempt),
            _ => Decide(facts, policy, now, attemptId),
        };
    }

    // Nothing is confirmed yet, so nothing can be charged. When the key's lifetime ends, an unanswered creation is given up, and the next
    // attempt makes its own.
    private static RenewalStep Create(RenewalFacts facts, RenewalAttempt attempt, RenewalPolicy policy, DateTimeOffset now)
    {
        if (!IsUnwanted(facts, policy) && !IsHeldByDispute(facts) && policy.CanReplay(attempt, now))
        {
            // After a restore, the same request may make an intent that was given up for another one.
            return policy.AwaitsEvents(facts, attempt.Provider)
                ? Save(facts.Renewal with { NextActionAt = now + RenewalPolicy.AnotherChargeRecheck })
                : new RenewalStep.CreateIntent(attempt);
        }

        return Save(facts.Renewal with
        {
            Status = Due,
            Attempt = attempt with { Status = AttemptStatus.NeverCharged },
            Lookups = 0,
            UnknownSince = null,
            NextActionAt = RenewalPolicy.DueAgain(facts.Renewal),
        });
    }

    // The charge is open. Within the key's lifetime, the same request is the safest lookup: the provider returns its stored answer, or
    // executes the request for the first time. If the renewal isn't wanted any more, canceling is as safe and charges nothing.
    private static RenewalStep ResolveOpenCharge(
        RenewalFacts facts, string intent, RenewalAttempt attempt, RenewalPolicy policy, DateTimeOffset now)
    {
        if (facts.Renewal.Status is Undecided) return new RenewalStep.LookUp(intent, attempt);
        if (IsUnwanted(facts, policy) || IsHeldByDispute(facts) || facts.HasOtherCharge)
            return new RenewalStep.CancelIntent(intent, attempt);
        return policy.CanReplay(attempt, now) ? new RenewalStep.Confirm(intent, attempt) : new RenewalStep.LookUp(intent, attempt);
    }

    private static RenewalStep Decide(RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now, Guid attemptId)
    {
        var price = facts.Price(policy);
        var amount = price.AmountUsd ?? facts.Renewal.AmountUsd;
        var renewal = facts.Renewal with
        {
            AmountUsd = amount,
            DebtsUsd = facts.Renewal.IsPriceFrozen ? facts.Renewal.DebtsUsd : facts.DebtUsd,
            PriceAccepted = facts.Renewal.PriceAccepted && amount <= facts.Renewal.AmountUsd,
            MayBePaid = false,
        };

        if (facts.License.ExpiresAt != renewal.PeriodStart) return CancelIntentFirst(renewal, Close(renewal, "the expiry was moved"));
        if (renewal.IsRefunded) return CancelIntentFirst(renewal, RenewalSettlement.LapseRefunded(renewal));
        if (facts.IsAnotherAwaited) return WaitForAnotherCharge(renewal with { MayBePaid = facts.HasOtherCharge }, now);
        // An action that was due before the end is done once, even if the worker is late: an outage must not end the license.
        var isOver = now >= renewal.GivesUpAt && renewal.NextActionAt >= renewal.GivesUpAt;
        var isSwitchedOff = IsSwitchedOff(facts, policy);
        // A payment that is not known here yet may have extended the license.
        if ((isOver || isSwitchedOff) && policy.AwaitsEvents(facts)) return WaitForAnotherCharge(renewal with { MayBePaid = true }, now);
        if (isOver)
            return CancelIntentFirst(
                renewal, Lapse(renewal, policy.BlockOf(facts.License) is not null || IsHeldByDisputeOnly(facts, policy)));
        if (isSwitchedOff) return CancelIntentFirst(renewal, Close(renewal, "auto-renewal is off"));
        if (policy.BlockOf(facts.License) is not null) return WaitUntilServed(renewal, facts, policy, now);

        return facts.Source(policy) switch
        {
            { Obstacle: PaymentSource.NoActivePrice and var reason } => Wait(renewal, NotRenewable, reason, policy, now),
            { Obstacle: PaymentSource.PriceConsent } => AwaitConsent(facts.Renewal, renewal, facts.LastPaidUsd, now),
            { Obstacle: { } reason } => Wait(renewal, PaymentNeeded, reason, policy, now),
            { With: PaidWith.Card or PaidWith.Deferred } when IsHeldByDispute(facts) =>
                Wait(renewal, PaymentNeeded, PaymentSource.PaymentDisputed, policy, now),
            // Deferred renewals were paid after the intent was created: the intent would charge them again.
            { With: PaidWith.Card } when renewal is { IntentId: { } intent, Attempt: { } last } && renewal.DebtsUsd > facts.DebtUsd =>
                new RenewalStep.CancelIntent(intent, last),
            { With: PaidWith.Card } => Charge(renewal, facts, policy, now, attemptId),
            { With: var with, DebtsUsd: var debts } =>
                CancelIntentFirst(renewal, Book(renewal with { DebtsUsd = debts }, with!.Value, policy, now)),
        };
    }

    private static RenewalStep Charge(
        Renewal renewal, RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now, Guid attemptId)
    {
        var card = facts.ChargedCard!;
        // A manual renewal was declined: without auto-renewal there is no automatic retry.
        if (renewal.Status is SoftDeclined && !policy.AutoRenews(facts.License))
            return Save(renewal with { NextActionAt = renewal.GivesUpAt });
        if (RenewalPolicy.CardAllowedAt(facts.AttemptsAt, now) is not null)
            return Wait(renewal, PaymentNeeded, PaymentSource.TooManyAttempts, policy, now);
        if (renewal.Type is RenewalType.Auto && renewal.SoftDeclines >= RenewalPolicy.SoftAttempts)
            return Save(renewal with { NextActionAt = renewal.GivesUpAt });
        // The same card would be declined again. The customer got a mail about the decline.
        if (renewal.Attempt is { Status: AttemptStatus.HardDeclined } declined && !card.IsOtherThan(declined))
            return Wait(renewal with { Status = HardDeclined }, now);
        // The next method is tried once. The customer may still request another attempt.
        if (facts.IsNextCardCharged
            && renewal is
            {
                Status: SoftDeclined or HardDeclined, Attempt: { Status: AttemptStatus.SoftDeclined or AttemptStatus.Canceled } tried
            }
            && !card.IsOtherThan(tried))
            return Wait(renewal with { Status = HardDeclined }, now);
        if (renewal is { IntentId: not null, Attempt: { Status: AttemptStatus.NeedsAuthentication } unconfirmed }
            && !card.IsOtherThan(unconfirmed))
            return Save(renewal with
            {
                Status = NeedsAuthentication,
                NextActionAt = RenewalPolicy.Earlier(RenewalPolicy.NextLookup(1, now), renewal.GivesUpAt),
            });

        // An intent belongs to one customer of one provider, and with some providers to one attempt: otherwise a new intent is needed.
        if (renewal is { IntentId: { } intent, Attempt: { } last }
            && (last.Provider != card.Provider || last.Request.CustomerId != card.CustomerId
                || policy.OneAttemptProviders.Contains(last.Provider)))
            return new RenewalStep.CancelIntent(intent, last);

        if (policy.AwaitsEvents(facts, card.Provider)) return WaitForAnotherCharge(renewal with { MayBePaid = true }, now);

        var charging = renewal with
        {
            Status = Charging,
            // The customer requested one attempt; another one with the same card is automatic.
            Type = renewal is { Status: SoftDeclined, Attempt: { } declinedBefore } && !card.IsOtherThan(declinedBefore)
                ? RenewalType.Auto
                : renewal.Type,
            Attempt = new RenewalAttempt(
                attemptId,
                renewal.Attempts + 1,
                card.Provider,
                card.PaymentMethodId,
                Request(renewal, card),
                FirstSentAt: now,
                OpensIntent: renewal.IntentId is null),
            Lookups = 0,
            UnknownSince = null,
            NextActionAt = now,
        };
        return new RenewalStep.Save(new RenewalChange(charging)
        {
            Announcement = RenewalWarnings.AtCharge(charging, card, policy, now),
        });
    }

    private static ChargeRequest Request(Renewal renewal, SavedCard card) => new(
        renewal.RenewalId,
        renewal.SubscriptionId,
        renewal.UserId,
        renewal.ChargedMinor,
        "usd",
        card.CustomerId,
        card.PaymentId,
        $"License renewal from {renewal.PeriodStart:yyyy-MM-dd}")
    {
        DebtsMinor = decimal.ToInt64(renewal.DebtsUsd * 100),
        Attempt = renewal.Attempts + 1,
        IsNameSigned = true,
    };

    // An intent that could still succeed is canceled before the period is paid in another way, closed or given up.
    private static RenewalStep CancelIntentFirst(Renewal renewal, RenewalChange change) =>
        renewal is { IntentId: { } intent, Attempt: { } attempt }
            ? new RenewalStep.CancelIntent(intent, attempt)
            : new RenewalStep.Save(change);

    private static RenewalChange Book(Renewal renewal, PaidWith with, RenewalPolicy policy, DateTimeOffset now)
    {
        var payment = RenewalSettlement.Payment(renewal, with, renewal.PeriodStart, paidAt: now, policy, now);
        return RenewalSettlement.Paid(renewal, payment, renewal.RenewalId);
    }

    private static RenewalChange Close(Renewal renewal, string reason) => new(renewal with { Status = Canceled, NextActionAt = null })
    {
        Audit = "renewal.canceled",
        Reason = reason,
    };

    private static RenewalChange Lapse(Renewal renewal, bool isBlocked) =>
        new(renewal with { Status = Lapsed, LapsedBlocked = isBlocked, NextActionAt = null })
        {
            Suspends = true,
            History = new RenewalHistory(renewal.RenewalId, "failed", "grace_period_ended"),
            Audit = "renewal.lapsed",
            Reason = "grace period ended",
        };

    // The price may fall again meanwhile. The customer gets one mail for each amount and each end of the link's validity. So every renewal
    // that begins again gets a link that works.
    private static RenewalStep.Save AwaitConsent(Renewal before, Renewal renewal, decimal? lastPaidUsd, DateTimeOffset now)
    {
        if (before.Status is AwaitingConsent && before.AmountUsd == renewal.AmountUsd) return Wait(renewal, now);

        var end = renewal.GivesUpAt < now + RenewalPolicy.ShortestConsent ? now + RenewalPolicy.ConsentWindow : renewal.GivesUpAt;
        var waiting = Wait(renewal with { Status = AwaitingConsent, GivesUpAt = end }, now);
        return new RenewalStep.Save(waiting.Change with
        {
            History = new RenewalHistory(renewal.RenewalId, "pending", PaymentSource.PriceConsent),
            Notice = new RenewalNotice(
                "price_consent",
                string.Create(
                    CultureInfo.InvariantCulture, $"price_consent:{renewal.RenewalId}:{renewal.AmountUsd}:{end.ToUnixTimeSeconds()}"),
                OldAmountUsd: lastPaidUsd),
        });
    }

    private static RenewalStep.Save Wait(Renewal renewal, DateTimeOffset now) =>
        Save(renewal with { NextActionAt = RenewalPolicy.Earlier(now + RenewalPolicy.RecheckEvery, renewal.GivesUpAt) });

    // A request counts only while the license is served; after that, only auto-renewal continues. The intent is canceled first, because the
    // customer could still confirm it.
    private static RenewalStep WaitUntilServed(Renewal renewal, RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now) =>
        CancelIntentFirst(
            renewal,
            policy.AutoRenews(facts.License)
                ? Wait(renewal with { Type = RenewalType.Auto }, now).Change
                : Close(renewal, "the license is not served"));

    // The wait doesn't use up the time in which this renewal can be paid.
    private static RenewalStep.Save WaitForAnotherCharge(Renewal renewal, DateTimeOffset now) => Save(renewal with
    {
        GivesUpAt = RenewalPolicy.Later(renewal.GivesUpAt, now + RenewalPolicy.LateWindow),
        NextActionAt = now + RenewalPolicy.AnotherChargeRecheck,
    });

    // The customer gets a mail when the waiting begins; later checks send none.
    private static RenewalStep.Save Wait(
        Renewal renewal, RenewalStatus status, string? reason, RenewalPolicy policy, DateTimeOffset now)
    {
        var waiting = Wait(renewal with { Status = status }, now);
        // A customer who requested the renewal reads the reason in the reply.
        var end = renewal.Type is RenewalType.Auto ? RenewalWarnings.KeyEnd(renewal, policy, now) : "";
        return renewal.Status == status
            ? waiting
            : new RenewalStep.Save(waiting.Change with
            {
                History = new RenewalHistory(renewal.RenewalId, "failed", reason),
                Notice = new RenewalNotice(
                    status is NotRenewable ? "renewal_failed" : "action_needed", $"{reason}:{renewal.RenewalId}{end}", reason),
            });
    }

    private static RenewalStep.Save Save(Renewal after) => new(new RenewalChange(after));

    private static bool IsHeldByDisputeOnly(RenewalFacts facts, RenewalPolicy policy) => IsHeldByDispute(facts)
        && facts.Source(policy).With is PaidWith.Card or PaidWith.Deferred;

    // The customer may still renew manually. Their request counts for the attempt that it starts, not for later retries.
    private static bool IsHeldByDispute(RenewalFacts facts) => facts.License.IsDisputed
        && (facts.Renewal.Type is RenewalType.Auto || !(facts.Renewal.Status is Due || facts.Renewal.IsChargeOpen));

    private static bool IsUnwanted(RenewalFacts facts, RenewalPolicy policy) =>
        facts.License.ExpiresAt != facts.Renewal.PeriodStart
        || facts.Renewal.IsRefunded
        || policy.BlockOf(facts.License) is not null
        || IsSwitchedOff(facts, policy);

    private static bool IsSwitchedOff(RenewalFacts facts, RenewalPolicy policy) =>
        facts.Renewal.Type is RenewalType.Auto && !policy.AutoRenews(facts.License);
}
