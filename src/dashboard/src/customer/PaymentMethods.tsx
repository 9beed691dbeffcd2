import { lazy, Suspense, useEffect, useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { useLoadedConfig } from '../config';
import { format } from '../format';
import type { License } from '../licenses';
import { t, word } from '../language';
import { Link, useSearchParams } from '../router';
import { Badge, Button, Confirm, Empty, PageTitle, ProblemBox, notify, Show, Skeleton } from '../ui/kit';
import { isPayPal, makeDefault, nameOf, remove, useMethods, type Method } from './methods';
import { NextMethod } from './NextMethod';
import { AddPayPal, PayPalReturn } from './PayPal';
import type { RenewalList } from './Renewals';
import type { Task, TaskList } from './taskList';

const AddCard = lazy(() => import('./AddCard'));

/** Tasks that are done by a renewal with the payment method that is added. */
const paysNow = ['RENEW_IN_GRACE', 'RENEW_EXPIRED', 'REPLACE_CARD', 'ADD_PAYMENT_METHOD'];

export default function PaymentMethods() {
  // The IDs of the payment methods from before a card was added; undefined while none is awaited.
  const [before, setBefore] = useState<string[]>();
  const cards = useMethods(true, before && 2);
  const settings = useLoadedConfig();
  const config = settings.data;
  const [removing, setRemoving] = useState<Method>();
  const [query] = useSearchParams();
  // The license whose renewal needs another payment method. Mails of earlier versions don't name it: then it is the most urgent one.
  const urgent = useLoad<TaskList>(query.get('add') === '' ? '/api/v1/tasks' : null);
  const license = query.get('add') || (urgent.data?.tasks.find((task) => paysNow.includes(task.kind))?.subscription_id ?? null);
  const [adding, setAdding] = useState(query.has('add'));
  /** What was saved for the renewal of a license; without the method if it is one of several PayPal accounts. */
  const [added, setAdded] = useState<{ method?: Method; license: string }>();
  const action = useAction();
  const saved = cards.data?.payment_methods ?? [];
  const found = before && saved.find((one) => !before.includes(one.payment_method_id));
  if (found) {
    setBefore(undefined);
    setAdding(false);
    if (license) setAdded({ method: found, license });
  }
  return (
    <>
      <PageTitle title={t('cards.title')} />
      <p>{t('cards.intro')}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
      <PayPalReturn
        saved={(method, renewing) => {
          if (renewing) setAdded({ method, license: renewing });
          cards.reload();
        }}
      />
      {added && (
        <div className="notice good banner" role="status">
          <div>{added.method ? t('cards.added', { card: nameOf(added.method) }) : t('cards.payPalSaved')}</div>
          <Link
            className="button main"
            to={`/licenses/${encodeURIComponent(added.license)}/renewals?renew=${added.method?.payment_method_id ?? ''}`}
            reloadDocument
          >
            {t('cards.backToRenewal')}
          </Link>
        </div>
      )}
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
                            await makeDefault(card.payment_method_id);
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
        {config?.paypal && <AddPayPal license={license} />}
      </div>
      {config?.paypal && <p className="small">{t('cards.payPalHelp')}</p>}
      {before && (
        <p role="status" className="notice fair">
          {t('cards.wait')}
        </p>
      )}
      {adding && !before && (
        <Show of={settings} rows={3}>
          {(loaded) => (
            <Suspense fallback={<Skeleton rows={3} />}>
              <AddCard
                config={loaded}
                cancel={() => setAdding(false)}
                done={() => {
                  setBefore(saved.map((one) => one.payment_method_id));
                  notify(t('cards.saved'));
                }}
              />
            </Suspense>
          )}
        </Show>
      )}
      <Remove
        method={removing}
        others={saved.filter((one) => one.payment_method_id !== removing?.payment_method_id)}
        onDone={cards.reload}
        onClose={() => setRemoving(undefined)}
      />
    </>
  );
}

/** Says which renewals the payment method would pay, and what pays them without it. */
function Remove({ method, others, onDone, onClose }: { method?: Method; others: Method[]; onDone: () => void; onClose: () => void }) {
  const action = useAction();
  // Renewals charge the default one.
  const mayPay = method?.is_default === true;
  const tasks = useLoad<TaskList>(mayPay ? '/api/v1/tasks' : null);
  const licenses = useLoad<{ licenses: License[] }>(mayPay ? '/api/v1/licenses' : null);
  const due = useDueOnCard(tasks.data);
  const isLoading = mayPay && ([tasks, licenses].some((one) => !one.data && !one.problem) || (tasks.data && !due));
  const paid = tasks.data?.renewals.filter((one) => one.pays_with === 'card') ?? [];
  // As the backend does: the newest one that has not expired becomes the default.
  const next = others.find((one) => one.validity !== 'EXPIRED');
  const isAccount = method !== undefined && isPayPal(method);
  const close = () => {
    onClose();
    action.clear();
  };
  return (
    <Confirm
      open={method !== undefined && !isLoading}
      title={t(isAccount ? 'cards.removePayPalTitle' : 'cards.removeTitle')}
      text={t(isAccount ? 'cards.removePayPalText' : 'cards.removeText')}
      go={t('cards.remove')}
      look="danger"
      busy={action.busy}
      problem={action.problem}
      onClose={close}
      onGo={() =>
        void action
          .run(async () => {
            await remove(method!.payment_method_id);
            onDone();
          })
          .then((done) => done && close())
      }
    >
      {paid.length + (due?.length ?? 0) > 0 && (
        <div className="notice fair">
          {due?.map((task) => (
            <p key={task.subscription_id}>
              {t('cards.paysDue', { master: task.master, amount: format.money(task.amount_usd), time: format.moment(task.until) })}
            </p>
          ))}
          {paid.map((one) => (
            <p key={one.subscription_id}>
              {t('cards.paysNext', {
                master: licenses.data?.licenses.find((license) => license.subscription_id === one.subscription_id)?.master ?? t('none'),
                day: format.day(one.at),
                amount: format.money(one.amount_usd),
              })}
            </p>
          ))}
          <p>{next ? t('cards.thenPays', { card: nameOf(next) }) : t('cards.thenNothing')}</p>
        </div>
      )}
    </Confirm>
  );
}

/**
 * The licenses in their grace whose renewal the default payment method pays; undefined until it is known. A license whose request fails is
 * included.
 */
function useDueOnCard(list: TaskList | undefined): Task[] | undefined {
  const [found, setFound] = useState<{ of: TaskList; due: Task[] }>();
  useEffect(() => {
    if (!list) return;
    const isOnCard = (task: Task) =>
      call<RenewalList>('GET', `/api/v1/licenses/${task.subscription_id}/renewals`).then(
        (renewal) => renewal.pays_with === 'card',
        () => true,
      );
    const inGrace = list.tasks.filter((task) => task.kind === 'RENEW_IN_GRACE');
    void Promise.all(inGrace.map(isOnCard)).then((onCard) => setFound({ of: list, due: inGrace.filter((_, n) => onCard[n]) }));
  }, [list]);
  return found?.of === list ? found?.due : undefined;
}
