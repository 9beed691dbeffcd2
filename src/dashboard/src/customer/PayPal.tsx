import { useEffect } from 'react';
import { useSearchParams } from 'react-router';
import { call, useAction } from '../api';
import { t } from '../language';
import { Button, notify, ProblemBox, Skeleton } from '../ui/kit';

type Setup = { setup_token_id: string; approve_url: string };

/** Goes to PayPal's page, on which the customer approves later payments. PayPal returns to this page. */
export function AddPayPal() {
  const action = useAction();
  return (
    <>
      <Button
        isPending={action.busy}
        onPress={() =>
          void action.run(async () => {
            const setup = await call<Setup>('POST', '/api/v1/payment-methods/paypal');
            location.assign(setup.approve_url);
            // The button stays busy until the browser has left, or shows the page again as it was.
            await new Promise((resolve) => addEventListener('pageshow', (event) => event.persisted && resolve(undefined)));
          })
        }
      >
        {t('cards.addPayPal')}
      </Button>
      {action.problem && <ProblemBox problem={action.problem} />}
    </>
  );
}

/** After PayPal has returned: saves the account that the customer approved. Reloading the page saves nothing twice. */
export function PayPalReturn({ saved }: { saved: () => void }) {
  const [query, setQuery] = useSearchParams();
  const action = useAction();
  const { run } = action;
  const setup = query.get('approval_token_id');
  useEffect(() => {
    if (!setup) return;
    void run(async () => {
      await call('POST', '/api/v1/payment-methods/paypal/complete', { setup_token_id: setup });
      notify(t('cards.payPalSaved'));
      saved();
      setQuery({}, { replace: true });
    });
    // `saved` is another function at each render.
  }, [setup, run, setQuery]);
  if (action.problem) return <ProblemBox problem={action.problem} />;
  return setup ? (
    <>
      <p role="status" className="notice fair">
        {t('cards.payPalSaving')}
      </p>
      <Skeleton rows={1} />
    </>
  ) : null;
}
