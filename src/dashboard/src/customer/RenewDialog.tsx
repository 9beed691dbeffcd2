import { useState } from 'react';
import type { useAction } from '../api';
import { format } from '../format';
import { t, word } from '../language';
import { addressOf, Link } from '../router';
import { useIsOperator } from '../session';
import { Confirm, Facts } from '../ui/kit';
import { nameOf, useMethods, type Method } from './methods';
import type { RenewalList } from './Renewals';

/** What would pay, in words: "Visa ••9995", or the wallet with its balance after the payment. */
export function means(reply: RenewalList) {
  const total = (reply.amount_usd ?? 0) + reply.debt_usd;
  if (reply.pays_with === 'wallet' && reply.wallet_usd !== null)
    return t('renewals.walletAfter', { amount: format.money(reply.wallet_usd - total) });
  if (reply.pays_with === 'card' && (reply.card_last_four || reply.card_brand === 'paypal'))
    return format.card(reply.card_brand, reply.card_last_four);
  if (reply.pays_with) return word('renewals.with', reply.pays_with) ?? reply.pays_with;
  return reply.amount_usd === null ? t('none') : t('renewals.cannotPay');
}

/** Whether another card could pay what nothing pays now. */
export const cardHelps = (reply: RenewalList) =>
  reply.card_has_expired ||
  reply.card_is_rejected ||
  (reply.pays_with === null && !['amount_too_small', 'unknown_payment_provider'].includes(reply.obstacle ?? ''));

/** The last payment if a provider declined it, and the same card would be charged again: another card has no obstacle. */
function lastDeclined(reply: RenewalList) {
  const last = reply.renewals.find((row) => row.status === 'success' || row.status === 'failed');
  const same = reply.obstacle !== null && reply.obstacle !== 'lapsed';
  return reply.pays_with === 'card' && same && last?.status === 'failed' && last.payment_provider && last.failure_reason ? last : undefined;
}

/** Shows the amount of a renewal, what pays it, and the new end. Customers agree to an increased price here; operators can't. */
export function RenewDialog({
  open,
  license,
  reply,
  preferred,
  action,
  onGo,
  onClose,
}: {
  open: boolean;
  license: string;
  reply: RenewalList;
  /** A payment method that the customer has just added for this renewal. */
  preferred?: string;
  action: ReturnType<typeof useAction>;
  /** With the payment method that has to become the default one first. */
  onGo: (method?: string) => void;
  onClose: () => void;
}) {
  const operator = useIsOperator();
  const raised = reply.obstacle === 'price_consent';
  const [price, old] = [format.money(reply.amount_usd), format.money(reply.last_paid_usd)];
  const total = format.money((reply.amount_usd ?? 0) + reply.debt_usd);
  const deferred = reply.pays_with === 'deferred';
  const expired = !operator && reply.card_has_expired;
  const needsOther = expired || (!operator && reply.card_is_rejected);
  const isPaidByCard =
    !operator && reply.amount_usd !== null && (reply.pays_with === 'card' || (reply.pays_with === null && cardHelps(reply)));
  const [choice, setChoice] = useState<string>();
  if (!open && choice) setChoice(undefined);
  const methods = useMethods(open && isPaidByCard);
  const saved = methods.data?.payment_methods ?? [];
  const canPay = (method: Method) => method.validity !== 'EXPIRED' && !(method.is_default && needsOther);
  const payable = saved.filter(canPay);
  const chosen = [choice, preferred].map((id) => payable.find((one) => one.payment_method_id === id)).find(Boolean) ?? payable[0];
  // A renewal charges the default one, so another one becomes the default first.
  const other = chosen && !chosen.is_default ? chosen : undefined;
  const pays = other !== undefined || (reply.pays_with !== null && !needsOther);
  // Nothing can be renewed before something can pay.
  const addPath = `/payment-methods?add=${encodeURIComponent(license)}`;
  const payFirst = addressOf(cardHelps(reply) ? addPath : '/wallet');
  const cannotPay = !operator && !pays && reply.amount_usd !== null;
  const declined = expired || other ? undefined : lastDeclined(reply);
  const expires = reply.obstacle === 'card_expires' && !expired && !other;
  const offersChoice = saved.length > 1 || other !== undefined;
  return (
    <Confirm
      open={open && (!isPaidByCard || methods.data !== undefined || methods.problem !== undefined)}
      title={t(raised && !operator ? 'renewals.agreeTitle' : 'renewals.nowTitle')}
      text={raised && operator ? t('renewals.askText', { old, amount: price }) : undefined}
      go={t(
        cannotPay
          ? cardHelps(reply)
            ? needsOther
              ? 'home.do.REPLACE_CARD'
              : 'home.do.ADD_PAYMENT_METHOD'
            : 'home.do.ADD_MONEY'
          : raised && !operator
            ? 'renewals.agree'
            : 'renewals.now',
      )}
      busy={action.busy}
      problem={action.problem}
      onClose={onClose}
      onGo={cannotPay ? () => location.assign(payFirst) : () => onGo(other?.payment_method_id)}
    >
      {!(raised && operator) && (
        <>
          {raised && (
            <p className="notice fair">
              {reply.last_paid_usd === null ? t('renewals.agreeUnknown', { price }) : t('renewals.agreeText', { old, price })}
            </p>
          )}
          {(declined || expires) && (
            <p className="notice fair">
              {declined
                ? t('renewals.lastDeclined', {
                    day: format.day(declined.attempted_at),
                    reason: format.reason(declined.failure_reason!, !operator),
                  })
                : `${t('renewals.obstacle')}: ${format.reason(reply.obstacle!, !operator)}`}
            </p>
          )}
          <Facts
            rows={[
              [
                t('renewals.amount'),
                <>
                  <span className="total">{total}</span>
                  {reply.debt_usd > 0 && (
                    <div className="small">{t('renewals.withDebt', { price, debt: format.money(reply.debt_usd) })}</div>
                  )}
                </>,
              ],
              ...(offersChoice ? [] : [[t('renewals.paysWith'), means(reply)] as [string, string]]),
              [
                t('renewals.newEnd'),
                <>
                  {format.day(reply.renews_until)}
                  <div className="small">{t('renewals.oldEnd', { day: format.day(reply.expires_at) })}</div>
                </>,
              ],
            ]}
          />
          {offersChoice && (
            <fieldset className="radios">
              <legend>{t('renewals.paysWith')}</legend>
              {saved.map((one) => (
                <label key={one.payment_method_id} className="check">
                  <input
                    type="radio"
                    name="method"
                    checked={one === chosen}
                    disabled={!canPay(one)}
                    onChange={() => setChoice(one.payment_method_id)}
                  />
                  <span>
                    <span className="block">{nameOf(one)}</span>
                    <span className="small">{notes(one, canPay(one))}</span>
                  </span>
                </label>
              ))}
            </fieldset>
          )}
          {isPaidByCard && !cannotPay && (
            <p>
              <Link to={addPath} reloadDocument>
                {t('renewals.otherMethod')}
              </Link>
            </p>
          )}
          {other && <p className="small">{t('renewals.becomesDefault', { card: nameOf(other) })}</p>}
          <p className="small">
            {t(
              deferred
                ? 'renewals.laterText'
                : reply.pays_with === 'nothing'
                  ? 'renewals.freeText'
                  : pays
                    ? operator
                      ? 'renewals.customerNowText'
                      : 'renewals.nowText'
                    : cardHelps(reply)
                      ? operator
                        ? 'renewals.customerNoMeans'
                        : expired
                          ? 'renewals.cardExpired'
                          : needsOther
                            ? 'renewals.cardRejected'
                            : 'renewals.noMeans'
                      : operator
                        ? 'renewals.customerNoMoney'
                        : 'renewals.noMoney',
              { amount: total },
            )}
          </p>
        </>
      )}
    </Confirm>
  );
}

/** What the customer should know about a payment method before choosing it. */
function notes(method: Method, canPay: boolean) {
  const validity = word('cards.validity', method.validity);
  return [method.is_default && t('cards.default'), validity, !canPay && method.validity !== 'EXPIRED' && t('renewals.rejected')]
    .filter(Boolean)
    .join(' · ');
}
