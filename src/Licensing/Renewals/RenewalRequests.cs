using static Licensing.Renewals.RenewalStatus;

namespace Licensing.Renewals;

/// <summary>Requests to a renewal: renew now, consent to a price, an operator's decision, a card change.</summary>
public static class RenewalRequests
{
    /// <summary>
    /// The customer (or an operator) wants the period renewed now. An open charge is only looked up again. Otherwise the renewal starts
    /// again, also after the grace. After a refund, only the request makes the period be charged, so it counts also if the open charge
    /// comes to nothing.
    /// </summary>
    /// <returns>Null if there is nothing to change.</returns>
    public static RenewalChange? RenewNow(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) => renewal switch
    {
        { Status: Applied } or { Status: Undecided, IsRefunded: false } => null,
        { IsChargeOpen: true, IsRefunded: true } => new RenewalChange(Requested(renewal, policy, now)),
        { IsChargeOpen: true } => new RenewalChange(renewal with { NextActionAt = now }),
        _ => new RenewalChange(Requested(renewal, policy, now) with { Status = Due }),
    };

    private static Renewal Requested(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) => renewal with
    {
        Type = RenewalType.Manual,
        IsRefunded = false,
        GivesUpAt = RenewalPolicy.Later(renewal.GivesUpAt, policy.GivesUpAt(renewal.PeriodStart, now, RenewalPolicy.ManualWindow)),
        NextActionAt = now,
    };

    private const string RenewOnPage = "Renew the license on its page, if it can still be renewed.";

    /// <summary>The customer wants the period renewed now, and agrees to an amount.</summary>
    /// <param name="facts">The renewal and everything a decision needs.</param>
    /// <param name="acceptedUsd">The amount that the customer saw; another one is not accepted. Null for none.</param>
    /// <param name="policy">The settings of this installation.</param>
    /// <param name="now">The present time.</param>
    /// <returns>Null if there is nothing to change.</returns>
    public static RenewalChange? RenewNow(RenewalFacts facts, decimal? acceptedUsd, RenewalPolicy policy, DateTimeOffset now) =>
        RenewNow(facts.Renewal, policy, now) is { After: { Status: Due } due } change
            && facts.Price(policy) is { NeedsConsent: true, AmountUsd: { } price } && price == acceptedUsd
            ? change with { After = due with { AmountUsd = price, PriceAccepted = true }, Audit = "renewal.price_accepted" }
            : RenewNow(facts.Renewal, policy, now);

    /// <summary>
    /// Whether an operator may try a renewal again: no charge is open, and it waits for nothing but money or a card. After a refund, it is
    /// only being closed.
    /// </summary>
    public static bool CanRetry(RenewalStatus status, bool isRefunded) =>
        !isRefunded && status is Due or SoftDeclined or HardDeclined or PaymentNeeded;

    /// <summary>
    /// An operator wants a failed renewal to be tried again. A charge that may have succeeded is never sent again: it is looked up. A card
    /// that was rejected permanently is not charged again, and the limits of attempts stay. The renewal stays automatic, or requested by
    /// the customer.
    /// </summary>
    /// <returns>The renewal is due now; a refusal if the rules don't allow another attempt, or if nothing could pay it.</returns>
    public static Outcome<RenewalChange> Retry(RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now)
    {
        var (renewal, source) = (facts.Renewal, facts.Source(policy));
        Refusal Refused(string code, string detail, string? hint = null) => new(RefusalKind.Conflict, code, detail, Hint: hint);
        if (renewal.IsChargeOpen)
        {
            return Refused(
                "CHARGE_OPEN", "The outcome of its charge is not known yet. It is looked up; until then, nothing is charged.",
                "If the provider doesn't report it, decide it under unknown charges.");
        }

        return renewal.Status switch
        {
            Applied => Refused("ALREADY_RENEWED", "It is paid and applied."),
            Canceled or Lapsed => Refused("RENEWAL_CLOSED", "It is closed.", RenewOnPage),
            _ when renewal.IsRefunded =>
                Refused("RENEWAL_CLOSED", "A charge of the period was refunded, so the renewal is being closed.", RenewOnPage),
            NeedsAuthentication => Refused("WAITS_FOR_CUSTOMER", "The bank waits until the customer confirms the payment."),
            AwaitingConsent => Refused("WAITS_FOR_CUSTOMER", "The price has increased, and only the customer can agree to it."),
            var status when !CanRetry(status, renewal.IsRefunded) => Refused("NOT_RENEWABLE", "The master has no active price."),
            _ when policy.BlockOf(facts.License) is not null || facts.License.ExpiresAt != renewal.PeriodStart =>
                Refused("LICENSE_NOT_RENEWABLE", "The license is suspended or closed, or its expiry has moved."),
            _ when source.Obstacle is not null => Refused(
                "NOTHING_CAN_PAY", "No saved card can pay, the wallet balance is too low, or the price needs consent.",
                "The customer must save a card, add money, or agree to the price."),
            _ when !policy.AutoRenews(facts.License) => Refused(
                "AUTO_RENEW_OFF", "Auto-renewal is off, so only the customer can start a payment.",
                "The customer can renew on the license's Renewals page."),
            _ when source.With is PaidWith.Card or PaidWith.Deferred && facts.License.IsDisputed =>
                Refused("PAYMENT_DISPUTED", "A charge of this license is disputed: its card is not charged until the dispute is decided."),
            _ when source.With is PaidWith.Card && IsRejected(facts.ChargedCard!, renewal) => Refused(
                "NEEDS_ANOTHER_CARD", "The bank rejected this card permanently.", "The customer must save another card."),
            _ when CardAllowedAt(facts, policy, now) is { } allowedAt => Refused(
                "TOO_MANY_ATTEMPTS",
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"Cards were tried too often. They can be tried again on {allowedAt:MMMM d, yyyy, HH:mm} UTC.")),
            _ when source.With is PaidWith.Card && renewal.Type is RenewalType.Auto && renewal.SoftDeclines >= RenewalPolicy.SoftAttempts =>
                Refused("TOO_MANY_ATTEMPTS", "All automatic attempts are used.", "The customer can renew, or save another card."),
            _ => new RenewalChange(RenewNow(renewal, policy, now)!.After with { Type = renewal.Type }) { Audit = "renewal.retried" },
        };
    }

    /// <summary>
    /// The present price, if it needs consent and the customer agreed to another one. Then the request is refused, because a customer who
    /// agreed must not read that consent is missing. Null if the request is not refused for its amount.
    /// </summary>
    public static decimal? PriceOtherThan(decimal? acceptedUsd, RenewalFacts facts, RenewalPolicy policy) =>
        acceptedUsd is { } accepted && facts.Renewal is { IsChargeOpen: false, Status: not Applied }
            && facts.Price(policy) is { NeedsConsent: true, AmountUsd: { } price } && price != accepted
            ? price
            : null;

    /// <summary>When the card that would pay the renewal may be charged again; null if it may be now, or if no card would pay.</summary>
    public static DateTimeOffset? CardAllowedAt(RenewalFacts facts, RenewalPolicy policy, DateTimeOffset now) =>
        facts.Renewal is { IsChargeOpen: false, Status: not Applied } && facts.Source(policy).With is PaidWith.Card
            ? RenewalPolicy.CardAllowedAt(facts.AttemptsAt, now)
            : null;

    /// <summary>
    /// Whether only a card could pay the requested renewal, and the bank has rejected this card permanently: it is not charged again.
    /// </summary>
    public static bool NeedsAnotherCard(RenewalFacts facts, decimal? acceptedUsd, RenewalPolicy policy, DateTimeOffset now) =>
        RenewNow(facts, acceptedUsd, policy, now) is { After: { IsChargeOpen: false } due }
        && facts with { Renewal = due } is { ChargedCard: { } card } asked
        && asked.Source(policy).With is PaidWith.Card && IsRejected(card, due);

    private static bool IsRejected(SavedCard card, Renewal renewal) =>
        renewal.Attempt is { Status: AttemptStatus.HardDeclined } declined && !card.IsOtherThan(declined);

    /// <summary>
    /// Whether a request to renew now would charge a card while the providers' events are not read
    /// (<see cref="RenewalPolicy.AwaitsEvents(RenewalFacts, string)"/>).
    /// </summary>
    public static bool AwaitsEvents(RenewalFacts facts, decimal? acceptedUsd, RenewalPolicy policy, DateTimeOffset now) =>
        RenewNow(facts, acceptedUsd, policy, now) is { After: { IsChargeOpen: false } due }
        && facts with { Renewal = due } is { ChargedCard: { } card } asked
        && asked.Source(policy).With is PaidWith.Card && policy.AwaitsEvents(asked, card.Provider);

    /// <summary>
    /// A request to renew was refused. A renewal that only the request opened is closed, so that nothing is charged for it later.
    /// </summary>
    /// <returns>Null if there is nothing to change.</returns>
    public static RenewalChange? Refuse(Renewal renewal) =>
        renewal is { Status: Due, Type: RenewalType.Manual, IntentId: null }
            ? new RenewalChange(renewal with { Status = Canceled, NextActionAt = null })
            {
                Audit = "renewal.canceled",
                Reason = "the request was refused",
            }
            : null;

    /// <summary>
    /// The customer agrees to the increased price. A repeat, a consent that comes too late, or a consent to another amount changes nothing.
    /// </summary>
    /// <param name="renewal">The renewal that waits for the consent.</param>
    /// <param name="amountUsd">The amount that the customer saw.</param>
    /// <param name="now">The present time.</param>
    public static RenewalChange? ConsentToPrice(Renewal renewal, decimal amountUsd, DateTimeOffset now) =>
        renewal.Status is AwaitingConsent && amountUsd == renewal.AmountUsd
        ? new RenewalChange(renewal with { Status = Due, PriceAccepted = true, NextActionAt = now }) { Audit = "renewal.price_accepted" }
        : null;

    /// <summary>The hint of a refusal of a charge that can't have paid the renewal.</summary>
    public const string LookUpTheCharge = "Look up the charge of this renewal's intent in the provider's dashboard.";

    private static readonly Refusal ChargeInvalid = new(
        RefusalKind.Invalid, "TRANSACTION_INVALID", "transaction_id is not the id of a charge.", "transaction_id",
        "Send the id of the charge (ch_… or py_…), or of this renewal's intent (pi_…).");

    private static readonly Refusal ChargeNotFound = new(
        RefusalKind.Conflict, "CHARGE_NOT_FOUND", "The provider has no such charge.", "transaction_id",
        LookUpTheCharge);

    private static readonly Refusal ChargeNotPaid = new(
        RefusalKind.Conflict, "CHARGE_NOT_PAID", "The provider says that this charge did not succeed.", "transaction_id",
        "Decide that it was not paid, or send the id of the charge that succeeded.");

    private static readonly Refusal ChargeOfAnother = new(
        RefusalKind.Conflict, "CHARGE_OF_ANOTHER", "This charge is not for this license.", "transaction_id",
        LookUpTheCharge);

    private static readonly Refusal ChargeUncertain = new(
        RefusalKind.Unavailable, "PAYMENT_PROVIDER_UNAVAILABLE", "The payment provider gave no answer about this charge.",
        "transaction_id", "Try again in a minute; nothing was changed.");

    /// <summary>Why an id that an operator entered can't be that of the charge that paid the renewal; null if it can.</summary>
    public static Refusal? RefuseChargeId(Renewal renewal, string chargeId) => renewal.Attempt?.Provider switch
    {
        PaymentProviders.Stripe when chargeId.StartsWith("pi_", StringComparison.Ordinal) =>
            chargeId == renewal.IntentId ? null : ChargeInvalid,
        PaymentProviders.Stripe => chargeId.Length > 3 && chargeId[..3] is "ch_" or "py_" && chargeId.All(IsOfId) ? null : ChargeInvalid,
        _ => null,
    };

    /// <summary>Why a charge that an operator named can't have paid the renewal, after the provider was asked; null if it can.</summary>
    public static Refusal? RefuseCharge(Renewal renewal, ChargeLookup charge) => charge switch
    {
        ChargeLookup.Missing => ChargeNotFound,
        ChargeLookup.Unknown => ChargeUncertain,
        ChargeLookup.Found { IsPaid: false } or ChargeLookup.Found { AmountMinor: <= 0 } => ChargeNotPaid,
        ChargeLookup.Found found when found.Currency != renewal.Attempt?.Request.Currency => ChargeOfAnother,
        ChargeLookup.Found found when found.IntentId is { } intent && intent == renewal.IntentId => null,
        ChargeLookup.Found found when found.RenewalId == renewal.RenewalId || found.SubscriptionId == renewal.SubscriptionId => null,
        // The operator has looked at it. A payer can write the name of a renewal into an order of any amount.
        ChargeLookup.Found found when found.UnprovenRenewalId == renewal.RenewalId
            && found.AmountMinor >= renewal.Attempt?.Request.AmountMinor => null,
        _ => ChargeOfAnother,
    };

    private static bool IsOfId(char one) => char.IsAsciiLetterOrDigit(one) || one == '_';

    /// <inheritdoc cref="ConsentToPrice(Renewal, decimal, DateTimeOffset)"/>
    /// <summary>
    /// The same, with the price as it is now: it may have changed since the mail was sent. A consent to more than the price counts for the
    /// price; a consent to less changes nothing.
    /// </summary>
    public static RenewalChange? ConsentToPrice(RenewalFacts facts, decimal amountUsd, RenewalPolicy policy, DateTimeOffset now) =>
        facts.Price(policy).AmountUsd is { } price
            ? ConsentToPrice(facts.Renewal with { AmountUsd = price }, Math.Min(amountUsd, price), now)
            : null;

    /// <summary>
    /// An operator decides a charge whose outcome the provider doesn't report. The decision "paid" (with the charge's id as evidence) books
    /// it. After "not paid", the renewal continues on the same intent, which can still succeed only once.
    /// </summary>
    /// <param name="facts">The renewal and everything a decision needs.</param>
    /// <param name="transactionId">The provider's id of the charge; null for not paid.</param>
    /// <param name="reason">What the operator checked, for the audit row.</param>
    /// <param name="policy">The settings of this installation.</param>
    /// <param name="now">The present time.</param>
    /// <param name="paidMinor">Minor units that were charged; null if that is not known: then the requested amount is booked.</param>
    /// <returns>NOT_UNKNOWN if the charge isn't unknown.</returns>
    public static Outcome<RenewalChange> ResolveUnknownCharge(
        RenewalFacts facts, string? transactionId, string reason, RenewalPolicy policy, DateTimeOffset now,
        long? paidMinor = null)
    {
        if (facts.Renewal is not { Attempt: { } attempt } || !facts.Renewal.Status.IsChargeUnknown())
            return new Refusal(RefusalKind.Conflict, "NOT_UNKNOWN", "The outcome of this renewal is not unknown.");
        if (transactionId is not null && facts.License.IsGone)
            return new Refusal(
                RefusalKind.Conflict, "LICENSE_GONE", "The license has no token, so the payment can't extend it.",
                Hint: "Refund the charge, or credit it to the wallet: it is listed at /api/v1/payments/cases.");

        var change = transactionId is { } paid
            ? RenewalSettlement.Apply(
                facts, attempt with { Status = AttemptStatus.Succeeded, TransactionId = paid }, policy, now, paidMinor)
            : new RenewalChange(facts.Renewal with
            {
                Status = SoftDeclined,
                Attempt = attempt with { Status = AttemptStatus.NeverCharged },
                Lookups = 0,
                UnknownSince = null,
                // The grace may have ended meanwhile, which is not the customer's fault.
                NextActionAt = RenewalPolicy.DueAgain(facts.Renewal),
            })
            {
                History = new RenewalHistory(attempt.AttemptId, "failed", "never_charged"),
            };
        return change with { Audit = transactionId is null ? "renewal.decided_not_paid" : "renewal.decided_paid", Reason = reason };
    }

    /// <summary>Whether the renewal waits for the card that was just saved, changed or made the default, so that it is due now.</summary>
    public static bool IsDueAfterCardChange(RenewalFacts facts, DateTimeOffset now) =>
        facts is { ChargedCard: { } card, Renewal: var renewal }
        && renewal.Status.IsWaitingForCard() && renewal.NextActionAt > now && renewal.GivesUpAt > now
        // PaymentNeeded waits for any card. The other statuses wait for another card than that of the last attempt.
        && (renewal.Status is PaymentNeeded || (renewal.Attempt is { } attempt && card.IsOtherThan(attempt)));
}
