import { useState } from 'react';
import { useAction } from '../api';
import { format } from '../format';
import { t, word } from '../language';
import { Link } from '../router';
import { Button, notify, ProblemBox } from '../ui/kit';
import { makeDefault, nameOf, type Method } from './methods';
import { ordered, type ShownTasks, type Task } from './taskList';

/** Nothing has to be done while an appeal is reviewed, after its answer, and about a revoked license. */
const toDo = (tasks: Task[]) => tasks.filter((task) => !['AWAIT_REVIEW', 'APPEAL_REVIEWED', 'ASK_SUPPORT'].includes(task.kind)).length;

/** How many tasks are shown before the customer asks for all. */
const mostAtOnce = 6;

/** What the customer has to do, the most urgent first. */
export function Tasks({ of: { tasks, instead }, reload }: { of: ShownTasks; reload: () => void }) {
  const [all, setAll] = useState(false);
  const shown = ordered(tasks).slice(0, all ? tasks.length : mostAtOnce);
  if (tasks.length === 0) return <p className="notice good">{t('home.nothing')}</p>;
  return (
    <section aria-labelledby="tasks">
      <h2 id="tasks" className="first">
        {toDo(tasks) > 0
          ? t('home.tasks', { n: toDo(tasks) })
          : t(tasks.some((task) => task.kind === 'AWAIT_REVIEW') ? 'home.inReview' : 'home.information')}
      </h2>
      <ol className="tasks">
        {shown.map((task, n) => (
          <TaskCard key={`${task.kind} ${task.subscription_id}`} task={task} isFirst={n === 0} instead={instead} reload={reload} />
        ))}
      </ol>
      {shown.length < tasks.length && (
        <div className="actions">
          <Button onPress={() => setAll(true)}>{t('home.all', { n: tasks.length })}</Button>
        </div>
      )}
    </section>
  );
}

const lacksFunds = (reason: string | null) => reason?.toUpperCase() === 'LOCKED_NO_FUNDS';

/** The reason is one against the renewal of an expired license. Reasons against its use are in capitals. */
const isOfRenewal = (reason: string | null) => reason !== null && reason === reason.toLowerCase();

/** The page where each task is done, and how urgent it is. The payment pages need their own document. */
const places: Record<string, { to: (id: string, reason: string | null) => string; tone: 'poor' | 'fair' | 'calm'; document?: boolean }> = {
  LIFT_SUSPENSION: { to: (id) => `/licenses/${id}/suspension`, tone: 'poor' },
  APPEAL: { to: (id) => `/licenses/${id}/suspension`, tone: 'poor' },
  RENEW_EXPIRED: { to: (id) => `/licenses/${id}/renewals?renew`, tone: 'poor' },
  ASK_PLATFORM: {
    to: (id, reason) => (lacksFunds(reason) ? '/wallet' : `/licenses/${id}/${isOfRenewal(reason) ? 'renewals' : 'suspension'}`),
    tone: 'poor',
  },
  CONFIRM_PAYMENT: { to: (id) => `/payment-methods/confirm/${id}`, tone: 'fair', document: true },
  AGREE_TO_PRICE: { to: (id) => `/licenses/${id}/renewals?renew`, tone: 'fair' },
  RENEW_IN_GRACE: { to: (id) => `/licenses/${id}/renewals?renew`, tone: 'fair' },
  ANSWER_ALERT: { to: (id) => `/licenses/${id}/activity`, tone: 'fair' },
  CHANGE_TOKEN: { to: (id) => `/licenses/${id}/activity#token`, tone: 'fair' },
  CONNECT_EA: { to: (id) => `/licenses/${id}/activity#token`, tone: 'fair' },
  REPLACE_CARD: { to: (id) => `/payment-methods?add=${id}`, tone: 'fair', document: true },
  ADD_PAYMENT_METHOD: { to: (id) => `/payment-methods?add=${id}`, tone: 'fair', document: true },
  ADD_MONEY: { to: () => '/wallet', tone: 'fair' },
  RENEW_MANUALLY: { to: (id) => `/licenses/${id}/renewals?renew`, tone: 'calm' },
  SET_UP_RENEWAL: { to: (id) => `/licenses/${id}/renewals`, tone: 'calm' },
  ENDS_FOR_GOOD: { to: (id) => `/licenses/${id}/renewals`, tone: 'calm' },
  DECIDE_DEVICE: { to: (id) => `/licenses/${id}/devices`, tone: 'calm' },
  AWAIT_REVIEW: { to: (id) => `/licenses/${id}/suspension`, tone: 'calm' },
  APPEAL_REVIEWED: { to: (id) => `/licenses/${id}/suspension`, tone: 'calm' },
  ASK_SUPPORT: { to: (id) => `/licenses/${id}`, tone: 'calm' },
};

/** @param isFirst The most urgent task has the main button. */
function TaskCard({ task, isFirst, instead, reload }: { task: Task; isFirst: boolean; instead?: Method; reload: () => void }) {
  const action = useAction();
  const place = places[task.kind];
  // A newer backend may send kinds of tasks that this page doesn't have.
  if (!place) return null;
  const other = task.kind === 'REPLACE_CARD' ? instead : undefined;
  const card = other ? nameOf(other) : '';
  const values = {
    master: task.master,
    until: format.day(task.until),
    time: format.moment(task.until),
    amount: format.money(task.amount_usd),
    old: format.money(task.old_amount_usd),
    reason: task.reason ? format.reason(task.reason, true) : '',
    cause: (task.reason && word('suspension.cause', task.reason)) ?? t('status.SUSPENDED'),
    card,
  };
  const { title, why, tone } = variantOf(task);
  return (
    <li className={`card task ${tone ?? place.tone}`}>
      <div>
        <h3>{word('home.task', title, values)}</h3>
        <p>{word('home.why', other && why === 'REPLACE_CARD_NOW' ? 'CHANGE_DEFAULT_NOW' : why, values)}</p>
        {action.problem && <ProblemBox problem={action.problem} />}
      </div>
      {other && (
        <Button
          look={isFirst ? 'main' : 'plain'}
          isPending={action.busy}
          onPress={() =>
            void action.run(async () => {
              await makeDefault(other.payment_method_id);
              notify(t('cards.madeDefault', { card }));
              reload();
            })
          }
        >
          {t('cards.makeThisDefault', { card })}
        </Button>
      )}
      <Link
        className={`button ${place.tone === 'calm' || other || !isFirst ? '' : 'main'}`}
        to={place.to(task.subscription_id, task.reason)}
        reloadDocument={place.document}
      >
        {word('home.do', task.kind === 'ASK_PLATFORM' && lacksFunds(task.reason) ? 'ADD_MONEY' : task.kind)}
        <span className="visually-hidden"> {task.master}</span>
      </Link>
    </li>
  );
}

/** The texts of a task, which depend on what the license can do now, and on what is known. */
function variantOf({ kind, stage, reason, old_amount_usd }: Task): { title: string; why: string; tone?: 'poor' } {
  const ended = stage === 'ENDED';
  // Only then is the time the end of the grace.
  const inGrace = stage === 'IN_GRACE' ? '_IN_GRACE' : '';
  if (kind === 'AGREE_TO_PRICE') {
    const why = old_amount_usd === null ? 'AGREE_TO_UNKNOWN_PRICE' : kind;
    return ended ? { title: kind, why: `${why}_ENDED`, tone: 'poor' } : { title: kind, why: why + inGrace };
  }
  if (kind === 'ASK_PLATFORM' && lacksFunds(reason)) return { title: kind, why: 'ASK_PLATFORM_FUNDS' };
  if (kind === 'CONFIRM_PAYMENT') return ended ? { title: kind, why: `${kind}_ENDED`, tone: 'poor' } : { title: kind, why: kind + inGrace };
  if (kind === 'RENEW_MANUALLY' && reason !== 'auto_renew_off') return { title: kind, why: 'RENEW_MANUALLY_HELD' };
  if (kind === 'ENDS_FOR_GOOD')
    return {
      title: ended ? 'ENDS_FOR_GOOD_ENDED' : kind,
      why: reason === 'no_active_price' || reason === 'master_closed' ? 'ENDS_FOR_GOOD_MASTER' : kind,
    };
  if (kind === 'SET_UP_RENEWAL' && reason) return { title: kind, why: 'SET_UP_RENEWAL_UNPAID' };
  if (kind === 'ADD_PAYMENT_METHOD' || kind === 'ADD_MONEY' || kind === 'REPLACE_CARD') {
    // If no card can be saved here, only the wallet can pay.
    const why = kind === 'ADD_MONEY' && reason === 'no_payment_method' ? 'ADD_MONEY_ONLY' : kind;
    if (stage === 'RUNNING') return { title: kind, why };
    return ended ? { title: 'RENEW_EXPIRED', why: `${why}_NOW`, tone: 'poor' } : { title: 'RENEW_IN_GRACE', why: `${why}_NOW` };
  }
  return { title: kind, why: kind };
}
