import { lazy, Suspense, useEffect, useState } from 'react';
import { Switch } from 'react-aria-components';
import { Link } from 'react-router';
import { call, useAction, useLoad } from '../api';
import { format } from '../format';
import { useSession } from '../session';
import { texts } from '../texts';
import { Badge, Button, Confirm, Facts, ProblemBox, notify, Show, Skeleton, Table } from '../ui/kit';
import type { TabProps } from './License';

// For operators only, so that customers don't load it.
const Payments = lazy(() => import('../operator/Refunds').then(({ Payments }) => ({ default: Payments })));

type Row = {
  history_id: string;
  attempted_at: string;
  renewal_type: string;
  amount_usd: number | null;
  new_expiry: string | null;
  payment_provider: string | null;
  status: string;
  failure_reason: string | null;
  paid_with: string | null;
  paid_until: string | null;
  refunded_usd: number;
  charged_back_usd: number;
  is_disputed: boolean;
};
type List = {
  auto_renew: boolean;
  expires_at: string | null;
  can_renew: boolean;
  renewable_from: string | null;
  is_early: boolean;
  next_renewal_at: string | null;
  renews_until: string | null;
  amount_usd: number | null;
  last_paid_usd: number | null;
  wallet_usd: number | null;
  debt_usd: number;
  pays_with: string | null;
  obstacle: string | null;
  status: string | null;
  next_attempt_at: string | null;
  grace_until: string | null;
  charge_open: boolean;
  needs_authentication: boolean;
  renewals: Row[];
};
type Reply = { status: string; detail: string; expires_at: string };

export default function Renewals({ id, reload }: TabProps) {
  const [watching, setWatching] = useState(false);
  const list = useLoad<List>(`/api/v1/licenses/${id}/renewals`, watching ? 4 : 60);
  const operator = useSession()?.role === 'operator';
  const [asking, setAsking] = useState(false);
  // One key per request of the customer, so that a second click or a lost response starts no second payment.
  const [key, setKey] = useState('');
  const [outcome, setOutcome] = useState<Reply>();
  const renew = useAction();
  const auto = useAction();
  const asked = outcome?.status === 'pending';
  // Started in another tab, before a reload, or by the timer.
  const underWay = !outcome && list.data?.charge_open === true;
  const pending = asked || underWay;
  if (watching !== underWay) setWatching(underWay);

  useEffect(() => {
    if (!asked) return;
    const timer = setInterval(() => {
      // With the same key this only reads the state. Without it, a declined payment would be attempted again.
      void ask().catch(() => {});
    }, 4000);
    return () => clearInterval(timer);
  });

  async function ask(acceptAmountUsd?: number) {
    const body = acceptAmountUsd === undefined ? undefined : { accept_amount_usd: acceptAmountUsd };
    setOutcome(await call<Reply>('POST', `/api/v1/licenses/${id}/renew`, body, [402, 409], undefined, { 'Idempotency-Key': key }));
    list.reload();
    reload();
  }

  // Only the customer can agree to an increased price.
  const isAsked = (reply: List) => reply.obstacle === 'price_consent';
  const agrees = (reply: List) => !operator && isAsked(reply);
  const waitsForConsent = (reply: List) => operator && isAsked(reply) && reply.status === 'awaiting_consent';
  const changed = () => {
    list.reload();
    reload();
  };

  const switchAuto = (enabled: boolean) =>
    auto.run(async () => {
      await call('PUT', `/api/v1/licenses/${id}/auto-renew`, { enabled });
      list.reload();
      reload();
      notify(enabled ? texts.renewals.autoOn : texts.renewals.autoOff);
    });

  return (
    <Show of={list}>
      {(reply) => (
        <>
          <div className="stack">
            <section className="card">
              <h2>{texts.renewals.next}</h2>
              <Facts
                rows={[
                  [
                    texts.renewals.expires,
                    <>
                      {format.day(reply.expires_at)}
                      {isInGrace(reply) && <div className="small">{texts.renewals.grace(format.moment(reply.grace_until))}</div>}
                    </>,
                  ],
                  [
                    texts.renewals.next,
                    <>
                      {!reply.next_renewal_at
                        ? reply.auto_renew
                          ? texts.renewals.notScheduled
                          : texts.renewals.off
                        : reply.is_early
                          ? texts.renewals.nextOn(format.day(reply.next_renewal_at))
                          : texts.renewals.dueSince(format.day(reply.next_renewal_at))}
                      {!reply.is_early && reply.status && <div className="small">{nextStep(reply)}</div>}
                    </>,
                  ],
                  [
                    texts.renewals.amount,
                    reply.debt_usd > 0
                      ? texts.renewals.withDebt(format.money(reply.amount_usd), format.money(reply.debt_usd))
                      : format.money(reply.amount_usd),
                  ],
                  [
                    texts.renewals.paysWith,
                    reply.pays_with
                      ? (texts.renewals.with[reply.pays_with] ?? reply.pays_with)
                      : reply.amount_usd === null
                        ? texts.none
                        : texts.renewals.cannotPay,
                  ],
                  [
                    texts.renewals.wallet,
                    <>
                      {format.money(reply.wallet_usd)}
                      {!operator && <div className="small">{texts.renewals.walletHelp}</div>}
                    </>,
                  ],
                ]}
              />
              {reply.obstacle && reply.obstacle !== 'auto_renew_off' && (
                <p className="notice fair">
                  {held.includes(reply.obstacle) ? texts.renewals.notAutomatic : texts.renewals.obstacle}:{' '}
                  {format.reason(reply.obstacle, !operator)}
                </p>
              )}
              {reply.amount_usd === null && reply.expires_at && reply.obstacle !== 'no_active_price' && (
                <p className="notice fair">{texts.renewals.noPrice}</p>
              )}
              {auto.problem && <ProblemBox problem={auto.problem} />}
              <Switch className="switch" isSelected={reply.auto_renew} isDisabled={auto.busy} onChange={(on) => void switchAuto(on)}>
                <span className="track" aria-hidden="true" />
                {texts.renewals.auto}
              </Switch>
              <div className="actions">
                <Button
                  look="main"
                  isDisabled={pending || !reply.can_renew || waitsForConsent(reply)}
                  onPress={() => {
                    setKey(crypto.randomUUID());
                    setAsking(true);
                  }}
                >
                  {texts.renewals.now}
                </Button>
                {!operator && (
                  <Link className="button" to="/payment-methods" reloadDocument>
                    {texts.renewals.cards}
                  </Link>
                )}
              </div>
              {waitsForConsent(reply) && <p className="small">{texts.renewals.waitsForConsent}</p>}
              {reply.is_early && (
                <p className="small">
                  {(operator ? texts.renewals.customerNowFrom : texts.renewals.nowFrom)(format.day(reply.renewable_from))}
                </p>
              )}
              {reply.needs_authentication && !operator && (
                <div className="notice fair">
                  <strong>{texts.confirm.title}</strong>
                  <p>{texts.confirm.text}</p>
                  <Link className="button main" to={`/payment-methods/confirm/${id}`} reloadDocument>
                    {texts.confirm.go}
                  </Link>
                </div>
              )}
              {underWay && (
                <div className="notice fair" role="status">
                  <strong>{texts.renewals.outcome.pending}</strong>
                  <p>{operator ? texts.renewals.customerChecking : texts.renewals.checking}</p>
                </div>
              )}
              {outcome && !(reply.needs_authentication && outcome.status === 'authentication_needed') && (
                <div className={`notice ${outcome.status === 'renewed' ? 'good' : asked ? 'fair' : 'poor'}`} role="status">
                  <strong>{texts.renewals.outcome[outcome.status] ?? outcome.status}</strong>
                  <p>{!asked ? outcome.detail : operator ? texts.renewals.customerChecking : texts.renewals.checking}</p>
                  {outcome.status === 'renewed' && <p>{texts.renewals.until(format.day(outcome.expires_at))}</p>}
                </div>
              )}
            </section>
            <section>
              <h2>{texts.renewals.history}</h2>
              {reply.renewals.length === 0 ? (
                <p>{texts.renewals.noHistory}</p>
              ) : (
                <Table
                  label={texts.renewals.history}
                  rows={reply.renewals}
                  id={(row) => row.history_id}
                  columns={[
                    { head: texts.renewals.when, cell: (row) => format.day(row.attempted_at) },
                    { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
                    {
                      head: texts.renewals.kind,
                      cell: (row) => (row.renewal_type === 'auto' ? texts.renewals.auto_ : texts.renewals.manual),
                    },
                    {
                      head: texts.renewals.result,
                      cell: (row) => (
                        <>
                          <Outcome of={row} />
                          {row.failure_reason && <div className="small">{format.reasonAlone(row.failure_reason, !operator)}</div>}
                        </>
                      ),
                    },
                    { head: texts.renewals.newExpiry, cell: (row) => format.day(row.paid_until ?? row.new_expiry) },
                  ]}
                />
              )}
            </section>
          </div>
          {operator && (
            <Suspense fallback={<Skeleton rows={2} />}>
              <Payments license={id} reload={changed} />
            </Suspense>
          )}
          <Confirm
            open={asking}
            title={texts.renewals.nowTitle}
            text={question(reply, operator)}
            go={texts.renewals.now}
            busy={renew.busy}
            problem={renew.problem}
            onClose={() => {
              setAsking(false);
              renew.clear();
            }}
            onGo={() =>
              void renew
                .run(() => ask(agrees(reply) ? (reply.amount_usd ?? undefined) : undefined))
                .then((done) => done && setAsking(false))
            }
          />
        </>
      )}
    </Show>
  );
}

/** Obstacles that are not about the payment: a manual renewal may succeed. */
const held = [
  'account_closed',
  'master_closed',
  'subscription_inactive',
  'license_suspended',
  'paused_toxic',
  'locked_no_funds',
  'paid_before',
  'payment_disputed',
];

const isInGrace = (reply: List) =>
  !reply.charge_open && reply.expires_at && reply.grace_until && reply.expires_at < new Date().toISOString()
    ? Date.parse(reply.grace_until) > Date.now()
    : false;

/** What the renewal waits for, or when it continues. */
function nextStep({ status, next_attempt_at }: List) {
  if (status === 'soft_declined')
    return next_attempt_at ? texts.renewals.nextAttempt(format.moment(next_attempt_at)) : texts.renewals.noAttempt;
  return texts.renewals.waits[status!] ?? null;
}

/** What a renewal's button does: whose money it takes, how much, and for how long. */
function question(reply: List, operator: boolean) {
  const words = texts.renewals;
  const [until, price, old] = [format.day(reply.renews_until), format.money(reply.amount_usd), format.money(reply.last_paid_usd)];
  const total = format.money((reply.amount_usd ?? 0) + reply.debt_usd);
  const means = reply.pays_with && reply.pays_with !== 'nothing' ? ` ${words.paidBy(words.with[reply.pays_with] ?? reply.pays_with)}` : '';
  if (reply.obstacle === 'price_consent') return operator ? words.askText(old, price) : words.agreeText(old, price, total, until) + means;
  if (reply.pays_with === 'deferred') return words.laterText(price, until);
  return (operator ? words.customerNowText : words.nowText)(total, until) + means;
}

/** The outcome of one renewal or attempt, with what happened to the payment since. */
function Outcome({ of: row }: { of: Row }) {
  const words = texts.renewals;
  if (row.status === 'pending' && row.failure_reason === 'price_consent') return <Badge of="pending">{words.waiting}</Badge>;
  if (row.status !== 'success' || row.amount_usd === null) return <Badge of={row.status} />;
  const back = row.refunded_usd + row.charged_back_usd;
  const isAll = back > 0 && back >= row.amount_usd;
  return (
    <>
      {row.paid_with === 'deferred' ? (
        <Badge of="pending">{words.deferred}</Badge>
      ) : isAll ? (
        <Badge of="EXPIRED">{row.charged_back_usd > 0 ? words.reversed : words.refundedAll}</Badge>
      ) : (
        <Badge of="success" />
      )}
      {!isAll && row.refunded_usd > 0 && <div className="small">{words.refundedPart(format.money(row.refunded_usd))}</div>}
      {!isAll && row.charged_back_usd > 0 && <div className="small">{words.reversedPart(format.money(row.charged_back_usd))}</div>}
      {row.is_disputed && <div className="small">{words.disputed}</div>}
    </>
  );
}
