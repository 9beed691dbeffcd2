import { useEffect, useRef, useState } from 'react';
import { call, Problem, useAction } from '../api';
import type { Config } from '../config';
import { t, word } from '../language';
import { Button, Choice, ProblemBox, Skeleton } from '../ui/kit';
import { confirmAtStandIn, type Elements, loadStripe, type Stripe } from './stripe';

type Setup = { setup_intent_id: string; client_secret: string; publishable_key: string };

const testCards = ['pm_card_visa', 'pm_card_mastercard', 'pm_card_chargeDeclinedInsufficientFunds', 'pm_card_authenticationRequired'];

const begin = () => call<Setup>('POST', '/api/v1/payment-methods/setup');

/** The browser sends the card to the payment provider. The backend receives the provider's event. */
export default function AddCard({ config, done, cancel }: { config: Config; done: () => void; cancel: () => void }) {
  return config.stripe_test_api ? (
    <TestCard api={config.stripe_test_api} done={done} cancel={cancel} />
  ) : (
    <StripeForm done={done} cancel={cancel} />
  );
}

function TestCard({ api, done, cancel }: { api: string; done: () => void; cancel: () => void }) {
  const [card, setCard] = useState('pm_card_visa');
  const action = useAction();
  const save = () =>
    action.run(async () => {
      const setup = await begin();
      await confirmAtStandIn(api, 'setup_intents', setup.setup_intent_id, setup.publishable_key, setup.client_secret, card);
      done();
    });
  return (
    <section className="card narrow">
      <h2>{t('cards.test')}</h2>
      <p className="small">{t('cards.testHelp')}</p>
      <Choice
        label={t('cards.test')}
        value={card}
        options={testCards.map((one) => [one, word('cards.testCard', one)!])}
        onChange={setCard}
      />
      {action.problem && <ProblemBox problem={action.problem} />}
      <div className="actions">
        <Button look="main" isPending={action.busy} onPress={() => void save()}>
          {t('cards.save')}
        </Button>
        <Button isDisabled={action.busy} onPress={cancel}>
          {t('cancel')}
        </Button>
      </div>
    </section>
  );
}

function StripeForm({ done, cancel }: { done: () => void; cancel: () => void }) {
  const container = useRef<HTMLDivElement>(null);
  const [form, setForm] = useState<{ stripe: Stripe; elements: Elements }>();
  const start = useAction();
  const save = useAction();
  const { run } = start;
  useEffect(() => {
    let gone = false;
    let element: ReturnType<Elements['create']> | undefined;
    void run(async () => {
      const [setup, make] = await Promise.all([begin(), loadStripe()]);
      if (gone) return;
      const stripe = make(setup.publishable_key);
      const elements = stripe.elements({
        clientSecret: setup.client_secret,
        appearance: { theme: matchMedia('(prefers-color-scheme: dark)').matches ? 'night' : 'stripe' },
      });
      element = elements.create('payment');
      element.mount(container.current!);
      setForm({ stripe, elements });
    });
    return () => {
      gone = true;
      element?.destroy();
    };
  }, [run]);
  return (
    <section className="card narrow">
      <h2>{t('cards.add')}</h2>
      {start.problem && <ProblemBox problem={start.problem} />}
      {start.busy && <Skeleton rows={3} />}
      <div ref={container} />
      {save.problem && <ProblemBox problem={save.problem} />}
      <div className="actions">
        {form && (
          <Button
            look="main"
            isPending={save.busy}
            onPress={() =>
              void save.run(async () => {
                const { error } = await form.stripe.confirmSetup({ elements: form.elements, redirect: 'if_required' });
                if (error) throw new Problem(402, 'CARD_REFUSED', error.message ?? t('state.failed'));
                done();
              })
            }
          >
            {t('cards.save')}
          </Button>
        )}
        <Button isDisabled={save.busy} onPress={cancel}>
          {t('cancel')}
        </Button>
      </div>
    </section>
  );
}
