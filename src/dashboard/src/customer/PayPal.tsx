import { useEffect } from 'react';
import { call, useAction } from '../api';
import { t } from '../language';
import { useSearchParams } from '../router';
import { Button, notify, ProblemBox, Skeleton } from '../ui/kit';
import { isPayPal, list, type Method } from './methods';

type Setup = { setup_token_id: string; approve_url: string };

// The license whose renewal waits for the account. PayPal returns to an address that doesn't name it.
const key = 'renewal-for-paypal';

/** Goes to PayPal's page, on which the customer approves later payments. PayPal returns to this page. */
export function AddPayPal({ license }: { license: string | null }) {
  const action = useAction();
  return (
    <>
      <Button
        isPending={action.busy}
        onPress={() =>
          void action.run(async () => {
            const setup = await call<Setup>('POST', '/api/v1/payment-methods/paypal');
            if (license) sessionStorage.setItem(key, license);
            else sessionStorage.removeItem(key);
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

/**
 * After PayPal has returned: saves the account that the customer approved. Reloading the page saves nothing twice.
 * @param saved Gets the account, undefined if it is one of several, and the license whose renewal waits for it.
 */
export function PayPalReturn({ saved }: { saved: (method: Method | undefined, license: string | null) => void }) {
  const [query, setQuery] = useSearchParams();
  const action = useAction();
  const { run } = action;
  const setup = query.get('approval_token_id');
  useEffect(() => {
    if (!setup) return;
    void run(async () => {
      await call('POST', '/api/v1/payment-methods/paypal/complete', { setup_token_id: setup });
      notify(t('cards.payPalSaved'));
      const accounts = (await list()).payment_methods.filter(isPayPal);
      // Of several accounts, the list doesn't say which one was approved: the customer chooses.
      saved(accounts.length === 1 ? accounts[0] : undefined, sessionStorage.getItem(key));
      sessionStorage.removeItem(key);
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
