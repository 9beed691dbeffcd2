import { Link, useHref } from 'react-router';
import type { useAction } from '../api';
import { format } from '../format';
import { t, word } from '../language';
import { useIsOperator } from '../session';
import { Confirm, Facts } from '../ui/kit';
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
  reply,
  action,
  onGo,
  onClose,
}: {
  open: boolean;
  reply: RenewalList;
  action: ReturnType<typeof useAction>;
  onGo: () => void;
  onClose: () => void;
}) {
  const operator = useIsOperator();
  const raised = reply.obstacle === 'price_consent';
  const [price, old] = [format.money(reply.amount_usd), format.money(reply.last_paid_usd)];
  const total = format.money((reply.amount_usd ?? 0) + reply.debt_usd);
  const deferred = reply.pays_with === 'deferred';
  const expired = !operator && reply.card_has_expired;
  const needsOther = expired || (!operator && reply.card_is_rejected);
  // Nothing can be renewed before something can pay.
  const payFirst = useHref(cardHelps(reply) ? '/payment-methods?add' : '/wallet');
  const cannotPay = !operator && (reply.pays_with === null || needsOther) && reply.amount_usd !== null;
  const declined = expired ? undefined : lastDeclined(reply);
  const expires = reply.obstacle === 'card_expires' && !expired;
  return (
    <Confirm
      open={open}
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
      onGo={cannotPay ? () => location.assign(payFirst) : onGo}
    >
      {!(raised && operator) && (
        <>
          {raised && (
            <p className="notice fair">
              {reply.last_paid_usd === null ? t('renewals.agreeUnknown', { price }) : t('renewals.agreeText', { old, price })}
            </p>
          )}
          {(declined || expires) && (
            <div className="notice fair">
              <p>
                {declined
                  ? t('renewals.lastDeclined', {
                      day: format.day(declined.attempted_at),
                      reason: format.reason(declined.failure_reason!, !operator),
                    })
                  : `${t('renewals.obstacle')}: ${format.reason(reply.obstacle!, !operator)}`}
              </p>
              {!operator && (
                <Link to="/payment-methods?add" reloadDocument>
                  {t('renewals.otherMethod')}
                </Link>
              )}
            </div>
          )}
          <Facts
            rows={[
              [
                t('renewals.amount'),
                <>
                  {total}
                  {reply.debt_usd > 0 && (
                    <div className="small">{t('renewals.withDebt', { price, debt: format.money(reply.debt_usd) })}</div>
                  )}
                </>,
              ],
              [t('renewals.paysWith'), means(reply)],
              [
                t('renewals.newEnd'),
                <>
                  {format.day(reply.renews_until)}
                  <div className="small">{t('renewals.oldEnd', { day: format.day(reply.expires_at) })}</div>
                </>,
              ],
            ]}
          />
          <p className="small">
            {t(
              deferred
                ? 'renewals.laterText'
                : reply.pays_with === 'nothing'
                  ? 'renewals.freeText'
                  : reply.pays_with !== null && !needsOther
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
