import { lazy, Suspense, useState } from 'react';
import { useSearchParams } from 'react-router';
import { call, useAction, useLoad } from '../api';
import { useLoadedConfig } from '../config';
import { format } from '../format';
import { t, word } from '../language';
import { Badge, Button, Confirm, Empty, PageTitle, ProblemBox, notify, Show, Skeleton } from '../ui/kit';
import { NextMethod } from './NextMethod';
import { AddPayPal, PayPalReturn } from './PayPal';

const AddCard = lazy(() => import('./AddCard'));

export type Card = {
  payment_method_id: string;
  payment_provider: string;
  brand: string | null;
  last_four: string | null;
  expiry_month: number | null;
  expiry_year: number | null;
  /** VALID, EXPIRES_SOON or EXPIRED. */
  validity: string;
  is_default: boolean;
};

type Methods = { payment_methods: Card[]; tries_next_method: boolean };

const isPayPal = (card: Card) => card.payment_provider === 'paypal';

export default function PaymentMethods() {
  const [awaited, setAwaited] = useState<number>();
  const cards = useLoad<Methods>('/api/v1/payment-methods', awaited === undefined ? undefined : 2);
  const settings = useLoadedConfig();
  const config = settings.data;
  const [removing, setRemoving] = useState<Card>();
  const [adding, setAdding] = useState(useSearchParams()[0].has('add'));
  const action = useAction();
  const count = cards.data?.payment_methods.length ?? 0;
  if (awaited !== undefined && count > awaited) {
    setAwaited(undefined);
    setAdding(false);
  }
  return (
    <>
      <PageTitle title={t('cards.title')} />
      <p>{t('cards.intro')}</p>
      {action.problem && !removing && <ProblemBox problem={action.problem} />}
      <PayPalReturn saved={cards.reload} />
      <Show of={cards} rows={2}>
        {(list) => (
          <>
            {list.payment_methods.length === 0 && <Empty>{t('cards.none')}</Empty>}
            <ul className="cards">
              {list.payment_methods.map((card) => (
                <li key={card.payment_method_id} className="card">
                  <div className="spread">
                    <h2>
                      {isPayPal(card)
                        ? format.brand('paypal')
                        : t('cards.ending', { brand: format.brand(card.brand), four: card.last_four ?? '????' })}
                    </h2>
                    <span className="badges">
                      {word('cards.validity', card.validity) && (
                        <Badge of={card.validity === 'EXPIRED' ? 'EXPIRED' : 'PENDING_RENEWAL'}>
                          {word('cards.validity', card.validity)}
                        </Badge>
                      )}
                      {card.is_default && <Badge of="ACTIVE">{t('cards.default')}</Badge>}
                    </span>
                  </div>
                  {card.expiry_month && card.expiry_year && (
                    <p className="small">
                      {t('cards.expires', { month: String(card.expiry_month).padStart(2, '0'), year: card.expiry_year })}
                    </p>
                  )}
                  <div className="actions">
                    {!card.is_default && (
                      <Button
                        isDisabled={action.busy}
                        onPress={() =>
                          void action.run(async () => {
                            await call('PUT', `/api/v1/payment-methods/${card.payment_method_id}/default`);
                            cards.reload();
                          })
                        }
                      >
                        {t('cards.makeDefault')}
                      </Button>
                    )}
                    <Button onPress={() => setRemoving(card)}>
                      {t('cards.remove')}
                      <span className="visually-hidden"> {isPayPal(card) ? format.brand('paypal') : card.last_four}</span>
                    </Button>
                  </div>
                </li>
              ))}
            </ul>
            {(list.payment_methods.length > 1 || list.tries_next_method) && (
              <NextMethod enabled={list.tries_next_method} changed={cards.reload} />
            )}
          </>
        )}
      </Show>
      <div className="actions">
        <Button look="main" isDisabled={adding} onPress={() => setAdding(true)}>
          {t('cards.add')}
        </Button>
        {config?.paypal && <AddPayPal />}
      </div>
      {config?.paypal && <p className="small">{t('cards.payPalHelp')}</p>}
      {awaited !== undefined && (
        <p role="status" className="notice fair">
          {t('cards.wait')}
        </p>
      )}
      {adding && awaited === undefined && (
        <Show of={settings} rows={3}>
          {(loaded) => (
            <Suspense fallback={<Skeleton rows={3} />}>
              <AddCard
                config={loaded}
                cancel={() => setAdding(false)}
                done={() => {
                  setAwaited(count);
                  notify(t('cards.saved'));
                }}
              />
            </Suspense>
          )}
        </Show>
      )}
      <Confirm
        open={removing !== undefined}
        title={removing && isPayPal(removing) ? t('cards.removePayPalTitle') : t('cards.removeTitle')}
        text={removing && isPayPal(removing) ? t('cards.removePayPalText') : t('cards.removeText')}
        go={t('cards.remove')}
        look="danger"
        busy={action.busy}
        problem={action.problem}
        onClose={() => {
          setRemoving(undefined);
          action.clear();
        }}
        onGo={() =>
          void action
            .run(async () => {
              await call('DELETE', `/api/v1/payment-methods/${removing!.payment_method_id}`);
              cards.reload();
            })
            .then((done) => done && setRemoving(undefined))
        }
      />
    </>
  );
}
