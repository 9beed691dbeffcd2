import { lazy, Suspense, useEffect, useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { useConfig } from '../config';
import { format } from '../format';
import { download } from '../invoices';
import { Link, useSearchParams } from '../router';
import { useIsOperator } from '../session';
import { t, word } from '../language';
import { Badge, Button, Empty, Facts, ProblemBox, notify, Show, Skeleton, Switch, Table } from '../ui/kit';
import type { TabProps } from './License';
import { makeDefault } from './methods';
import { cardHelps, means, RenewDialog } from './RenewDialog';

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
  card_brand: string | null;
  card_last_four: string | null;
  /** Its number. */
  invoice: string | null;
  paid_until: string | null;
  refunded_usd: number;
  charged_back_usd: number;
  is_disputed: boolean;
};
export type RenewalList = {
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
  card_brand: string | null;
  card_last_four: string | null;
  card_has_expired: boolean;
  card_is_rejected: boolean;
  obstacle: string | null;
  status: string | null;
  next_attempt_at: string | null;
  grace_until: string | null;
  charge_open: boolean;
  needs_authentication: boolean;
  renewals: Row[];
};
type Reply = { status: string; code: string | null; detail: string; paid_with: string | null; expires_at: string };

export default function Renewals({ id, license, reload }: TabProps) {
  const [watching, setWatching] = useState(false);
  const list = useLoad<RenewalList>(`/api/v1/licenses/${id}/renewals`, watching ? 4 : 60);
  const operator = useIsOperator();
  const support = useConfig()?.brand.support_email;
  const [asking, setAsking] = useState(false);
  // One key per request of the customer, so that a second click or a lost response starts no second payment.
  const [key, setKey] = useState('');
  const [outcome, setOutcome] = useState<Reply>();
  const renew = useAction();
  const auto = useAction();
  const invoice = useAction();
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
  const isAsked = (reply: RenewalList) => reply.obstacle === 'price_consent';
  const agrees = (reply: RenewalList) => !operator && isAsked(reply);
  const waitsForConsent = (reply: RenewalList) => operator && isAsked(reply) && reply.status === 'awaiting_consent';
  const changed = () => {
    list.reload();
    reload();
  };

  const begin = () => {
    setKey(crypto.randomUUID());
    setAsking(true);
  };
  // Links to a renewal open its dialog, once.
  const [query, setQuery] = useSearchParams();
  const [preferred, setPreferred] = useState<string>();
  const linked = query.has('renew');
  const ready = list.data !== undefined && !pending && list.data.can_renew && !waitsForConsent(list.data);
  useEffect(() => {
    if (!linked || !list.data) return;
    setPreferred(query.get('renew') ?? undefined);
    setQuery({}, { replace: true });
    if (ready) begin();
  }, [linked, ready, list.data, setQuery]);

  const switchAuto = (enabled: boolean) =>
    auto.run(async () => {
      await call('PUT', `/api/v1/licenses/${id}/auto-renew`, { enabled });
      list.reload();
      reload();
      notify(enabled ? t('renewals.autoOn') : t('renewals.autoOff'));
    });

  return (
    <Show of={list}>
      {(reply) => (
        <>
          <div className="stack">
            {reply.expires_at === null ? (
              <section className="card">
                <h2>{t('expiry.never')}</h2>
                <p>{t('renewals.never')}</p>
              </section>
            ) : license.status === 'REVOKED' ? null : (
              <section className="card">
                <h2>{t('renewals.next')}</h2>
                <Facts
                  rows={[
                    [
                      t('renewals.expires'),
                      <>
                        {format.day(reply.expires_at)}
                        {isInGrace(reply) && (
                          <div className="small">{t('renewals.grace', { until: format.moment(reply.grace_until) })}</div>
                        )}
                      </>,
                    ],
                    [
                      t('renewals.starts'),
                      <>
                        {!reply.next_renewal_at || (reply.amount_usd === null && !reply.charge_open)
                          ? reply.auto_renew
                            ? t('renewals.notScheduled')
                            : t('renewals.off')
                          : reply.is_early
                            ? t('renewals.nextOn', { day: format.day(reply.next_renewal_at) })
                            : t('renewals.dueSince', { day: format.day(reply.next_renewal_at) })}
                        {!reply.is_early && reply.status && <div className="small">{nextStep(reply)}</div>}
                      </>,
                    ],
                    [
                      t('renewals.amount'),
                      reply.debt_usd > 0
                        ? t('renewals.withDebt', { price: format.money(reply.amount_usd), debt: format.money(reply.debt_usd) })
                        : format.money(reply.amount_usd),
                    ],
                    [t('renewals.paysWith'), means(reply)],
                    [
                      t('renewals.wallet'),
                      <>
                        {format.money(reply.wallet_usd)}
                        {!operator && (
                          <div className="small">
                            <Link to="/wallet">{t('renewals.walletLink')}</Link>
                          </div>
                        )}
                      </>,
                    ],
                  ]}
                />
                {reply.obstacle && reply.obstacle !== 'auto_renew_off' && reply.obstacle !== 'no_active_price' && (
                  <p className="notice fair">
                    {waitsForBank(reply) && bankAsks.includes(reply.obstacle) ? (
                      t(operator ? 'renewals.customerConfirms' : 'renewals.confirms')
                    ) : (
                      <>
                        {held.includes(reply.obstacle) ? t('renewals.notAutomatic') : t('renewals.obstacle')}:{' '}
                        {format.reason(reply.obstacle, !operator)}
                      </>
                    )}
                  </p>
                )}
                {reply.amount_usd === null && <p className="notice fair">{t('renewals.noPrice')}</p>}
                {auto.problem && <ProblemBox problem={auto.problem} />}
                <Switch isOn={reply.auto_renew} isBusy={auto.busy} onChange={(on) => void switchAuto(on)}>
                  {t('renewals.auto')}
                </Switch>
                <div className="actions">
                  <Button look="main" isDisabled={!ready} onPress={begin}>
                    {t(agrees(reply) ? 'renewals.seePrice' : 'renewals.now')}
                  </Button>
                  {!operator && (
                    <Link className="button" to={cardHelps(reply) ? `/payment-methods?add=${id}` : '/payment-methods'} reloadDocument>
                      {t('renewals.cards')}
                    </Link>
                  )}
                  {!operator && support && (reply.amount_usd === null || blocks.includes(reply.obstacle ?? '')) && (
                    <a className="button" href={`mailto:${support}`}>
                      {t('support.write')}
                    </a>
                  )}
                </div>
                {waitsForConsent(reply) && <p className="small">{t('renewals.waitsForConsent')}</p>}
                {reply.is_early && !blocks.includes(reply.obstacle ?? '') && (
                  <p className="small">
                    {t(operator ? 'renewals.customerNowFrom' : 'renewals.nowFrom', { day: format.day(reply.renewable_from) })}
                  </p>
                )}
                {reply.needs_authentication && !operator && (
                  <div className="notice fair">
                    <strong>{t('confirm.title')}</strong>
                    <p>{t('confirm.text')}</p>
                    <Link className="button main" to={`/payment-methods/confirm/${id}`} reloadDocument>
                      {t('confirm.go')}
                    </Link>
                  </div>
                )}
                {underWay && (
                  <div className="notice fair" role="status">
                    <strong>{t('renewals.outcome.pending')}</strong>
                    <p>{operator ? t('renewals.customerChecking') : t('renewals.checking')}</p>
                  </div>
                )}
                {outcome && !(reply.needs_authentication && outcome.status === 'authentication_needed') && (
                  <div className={`notice ${outcome.status === 'renewed' ? 'good' : asked ? 'fair' : 'poor'}`} role="status">
                    <strong>{word('renewals.outcome', outcome.status) ?? outcome.status}</strong>
                    <p>{!asked ? explain(outcome, operator) : operator ? t('renewals.customerChecking') : t('renewals.checking')}</p>
                    {outcome.status === 'renewed' && <p>{t('renewals.until', { day: format.day(outcome.expires_at) })}</p>}
                  </div>
                )}
              </section>
            )}
            <section>
              <h2>{t('renewals.history')}</h2>
              {invoice.problem && <ProblemBox problem={invoice.problem} />}
              {reply.renewals.length === 0 ? (
                <Empty>{t('renewals.noHistory')}</Empty>
              ) : (
                <Table
                  label={t('renewals.history')}
                  rows={reply.renewals}
                  id={(row) => row.history_id}
                  columns={[
                    {
                      head: t('renewals.when'),
                      cell: (row) => (
                        <>
                          {format.day(row.attempted_at)}
                          <div className="small">{row.renewal_type === 'auto' ? t('renewals.automatic') : t('renewals.manual')}</div>
                        </>
                      ),
                    },
                    { head: t('renewals.amount'), number: true, cell: (row) => format.money(row.amount_usd) },
                    { head: t('renewals.paysWith'), cell: (row) => method(row) },
                    {
                      head: t('renewals.result'),
                      cell: (row) => (
                        <>
                          <Outcome of={row} confirms={row === waitsForBank(reply) ? (operator ? 'customer' : 'owner') : undefined} />
                          {row.failure_reason && row !== waitsForBank(reply) && (
                            <div className="small">{format.reasonAlone(row.failure_reason, !operator)}</div>
                          )}
                        </>
                      ),
                    },
                    { head: t('renewals.newExpiry'), cell: (row) => format.day(row.paid_until ?? row.new_expiry) },
                    // An installation may issue no invoices.
                    ...(reply.renewals.some((row) => row.invoice)
                      ? [{ head: t('renewals.invoice'), cell: (row: Row) => <InvoiceLink number={row.invoice} action={invoice} /> }]
                      : []),
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
          <RenewDialog
            open={asking}
            license={id}
            reply={reply}
            preferred={preferred}
            action={renew}
            onClose={() => {
              setAsking(false);
              renew.clear();
            }}
            onGo={(method) =>
              void renew
                .run(async () => {
                  if (method) await makeDefault(method);
                  await ask(agrees(reply) ? (reply.amount_usd ?? undefined) : undefined);
                })
                .then((done) => done && setAsking(false))
            }
          />
        </>
      )}
    </Show>
  );
}

/** Operators see the backend's sentences. Customers see sentences in their language, by the status and the code. */
function explain(outcome: Reply, operator: boolean) {
  const variant = outcome.status === 'renewed' ? outcome.paid_with : outcome.code;
  const own = word('renewals.outcomeText', `${outcome.status}.${variant}`) ?? word('renewals.outcomeText', outcome.status);
  return operator ? outcome.detail : (own ?? outcome.detail);
}

/** While there is one of these obstacles, a manual renewal is refused, too. */
const blocks = ['account_closed', 'master_closed', 'subscription_inactive', 'license_suspended', 'paused_toxic', 'locked_no_funds'];

/** Obstacles that are not about the payment. */
const held = [...blocks, 'paid_before', 'lapsed', 'payment_disputed'];

const isInGrace = (reply: RenewalList) =>
  !reply.charge_open && reply.expires_at && reply.grace_until && reply.expires_at < new Date().toISOString()
    ? Date.parse(reply.grace_until) > Date.now()
    : false;

/** The statuses of an open charge. Another charge of the license may be open, too. */
const openCharge = ['charging', 'succeeded', 'unknown', 'undecided'];

/** What the renewal waits for, or when it continues. */
function nextStep({ status, next_attempt_at, charge_open }: RenewalList) {
  if (charge_open && !openCharge.includes(status!)) return t('renewals.waits.undecided');
  if (status === 'soft_declined')
    return next_attempt_at ? t('renewals.nextAttempt', { at: format.moment(next_attempt_at) }) : t('renewals.noAttempt');
  return word('renewals.waits', status!) ?? null;
}

/** What paid a renewal, or the card that was declined. */
function method({ paid_with, payment_provider, card_brand, card_last_four }: Row) {
  if (paid_with === 'deferred') return t('none');
  if (paid_with && paid_with !== 'card') return word('renewals.with', paid_with) ?? paid_with;
  return paid_with || payment_provider ? format.card(payment_provider === 'paypal' ? 'paypal' : card_brand, card_last_four) : t('none');
}

function InvoiceLink({ number, action }: { number: string | null; action: ReturnType<typeof useAction> }) {
  if (!number) return t('none');
  return (
    <Button look="quiet" isDisabled={action.busy} onPress={() => void action.run(() => download(number, 'pdf'))}>
      {number}
    </Button>
  );
}

/** The latest attempt if its payment waits for the customer's confirmation at the bank: it has not failed. */
function waitsForBank({ needs_authentication, renewals }: RenewalList) {
  const [latest] = renewals;
  return needs_authentication && latest?.status !== 'success' && bankAsks.includes(latest?.failure_reason ?? '') ? latest : undefined;
}

const bankAsks = ['authentication_required', 'requires_action'];

/**
 * The outcome of one renewal or attempt, with what happened to the payment since.
 * @param confirms Whose confirmation it waits for.
 */
function Outcome({ of: row, confirms }: { of: Row; confirms?: 'owner' | 'customer' }) {
  if (confirms) return <Badge of="pending">{t(confirms === 'owner' ? 'renewals.confirms' : 'renewals.customerConfirms')}</Badge>;
  if (row.status === 'pending' && row.failure_reason === 'price_consent') return <Badge of="pending">{t('renewals.waiting')}</Badge>;
  if (row.status !== 'success' || row.amount_usd === null) return <Badge of={row.status} />;
  const back = row.refunded_usd + row.charged_back_usd;
  const isAll = back > 0 && back >= row.amount_usd;
  return (
    <>
      {row.paid_with === 'deferred' ? (
        <Badge of="pending">{t('renewals.deferred')}</Badge>
      ) : isAll ? (
        <Badge of="EXPIRED">{row.charged_back_usd > 0 ? t('renewals.reversed') : t('renewals.refundedAll')}</Badge>
      ) : (
        <Badge of="success" />
      )}
      {!isAll && row.refunded_usd > 0 && (
        <div className="small">{t('renewals.refundedPart', { amount: format.money(row.refunded_usd) })}</div>
      )}
      {!isAll && row.charged_back_usd > 0 && (
        <div className="small">{t('renewals.reversedPart', { amount: format.money(row.charged_back_usd) })}</div>
      )}
      {row.is_disputed && <div className="small">{t('renewals.disputed')}</div>}
    </>
  );
}
