import { call, Problem, useAction } from '../api';
import { useConfig } from '../config';
import { texts } from '../texts';
import { Button, ProblemBox } from '../ui/kit';
import { confirmAtStandIn, loadStripe } from './stripe';

type Payment = { payment_intent_id: string; client_secret: string; publishable_key: string; payment_method: string };

/** The bank wants the customer (3-D Secure): the browser asks through the provider; our server learns of the answer by the provider's event. */
export default function ConfirmPayment({ id, done }: { id: string; done: () => void }) {
  const config = useConfig();
  const action = useAction();
  const confirm = () => action.run(async () => {
    const payment = await call<Payment>('POST', `/api/v1/licenses/${id}/confirm-payment`);
    if (config!.stripe_test_api) {
      await confirmAtStandIn(config!.stripe_test_api, 'payment_intents', payment.payment_intent_id, payment.publishable_key, payment.client_secret, payment.payment_method);
    } else {
      const stripe = (await loadStripe())(payment.publishable_key);
      const { error } = await stripe.confirmCardPayment(payment.client_secret, { payment_method: payment.payment_method });
      if (error) throw new Problem(402, 'PAYMENT_REFUSED', error.message ?? texts.state.failed);
    }
    done();
  });
  return (
    <div className="notice fair">
      <strong>{texts.renewals.bank}</strong>
      <p>{texts.renewals.bankText}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
      <div className="actions"><Button look="main" isDisabled={!config} isPending={action.busy} onPress={() => void confirm()}>{texts.renewals.confirm}</Button></div>
    </div>
  );
}
