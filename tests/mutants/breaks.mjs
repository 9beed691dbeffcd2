// Deliberate breaks of what handles money. Each replaces a text that occurs once in its file. `money` says whether it costs somebody money.
// `tests` are the test classes that concern it.

const rules = 'src/Licensing/Renewals/';
const drivers = 'src/LicenseFunctions/Renewals/';
const gateways = 'src/LicenseFunctions/Infrastructure/Payments/';
const stripe = gateways + 'Stripe/';
const payPal = gateways + 'PayPal/';
const sql = 'sql/repeatable/';

export const breaks = [];

// The kind that the following breaks belong to.
let kind;
const kindOf = (name) => (kind = name);
const add = (money, name, file, from, to, ...tests) => breaks.push({ kind, name, money, file, from, to, tests });
const money = (...of) => add(true, ...of);
const other = (...of) => add(false, ...of);

kindOf('one charge for a period');
money(
  'other-intents-events',
  rules + 'RenewalSettlement.cs',
  'if (trigger is Trigger.Event && answer.IntentId != renewal.IntentId && answer.Outcome',
  'if (trigger is Trigger.Event && answer.IntentId == "" && answer.Outcome',
  'RenewalSettlementTests',
  'PaymentEventsTests',
);
money(
  'unknown-is-declined',
  rules + 'RenewalSettlement.cs',
  'ChargeOutcome.Unknown unknown => Uncertain(renewal, trigger, unknown.Reason, unknown.RetryAfter, now),',
  'ChargeOutcome.Unknown unknown => Soft(renewal, attempt with { Status = AttemptStatus.SoftDeclined }, unknown.Reason, now),',
  'RenewalSettlementTests',
);
money(
  'processing-is-declined',
  rules + 'RenewalSettlement.cs',
  'ChargeOutcome.Processing => Uncertain(renewal, Trigger.LookUp, "processing", null, now),',
  'ChargeOutcome.Processing => Soft(renewal, attempt with { Status = AttemptStatus.SoftDeclined }, "processing", now),',
  'RenewalSettlementTests',
);
money(
  'earlier-decline-counts',
  rules + 'RenewalSettlement.cs',
  '(renewal.IsChargeOpen && (attempt.OpensIntent || (',
  '(renewal.IsChargeOpen && (true || (',
  'RenewalSettlementTests',
);
money(
  'late-event-of-an-earlier-attempt',
  rules + 'RenewalSettlement.cs',
  '(trigger is Trigger.LookUp && !policy.CanReplay(attempt, now))))',
  '!policy.CanReplay(attempt, now)))',
  'RenewalSettlementTests',
);
money(
  'unconfirmed-at-once',
  rules + 'RenewalSettlement.cs',
  'when trigger is Trigger.LookUp && renewal.IsChargeOpen && !policy.CanReplay(attempt, now) =>',
  'when trigger is Trigger.LookUp && renewal.IsChargeOpen =>',
  'RenewalSettlementTests',
);
money(
  'missing-is-canceled',
  rules + 'RenewalSettlement.cs',
  'trigger is Trigger.Cancel && !renewal.IsChargeOpen',
  'trigger is Trigger.Cancel',
  'RenewalSettlementTests',
);
money(
  'replay-after-the-lifetime',
  rules + 'RenewalPlan.cs',
  'return policy.CanReplay(attempt, now) ? new',
  'return attempt.Number > 0 ? new',
  'RenewalPlanTests',
);
money(
  'creation-after-the-lifetime',
  rules + 'RenewalPlan.cs',
  '!IsHeldByDispute(facts) && policy.CanReplay(attempt, now))',
  '!IsHeldByDispute(facts))',
  'RenewalPlanTests',
);
money(
  'keys-live-for-ever',
  rules + 'RenewalPolicy.cs',
  'out var lifetime) && now - attempt.FirstSentAt < lifetime;',
  'out var lifetime) && lifetime > TimeSpan.Zero;',
  'RenewalPolicyTests',
  'RenewalPlanTests',
);
money(
  'one-creation-key',
  rules + 'Renewal.cs',
  '(Number == 1 ? "" : $"-{Number}")',
  '(Number > 0 ? "" : $"-{Number}")',
  'RenewalPlanTests',
  'RenewalSettlementTests',
);
money(
  'one-confirmation-key',
  rules + 'Renewal.cs',
  'ConfirmKey => $"attempt-{AttemptId:N}"',
  'ConfirmKey => $"attempt-{Request.RenewalId:N}"',
  'RenewalPlanTests',
  'RenewalHttpTests',
);
money(
  'wallet-beside-an-intent',
  rules + 'RenewalPlan.cs',
  'CancelIntentFirst(renewal, Book(renewal with { DebtsUsd = debts }, with!.Value, policy, now)),',
  'new RenewalStep.Save(Book(renewal with { DebtsUsd = debts }, with!.Value, policy, now)),',
  'RenewalPlanTests',
);
money(
  'closed-with-a-live-intent',
  rules + 'RenewalPlan.cs',
  'renewal is { IntentId: { } intent, Attempt: { } attempt }\n            ? new RenewalStep.CancelIntent',
  'renewal is { IntentId: { } intent, Attempt: { } attempt } && attempt.Number > 9\n            ? new RenewalStep.CancelIntent',
  'RenewalPlanTests',
);
money(
  'canceled-intent-is-kept',
  rules + 'RenewalSettlement.cs',
  'IntentId = null,\n            Attempt = attempt.Status is',
  'IntentId = renewal.IntentId,\n            Attempt = attempt.Status is',
  'RenewalSettlementTests',
);
money(
  'intent-of-another-customer',
  rules + 'RenewalPlan.cs',
  'last.Provider != card.Provider || last.Request.CustomerId != card.CustomerId',
  'last.Provider != card.Provider',
  'RenewalPlanTests',
);
money(
  'tenfold-amount',
  rules + 'RenewalPlan.cs',
  '        renewal.ChargedMinor,',
  '        renewal.ChargedMinor * 10,',
  'RenewalPlanTests',
);
money(
  'two-periods-for-one',
  rules + 'RenewalSettlement.cs',
  'from, from + Renewal.Period, expiry)',
  'from, from + Renewal.Period + Renewal.Period, expiry)',
  'RenewalSettlementTests',
);
money(
  'paid-late-from-the-old-expiry',
  rules + 'RenewalPolicy.cs',
  'paidAt < expiresAt + Grace ? expiresAt : now',
  'paidAt < expiresAt + Grace + Grace + CatchUp ? expiresAt : now',
  'RenewalPolicyTests',
  'RenewalSettlementTests',
);
money(
  'paid-in-time-from-now',
  rules + 'RenewalSettlement.cs',
  'policy.PaidFrom(expiry, paidAt, now)',
  'policy.PaidFrom(expiry, now, now)',
  'RenewalSettlementTests',
);
money(
  'fence-ignored',
  drivers + 'RenewalTransaction.cs',
  'where r.renewal_id = c.renewal_id and r.fence = c.fence and (',
  'where r.renewal_id = c.renewal_id and (',
  'PostgresRenewalStoreTests',
);
money(
  'one-customer-twice-in-a-batch',
  drivers + 'ProcessRenewal.cs',
  'customers.Add(after.UserId) && licenses.Add(after.SubscriptionId)',
  'licenses.Add(after.SubscriptionId)',
  'RunDueRenewalsTests',
);
money(
  'a-batch-leaves-out-refused-rows',
  drivers + 'RenewalTransaction.cs',
  'if (written < changes.Count) throw',
  'if (written == 0) throw',
  'PostgresRenewalStoreTests',
);
money(
  'lease-ignored',
  drivers + 'RenewalTransaction.cs',
  '(@lease::interval is null or r.lease_until > clock_timestamp())',
  '(@lease::interval is null or true)',
  'PostgresRenewalStoreTests',
);
// The rules settle a repeated event in the same way, so a break of this guard alone costs nothing.
other(
  'event-applied-twice',
  gateways + 'PaymentEventInbox.cs',
  'cancellationToken: cancellationToken)) == 1;',
  'cancellationToken: cancellationToken)) >= 0;',
  'PostgresRenewalStoreTests',
  'PaymentEventsTests',
);
money(
  'charge-credited-at-every-payment',
  drivers + 'RenewalTransaction.cs',
  '\n        where p.by_card;',
  ';',
  'PostgresRenewalStoreTests',
  'WalletTests',
);

kindOf('a lock is not a business fact');
money(
  'lock-timeout-is-a-locked-wallet',
  drivers + 'RenewalStore.cs',
  'catch (PostgresException conflict) when (conflict.ConstraintName == "one_open_charge_a_license")',
  'catch (PostgresException locked) when (locked.SqlState == "55P03")\n        {\n            return ' +
    'RenewalSave.WalletLocked;\n        }\n        catch (PostgresException conflict) when (conflict.ConstraintName == ' +
    '"one_open_charge_a_license")',
  'PostgresRenewalStoreTests',
  'PaymentEventsTests',
);
money(
  'a-locked-wallet-closes-the-charge',
  rules + 'RenewalSettlement.cs',
  'Status = Succeeded,\n                PaidWith = null',
  'Status = Canceled,\n                PaidWith = null',
  'RenewalSettlementTests',
  'RenewalPlanTests',
);
// No code reopens a paid renewal, so a break of the trigger alone costs nothing.
other(
  'paid-renewals-can-be-reopened',
  'sql/migrations/0020_paid_renewals.sql',
  `new.status <> 'applied')`,
  `new.status = 'charging')`,
  'PostgresRenewalStoreTests',
  'PaymentEventsTests',
);

kindOf('every event is applied, kept or reported');
money(
  'success-of-a-closed-renewal-dropped',
  rules + 'RenewalSettlement.cs',
  'ChargeOutcome.Succeeded paid => Apply(',
  'ChargeOutcome.Succeeded when renewal.Status is Canceled or Lapsed => null,\n            ChargeOutcome.Succeeded paid => Apply(',
  'RenewalSettlementTests',
);
money(
  'waiting-charge-is-replaced',
  rules + 'RenewalSettlement.cs',
  '(renewal.Status is Succeeded && answer.IntentId != renewal.IntentId)',
  '(renewal.Status is Succeeded && answer.IntentId == "")',
  'RenewalSettlementTests',
);
money(
  'second-charge-not-told',
  rules + 'RenewalSettlement.cs',
  'return PaidTwice(renewal, answer);',
  'return null;',
  'RenewalSettlementTests',
);
money(
  'success-without-an-attempt-dropped',
  rules + 'RenewalSettlement.cs',
  'if (renewal.Attempt?.Provider != provider)',
  'if (renewal.Attempt is { } latest && latest.Provider != provider)',
  'SettleEventTests',
  'PaymentEventsTests',
);
money(
  'charge-of-an-unknown-renewal-dropped',
  drivers + 'ApplyPaymentEvent.cs',
  'RecordAsync(received, UnknownRenewal(changed), cancellationToken)',
  'RecordAsync(received, concern: null, cancellationToken)',
  'PaymentEventsTests',
);
money(
  'refunds-only-acknowledged',
  drivers + 'ApplyPaymentEvent.cs',
  'store.SaveReversalAsync(reversal, received, policy, cancellationToken),',
  'store.RecordAsync(received, reversal is null ? null : null, cancellationToken),',
  'PaymentEventsTests',
  'PaymentStoryTests',
);
money(
  'gone-license-is-booked',
  rules + 'RenewalSettlement.cs',
  '_ when facts.License.IsGone => Case(',
  '_ when facts.License.IsGone && renewal.Status is Due => Case(',
  'RenewalSettlementTests',
  'PaymentEventsTests',
);
money(
  'gone-license-waits-for-ever',
  rules + 'RenewalSettlement.cs',
  'if (!facts.License.IsGone) return WithoutNotice(',
  'if (now > DateTimeOffset.MinValue) return WithoutNotice(',
  'RenewalPlanTests',
);
money(
  'early-refunds-never-claimed',
  drivers + 'ReversalTransaction.cs',
  'where renewal_id is null and provider = @Provider and (',
  'where renewal_id is null and provider = @Provider and 1 = 0 and (',
  'PostgresRenewalStoreTests',
  'PaymentEventsTests',
);
other(
  'inner-join-hides-the-tokenless',
  sql + '44_renewal_terms.sql',
  'left join lateral (select * from v_current_license_tokens c',
  'join lateral (select * from v_current_license_tokens c',
  'PaymentEventsTests',
  'PostgresRenewalStoreTests',
);

kindOf('licenses that are not served are not charged');
money(
  'block-ignored',
  rules + 'RenewalPlan.cs',
  'if (policy.BlockOf(facts.License) is not null) return WaitUntilServed',
  'if (policy.BlockOf(facts.License) is not null && renewal.Attempts > 99) return WaitUntilServed',
  'RenewalPlanTests',
);
money(
  'open-charge-of-the-unserved',
  rules + 'RenewalPlan.cs',
  'if (IsUnwanted(facts, policy) || IsHeldByDispute(facts) || facts.HasOtherCharge)',
  'if (IsHeldByDispute(facts) || facts.HasOtherCharge)',
  'RenewalPlanTests',
);
money(
  'auto-renewal-off-ignored',
  rules + 'RenewalPlan.cs',
  'var isSwitchedOff = IsSwitchedOff(facts, policy);',
  'var isSwitchedOff = IsSwitchedOff(facts, policy) && policy is null;',
  'RenewalPlanTests',
);
money(
  'paused-licenses-are-charged',
  rules + 'RenewalPolicy.cs',
  'RenewsPaused && license.Block is',
  'license.Block is',
  'RenewalPolicyTests',
  'RenewalPlanTests',
);
money(
  'closed-accounts-are-charged',
  sql + '35_renewal_rules.sql',
  `when subscriber_active is false then 'account_closed'`,
  `when subscriber_active is null then 'account_closed'`,
  'RenewalRulesTests',
  'RenewalHttpTests',
);
money(
  'closed-masters-are-paid',
  sql + '35_renewal_rules.sql',
  `when master_active is false then 'master_closed'`,
  `when master_active is null then 'master_closed'`,
  'RenewalRulesTests',
  'RenewalHttpTests',
);
money(
  'suspended-licenses-are-charged',
  sql + '35_renewal_rules.sql',
  '        and not suspended_otherwise\n',
  '',
  'RenewalRulesTests',
  'PostgresRenewalStoreTests',
  'RenewalHttpTests',
);
other(
  'refusal-without-a-reason',
  drivers + 'RenewManually.cs',
  'policy.BlockOf(facts.License) is { } block ? Blocked(block)',
  'policy.BlockOf(facts.License) is { } block && block < 0 ? Blocked(block)',
  'RenewalHttpTests',
);

kindOf('the current price');
money(
  'price-is-kept',
  rules + 'RenewalPrice.cs',
  'isFrozen && storedUsd is { } frozen',
  'storedUsd is { } frozen',
  'PaymentSourceTests',
  'RenewalPlanTests',
);
money(
  'price-of-an-intent-changes',
  rules + 'RenewalPrice.cs',
  'isFrozen && storedUsd is { } frozen',
  '!isFrozen && isFrozen && storedUsd is { } frozen',
  'PaymentSourceTests',
  'RenewalPlanTests',
);
money(
  'frozen-only-while-sending',
  rules + 'Renewal.cs',
  'IsPriceFrozen => IntentId is not null || IsChargeOpen',
  'IsPriceFrozen => IsChargeOpen',
  'RenewalPlanTests',
  'RenewalRulesTests',
);
money(
  'consent-is-never-asked',
  rules + 'RenewalPolicy.cs',
  'amountUsd > last * (1 + PriceRiseShare)',
  'amountUsd > last * (100 + PriceRiseShare)',
  'RenewalPolicyTests',
  'RenewalPlanTests',
);
money(
  'consent-to-any-price',
  rules + 'RenewalPrice.cs',
  'isAccepted && amount <= storedUsd',
  'isAccepted',
  'PaymentSourceTests',
  'RenewalPlanTests',
);
money(
  'consent-outlives-the-price',
  rules + 'RenewalPlan.cs',
  'facts.Renewal.PriceAccepted && amount <= facts.Renewal.AmountUsd',
  'facts.Renewal.PriceAccepted',
  'RenewalPlanTests',
);
money(
  'consent-to-another-amount',
  rules + 'RenewalRequests.cs',
  'renewal.Status is AwaitingConsent && amountUsd == renewal.AmountUsd',
  'renewal.Status is AwaitingConsent && amountUsd > 0',
  'RenewalPlanTests',
  'RenewalHttpTests',
  'TrustedCasesTests',
);
money(
  'first-renewal-without-consent',
  sql + '44_renewal_terms.sql',
  'price_at_subscribing(s.master_id, s.created_at)) as',
  'null) as',
  'PostgresRenewalStoreTests',
  'PreviewRenewalsTests',
  'RenewalHttpTests',
);
money(
  'retired-prices-are-charged',
  sql + '36_payment_sources.sql',
  'where p.is_active and p',
  'where p',
  'RenewalRulesTests',
  'PreviewRenewalsTests',
  'PostgresRenewalStoreTests',
);

kindOf('refunds and disputes shorten the period');
money(
  'refund-keeps-the-time',
  rules + 'Reversals.cs',
  'if (share > before.Share) change = Take(',
  'if (share > before.Share + 9) change = Take(',
  'ReversalsTests',
);
money(
  'refund-after-a-moved-expiry',
  rules + 'Reversals.cs',
  'expiry || expiry <= earliest) return ended;',
  'expiry || expiry != until) return ended;',
  'ReversalsTests',
);
money(
  'refunds-in-euros-are-booked',
  drivers + 'ReversalTransaction.cs',
  `where p.renewal_id = @renewalId and p.currency = 'usd' and`,
  'where p.renewal_id = @renewalId and',
  'PaymentEventsTests',
  'PostgresRenewalStoreTests',
);
money(
  'refund-booked-again',
  rules + 'Reversals.cs',
  'RefundedMinor = refunded - before.RefundedMinor,',
  'RefundedMinor = refunded,',
  'ReversalsTests',
);
money(
  'same-money-goes-back-twice',
  rules + 'Reversals.cs',
  'var total = Math.Min(facts.Renewal.ChargedMinor, refunded + ChargedBack(facts));',
  'var total = refunded + Lost(facts);',
  'ReversalsTests',
);
money(
  'chargeback-booked-again',
  rules + 'Reversals.cs',
  'ChargedBackMinor = lost - before.ChargedBackMinor,',
  'ChargedBackMinor = lost,',
  'ReversalsTests',
);

money(
  'any-dispute-explains-what-was-taken-back',
  rules + 'Reversals.cs',
  '!(moved.ChangedAt < dispute.OpenedAt)',
  '!(moved.ChangedAt < moved.OpenedAt)',
  'ReversalsTests',
);

kindOf('one open charge');
money(
  'unknown-is-not-open',
  rules + 'RenewalStatus.cs',
  'status.IsChargeUnknown() || status is RenewalStatus.Charging',
  'status is RenewalStatus.Charging',
  'RenewalSettlementTests',
  'RenewalRulesTests',
);
money(
  'unknown-is-not-open-in-sql',
  sql + '35_renewal_rules.sql',
  `select is_charge_unknown(status) or status in ('charging', 'succeeded')`,
  `select status in ('charging', 'succeeded')`,
  'RenewalRulesTests',
);
money(
  'renew-now-restarts-an-open-charge',
  rules + 'RenewalRequests.cs',
  '{ IsChargeOpen: true } => new RenewalChange(renewal with { NextActionAt = now }),',
  '',
  'RenewalPlanTests',
  'RenewalHttpTests',
);
money(
  'a-charge-beside-another',
  rules + 'RenewalPlan.cs',
  'if (facts.IsAnotherAwaited) return WaitForAnotherCharge(renewal with { MayBePaid = facts.HasOtherCharge }, now);',
  '',
  'RenewalPlanTests',
);
money(
  'two-open-charges-allowed',
  drivers + 'RenewalStore.cs',
  'return RenewalSave.ChargeOpen;',
  'return RenewalSave.Saved;',
  'PostgresRenewalStoreTests',
);
other(
  'manual-row-beside-an-open-charge',
  drivers + 'RenewalStore.cs',
  'where l.expires_at <= @until and not exists (select from open_charge)',
  'where l.expires_at <= @until',
  'PostgresRenewalStoreTests',
  'RenewalHttpTests',
  'PaymentEventsTests',
);
money(
  'moved-expiry-is-charged',
  rules + 'RenewalPlan.cs',
  'if (facts.License.ExpiresAt != renewal.PeriodStart) return CancelIntentFirst(',
  'if (facts.License.ExpiresAt is null) return CancelIntentFirst(',
  'RenewalPlanTests',
);
money(
  'granted-time-is-overwritten',
  drivers + 'RenewalTransaction.cs',
  ' and t.expires_at is not distinct from p.expiry',
  '',
  'PostgresRenewalStoreTests',
);
other(
  'paid-start-is-renewed-for-ever',
  drivers + 'RenewalStore.cs',
  `then r.period_start = l.expires_at and r.status <> 'applied'`,
  'then r.period_start = l.expires_at',
  'PostgresRenewalStoreTests',
  'RenewalHttpTests',
);

kindOf('permanent refusals are not outages');
other(
  'deleted-customer-is-an-outage',
  stripe + 'StripeRefusals.cs',
  '{ StripeError: { Code: "resource_missing", Param: "customer" } } => CustomerMissing,',
  '',
  'SavedCardsTests',
);
other(
  'unusable-card-is-an-outage',
  stripe + 'StripeOutcomes.cs',
  'Param: "payment_method" or "customer" } when IsClientError(refused)',
  'Param: "payment_method" or "customer" } when refused is null',
  'StripeGatewayTests',
);
other(
  'missing-intent-is-an-outage',
  stripe + 'StripeOutcomes.cs',
  '{ Code: "resource_missing", Param: "intent" } => new ChargeOutcome.Missing(),',
  '',
  'StripeGatewayTests',
);
money(
  'outage-is-a-refusal',
  stripe + 'StripeOutcomes.cs',
  '_ => new ChargeOutcome.Unknown(Reason(refused), RetryAfter(refused)),',
  '_ => Unusable,',
  'StripeGatewayTests',
);
money(
  'confirmation-without-a-key',
  stripe + 'StripeGateway.cs',
  'OffSession = true },\n            new RequestOptions { IdempotencyKey = idempotencyKey }',
  'OffSession = true },\n            new RequestOptions { IdempotencyKey = idempotencyKey[..1] + Guid.NewGuid() }',
  'StripeGatewayTests',
  'RenewalHttpTests',
);
money(
  'keys-outlive-stripes',
  stripe + 'StripeGateway.cs',
  'IdempotencyKeyLifetime => TimeSpan.FromHours(23)',
  'IdempotencyKeyLifetime => TimeSpan.FromHours(25)',
  'StripeGatewayTests',
  'RenewalHttpTests',
);

kindOf("events that can't be read");
other(
  'unreadable-money-event-ignored',
  drivers + 'ApplyPaymentEvent.cs',
  'PaymentFact.Unreadable { Subject: var subject } => store',
  'PaymentFact.Unreadable { Subject: "" and var subject } => store',
  'PaymentEventsTests',
  'StripeWebhooksTests',
);
other(
  'every-field-is-read',
  stripe + 'StripeWebhooks.cs',
  '"succeeded" && subject.Whole("amount_received") is null',
  '"succeeded" && subject.Whole("amount_received") is 0',
  'StripeWebhooksTests',
  'PaymentEventsTests',
);
other(
  'unsigned-events-accepted',
  stripe + 'StripeWebhooks.cs',
  '        IsSigned(body, signature)\n',
  '        IsSigned(body, signature) || body.Length > 0\n',
  'StripeWebhooksTests',
  'RenewalHttpTests',
);

kindOf('disputes');
money(
  'charged-while-disputed',
  rules + 'RenewalPlan.cs',
  'IsHeldByDispute(RenewalFacts facts) => facts.License.IsDisputed',
  'IsHeldByDispute(RenewalFacts facts) => facts.License is { IsDisputed: true, IsGone: true }',
  'RenewalPlanTests',
);
money(
  'open-disputes-not-seen',
  sql + '44_renewal_terms.sql',
  `d.kind = 'dispute' and d.state = 'open'`,
  `d.kind = 'dispute' and d.state = 'lost'`,
  'PostgresRenewalStoreTests',
  'PaymentStoryTests',
  'RenewalHttpTests',
);
money(
  'disputer-is-charged-again',
  rules + 'Reversals.cs',
  'var mustStop = Lost(facts) > 0',
  'var mustStop = lost > 1_000_000',
  'ReversalsTests',
);
other(
  'held-renewal-lapses-for-good',
  rules + 'RenewalPlan.cs',
  'is not null || IsHeldByDisputeOnly(facts, policy))',
  'is not null)',
  'RenewalPlanTests',
);
money(
  'lost-disputes-cost-nothing',
  stripe + 'StripeReversals.cs',
  '(_, "lost") => ReversalState.Lost,',
  '(_, "lost_") => ReversalState.Lost,',
  'StripeWebhooksTests',
  'PaymentStoryTests',
  'PaymentEventsTests',
);

kindOf('amounts');
money(
  'part-of-a-dispute-takes-all',
  rules + 'Reversals.cs',
  ': Lost(facts) + chosen[RefundPeriod.Shorten].Sum();',
  ': Lost(facts) > 0 ? charged : 0;',
  'ReversalsTests',
);
money(
  'part-of-a-dispute-takes-nothing',
  rules + 'Reversals.cs',
  ': Lost(facts) + chosen[RefundPeriod.Shorten].Sum();',
  ': chosen[RefundPeriod.Shorten].Sum();',
  'ReversalsTests',
);
money('part-of-a-refund-takes-all', rules + 'Reversals.cs', 'gone >= charged ? charged', 'gone > 0 ? charged', 'ReversalsTests');
money(
  'won-disputes-give-nothing-back',
  rules + 'Reversals.cs',
  'if (share < before.Share) change = GiveBack(',
  'if (share < before.Share - 9) change = GiveBack(',
  'ReversalsTests',
);
money(
  'failed-refunds-count',
  rules + 'Reversals.cs',
  'OfKind(facts, ReversalKind.Refund).Where(one => one.State is not ReversalState.Failed)',
  'OfKind(facts, ReversalKind.Refund).Where(one => one.AmountMinor > 0)',
  'ReversalsTests',
);
money(
  'older-reports-win',
  rules + 'PaymentReversal.cs',
  '(other.ChangedAt, other.State, other.AmountMinor)) > 0',
  '(other.ChangedAt, other.State, other.AmountMinor)) < 0',
  'ReversalsTests',
  'PaymentEventsTests',
  'PostgresRenewalStoreTests',
);
money(
  'asked-amount-is-booked',
  rules + 'RenewalSettlement.cs',
  'paidMinor ?? attempt.Request.AmountMinor',
  'attempt.Request.AmountMinor',
  'RenewalSettlementTests',
);
money(
  'other-currency-is-booked',
  rules + 'RenewalSettlement.cs',
  'when currency != asked.Currency =>',
  'when currency.Length > 3 =>',
  'RenewalSettlementTests',
);
money(
  'charge-pays-two-renewals',
  drivers + 'RenewalTransaction.cs',
  'throw new SaveRefusedException(RenewalSave.ChargeInUse);',
  'return;',
  'PostgresRenewalStoreTests',
  'PaymentEventsTests',
);
money(
  'decided-though-not-unknown',
  rules + 'RenewalRequests.cs',
  '|| !facts.Renewal.Status.IsChargeUnknown())',
  '|| facts.Renewal.RenewalId == Guid.Empty)',
  'RenewalSettlementTests',
  'RenewalPlanTests',
  'TrustedCasesTests',
  'RenewalHttpTests',
);
money(
  'credited-charge-is-booked',
  drivers + 'RenewalTransaction.cs',
  'in bookings.Where(booking => booking.Payment.With is PaidWith.Card))',
  'in bookings.Where(booking => booking.Payment.With is PaidWith.Nothing))',
  'PaymentEventsTests',
  'PaymentStoryTests',
  'TrustedCasesTests',
);

money(
  'refunded-charge-is-credited',
  drivers + 'DecidePaymentCase.cs',
  "(where p.kind = 'refund' and p.state <> 'failed') > 0",
  "(where p.kind = 'refund' and p.state <> 'failed') > 1e12",
  'PaymentEventsTests',
  'PaymentStoryTests',
);
money(
  'credited-charge-is-refunded-silently',
  drivers + 'ReversalTransaction.cs',
  'if (reversal is { AmountMinor: > 0, State: not (ReversalState.Failed or ReversalState.Won) })',
  'if (reversal is { AmountMinor: < 0, State: not (ReversalState.Failed or ReversalState.Won) })',
  'PaymentEventsTests',
);
money(
  'old-disputes-charge-again',
  drivers + 'ReversalTransaction.cs',
  'and r.period_start > @now::timestamptz - @grace::interval - @catchUp::interval',
  'and @catchUp::interval is not null',
  'PostgresRenewalStoreTests',
);

kindOf('notice before a charge');
money(
  'no-notice-of-a-card-charge',
  rules + 'RenewalPlan.cs',
  'RenewalWarnings.AtCharge(charging, card, policy, now)',
  'null',
  'RenewalPlanTests',
);
money(
  'lapsed-before-is-charged',
  rules + 'RenewalPolicy.cs',
  'Later(now - CatchUp, lastOpened ?? now) - Grace',
  'now - CatchUp - Grace',
  'RenewalPolicyTests',
  'PostgresRenewalStoreTests',
);
other(
  'notice-comes-late',
  rules + 'RenewalWarnings.cs',
  'policy.OpensAt(expiresAt) - NoticeBefore',
  'policy.OpensAt(expiresAt)',
  'RenewalForecastTests',
  'RenewalPlanTests',
  'PreviewRenewalsTests',
  'WarnExpiringTests',
);

kindOf('a suspension that covers the end of the grace');
other(
  'reinstatement-revives-nothing',
  drivers + 'RenewalStore.cs',
  `where renewals.status = 'canceled' or (renewals.status = 'lapsed' and renewals.lapsed_blocked)`,
  `where renewals.status = 'canceled'`,
  'PostgresRenewalStoreTests',
);
other(
  'suspension-is-forgotten',
  sql + '35_renewal_rules.sql',
  's.suspended_at < $2 + grace and s.closed_at >= $2 + grace',
  's.suspended_at < $2 + grace and s.closed_at < $2',
  'PostgresRenewalStoreTests',
);
other(
  'lapse-after-a-moved-expiry-suspends',
  drivers + 'RenewalTransaction.cs',
  ' and c.expires_at = @periodStart',
  '',
  'PostgresRenewalStoreTests',
);
other(
  'an-outage-ends-licenses',
  rules + 'RenewalPlan.cs',
  'var isOver = now >= renewal.GivesUpAt && renewal.NextActionAt >= renewal.GivesUpAt;',
  'var isOver = now >= renewal.GivesUpAt;',
  'RenewalPlanTests',
);

kindOf('mails');
other(
  'days-of-the-stage',
  rules + 'RenewalWarnings.cs',
  '(expiresAt.UtcDateTime.Date - now.UtcDateTime.Date).Days',
  '(expiresAt - now).Days + 1',
  'RenewalForecastTests',
);
other(
  'expired-and-renewed-at-once',
  rules + 'RenewalWarnings.cs',
  '(obstacle is not null || status is not (null or RenewalStatus.Due))',
  'true',
  'RenewalForecastTests',
);

kindOf('two providers');
money(
  'next-method-without-a-decline',
  rules + 'RenewalFacts.cs',
  'NextCard is not null && (IsCardDeclined || IsDeclined(Renewal.Attempt))',
  'NextCard is not null',
  'NextCardTests',
);
money(
  'next-method-again-and-again',
  rules + 'RenewalPlan.cs',
  'if (facts.IsNextCardCharged\n',
  'if (facts.IsNextCardCharged && false\n',
  'NextCardTests',
);
money(
  'order-of-another-provider-is-kept',
  rules + 'RenewalPlan.cs',
  '(last.Provider != card.Provider || last.Request.CustomerId',
  '(last.Request.CustomerId',
  'NextCardTests',
);
money(
  'lost-capture-is-declined',
  payPal + 'PayPalGateway.cs',
  '{ Status: HttpStatusCode.UnprocessableEntity, Issue: { } issue } => PayPalDeclines',
  '{ Issue: { } issue } => PayPalDeclines',
  'PayPalGatewayTests',
);
money(
  'certificates-of-anybody',
  payPal + 'PayPalCertificates.cs',
  'url.Host.Equals(host, StringComparison.OrdinalIgnoreCase)',
  'url.Host.EndsWith("paypal.com", StringComparison.OrdinalIgnoreCase)',
  'PayPalWebhooksTests',
);
money(
  'signed-bodies-are-believed',
  payPal + 'PayPalWebhooks.cs',
  'Map(listed.Value, clock.GetUtcNow(), settings) is',
  'Map(Parse(body), clock.GetUtcNow(), settings) is',
  'PayPalWebhooksTests',
);
money(
  'success-of-the-other-provider-is-a-case',
  rules + 'RenewalSettlement.cs',
  'if (renewal.Status is Applied or Succeeded || renewal is { IsChargeOpen: true, IntentId: not null })',
  'if (renewal.Attempt is not null || renewal.Status is Applied)',
  'SettleEventTests',
);
money(
  'charged-while-another-paid',
  sql + '45_renewal_facts.sql',
  "c.reason in ('paid_twice', 'paid_before') and c.decided_at is null",
  "c.reason in ('paid_twice', 'paid_before') and c.decided_at is not null",
  'PayPalStoryTests',
);
money(
  'charged-while-events-are-unread',
  rules + 'RenewalPlan.cs',
  'if (policy.AwaitsEvents(facts, card.Provider)) return WaitForAnotherCharge(renewal with { MayBePaid = true }, now);',
  '',
  'RenewalPlanTests',
);
money(
  'left-intents-stay-open',
  rules + 'RenewalSettlement.cs',
  'reported.Outcome is ChargeOutcome.Succeeded && renewal.HasIntentLeft &&',
  'reported.Outcome is ChargeOutcome.Canceled && renewal.HasIntentLeft &&',
  'SettleEventTests',
);
money(
  'notes-of-payers-are-believed',
  payPal + 'PayPalObjects.cs',
  'IsSigned = more is [var signature] &&',
  'IsSigned = more is not [var signature] ||',
  'PayPalStoryTests',
);
money(
  'attempts-have-guessable-names',
  payPal + 'PayPalObjects.cs',
  'request.IsNameSigned ?',
  'request.IsNameSigned && request.Attempt < 0 ?',
  'PayPalGatewayTests',
);
money(
  'success-that-is-not-booked-holds-nothing',
  sql + '45_renewal_facts.sql',
  "where c.reason in ('unknown_renewal', 'not_booked') and",
  "where c.reason in ('unknown_renewal', 'not_applied') and",
  'FetchPaymentEventsTests',
);
money(
  'overdue-events-of-the-charging-provider',
  rules + 'RenewalPolicy.cs',
  '(unread == provider || !facts.OverdueProviders.Contains(unread))',
  '!facts.OverdueProviders.Contains(unread)',
  'RenewalPlanTests',
);
money(
  'charges-never-wait-for-the-other-provider',
  rules + 'RenewalPolicy.cs',
  '(unread == provider || !facts.OverdueProviders.Contains(unread))',
  '(unread == provider)',
  'RenewalPlanTests',
);
other(
  'a-list-out-of-reach-stops-everybody',
  rules + 'RenewalPolicy.cs',
  '(unread == provider || !facts.OverdueProviders.Contains(unread))',
  '(unread == provider || unread.Length > 0)',
  'RenewalPlanTests',
);
money(
  'charges-before-the-first-request',
  sql + '45_renewal_facts.sql',
  'when r.provider is null then exists (',
  'when r.provider is null then 1 = 0 and exists (',
  'FetchPaymentEventsTests',
);
money(
  'success-that-is-not-booked-has-no-case',
  'src/LicenseFunctions/PaymentMethods/FetchPaymentEvents.cs',
  '        received.Fact is PaymentFact.IntentChanged\n',
  '        received.CreatedAt == default && received.Fact is PaymentFact.IntentChanged\n',
  'FetchPaymentEventsTests',
);
money(
  'success-that-is-not-booked-names-no-license',
  'src/LicenseFunctions/PaymentMethods/FetchPaymentEvents.cs',
  'intentId, renewalId, changed.SubscriptionId,',
  'intentId, renewalId, null,',
  'FetchPaymentEventsTests',
);
money(
  'refunded-success-holds-its-license',
  drivers + 'RenewalTransaction.cs',
  'if (!await PaymentCaseStore.IsRefundedAsync(connection, provider, concern, cancellationToken))',
  'if (provider.Length > 0)',
  'FetchPaymentEventsTests',
);
money(
  'refunded-period-is-charged-again',
  rules + 'RenewalSettlement.cs',
  'renewal with { IsRefunded = true, MayBePaid = false, NextActionAt = now }',
  'renewal with { IsRefunded = false, MayBePaid = false, NextActionAt = now }',
  'RenewalPlanTests',
);
money(
  'dismissed-while-its-webhook-is-repeated',
  drivers + 'DecidePaymentCase.cs',
  'opened_at > now() - @webhooksRepeat',
  'opened_at > now() + @webhooksRepeat',
  'FetchPaymentEventsTests',
);
money(
  'paid-before-is-never-charged',
  rules + 'RenewalSettlement.cs',
  'WaitForAPerson(renewal with { IntentId = answer.IntentId }, PaidBefore(renewal, attempt), now)',
  'NeverCharged(renewal, attempt)',
  'SettleEventTests',
);

kindOf('invoices');
other(
  'time-of-issue-before-the-lock',
  'src/LicenseFunctions/Invoices/InvoiceStore.cs',
  'select greatest(clock_timestamp(), (',
  'select greatest(now(), (',
  'IssueInvoicesTests',
);
other(
  'time-of-issue-goes-back',
  'src/LicenseFunctions/Invoices/InvoiceStore.cs',
  'order by year desc, sequence desc limit 1))',
  'order by year desc, sequence desc limit 0))',
  'IssueInvoicesTests',
);
other(
  'entries-are-invoiced-again',
  'src/LicenseFunctions/Invoices/InvoiceStore.cs',
  'and not exists (select from invoiced_entries e where e.ledger_id = l.ledger_id);',
  ';',
  'InvoiceHistoriesTests',
);

other(
  'invoices-before-lost-payments',
  'src/LicenseFunctions/Invoices/IssueInvoices.cs',
  'if (await store.AwaitsEventsAsync(',
  'if (settings.Issuer is null && await store.AwaitsEventsAsync(',
  'IssueInvoicesTests',
);
other(
  'erased-addresses-are-invoiced',
  'src/Licensing/Invoices/InvoicePlan.cs',
  'renewal.IsErased ? buyer.WithoutMailAddress() : buyer',
  'buyer',
  'InvoicePlanTests',
);

kindOf('small amounts');
money(
  'small-amounts-to-cards',
  rules + 'PaymentSource.cs',
  'when totalUsd < policy.MinimumChargesUsd',
  'when totalUsd < 0 && totalUsd < policy.MinimumChargesUsd',
  'PaymentSourceTests',
);

kindOf('the wallet');
money(
  'reserved-balance-is-spent',
  sql + '36_payment_sources.sql',
  'coalesce(amount_of(balance_usd - reserved_usd), 0)',
  'coalesce(amount_of(balance_usd), 0)',
  'WalletTests',
  'PostgresRenewalStoreTests',
);
money(
  'short-wallet-pays',
  drivers + 'RenewalTransaction.cs',
  'if (payment.With is PaidWith.Wallet && balance < payment.AmountUsd + payment.DebtsUsd)',
  'if (payment.With is PaidWith.Nothing && balance < payment.AmountUsd + payment.DebtsUsd)',
  'PostgresRenewalStoreTests',
  'WalletTests',
);
