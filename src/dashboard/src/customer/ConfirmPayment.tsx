import { useState } from 'react';
import { call, Problem, useAction, useLoad } from '../api';
import { useLoadedConfig } from '../config';
import { format } from '../format';
import type { License } from '../licenses';
import { t } from '../language';
import { Link, useParams } from '../router';
import { Button, Facts, PageTitle, ProblemBox, Show } from '../ui/kit';
import { confirmAtStandIn, loadStripe } from './stripe';

type Payment = { payment_intent_id: string; client_secret: string; publishable_key: string; payment_method: string };
type Renewal = { needs_authentication: boolean; expires_at: string | null; amount_usd: number | null; debt_usd: number };

/** 3-D Secure: the customer confirms the payment through the provider. The backend receives the provider's event. */
export default function ConfirmPayment() {
  const id = useParams().subscriptionId!;
  const settings = useLoadedConfig();
  const config = settings.data;
  const action = useAction();
  const [confirmed, setConfirmed] = useState(false);
  const [polling, setPolling] = useState(false);
  const renewal = useLoad<Renewal>(`/api/v1/licenses/${encodeURIComponent(id)}/renewals`, polling ? 2 : undefined);
  const license = useLoad<License>(`/api/v1/licenses/${encodeURIComponent(id)}`);
  const waits = renewal.data?.needs_authentication === true;
  if (polling && renewal.data && !waits) setPolling(false);

  const confirm = () =>
    action.run(async () => {
      const payment = await call<Payment>('POST', `/api/v1/licenses/${encodeURIComponent(id)}/confirm-payment`);
      if (config!.stripe_test_api) {
        await confirmAtStandIn(
          config!.stripe_test_api,
          'payment_intents',
          payment.payment_intent_id,
          payment.publishable_key,
          payment.client_secret,
          payment.payment_method,
        );
      } else {
        const stripe = (await loadStripe())(payment.publishable_key);
        const { error } = await stripe.confirmCardPayment(payment.client_secret, { payment_method: payment.payment_method });
        if (error) throw new Problem(402, 'PAYMENT_REFUSED', error.message ?? t('state.failed'));
      }
      setConfirmed(true);
      setPolling(true);
    });

  return (
    <section className="entry card">
      <PageTitle title={t('confirm.page')} />
      <Show of={renewal} rows={2}>
        {({ expires_at, amount_usd, debt_usd }) => (
          <>
            {waits && (
              <Facts
                rows={[
                  [t('confirm.license'), license.data?.master ?? t('none')],
                  [t('confirm.amount'), format.money(amount_usd === null ? null : amount_usd + debt_usd)],
                ]}
              />
            )}
            <p role="status">
              {!waits
                ? confirmed
                  ? t('confirm.done', { day: format.day(expires_at) })
                  : t('confirm.nothing')
                : confirmed
                  ? t('confirm.wait')
                  : t('confirm.text')}
            </p>
            {action.problem && <ProblemBox problem={action.problem} />}
            {waits && settings.problem && <ProblemBox problem={settings.problem} again={settings.reload} />}
            <div className="actions">
              {waits && (
                <Button look="main" isDisabled={!config || confirmed} isPending={action.busy} onPress={() => void confirm()}>
                  {t('confirm.go')}
                </Button>
              )}
              <Link className="button" to={`/licenses/${id}/renewals`} reloadDocument>
                {t('confirm.back')}
              </Link>
            </div>
          </>
        )}
      </Show>
    </section>
  );
}
