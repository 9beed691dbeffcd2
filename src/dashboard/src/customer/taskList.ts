import { useLoad, type Loaded } from '../api';
import { format } from '../format';
import { word } from '../language';
import { useMethods, type Method } from './methods';

export type Task = {
  kind: string;
  subscription_id: string;
  master: string;
  until: string | null;
  amount_usd: number | null;
  old_amount_usd: number | null;
  reason: string | null;
  /** RUNNING, IN_GRACE or ENDED: what the license can do now. */
  stage: string;
  alert_id: string | null;
};
/** What is charged next automatically. */
export type PlannedRenewal = {
  subscription_id: string;
  at: string;
  amount_usd: number;
  /** nothing, wallet, card or deferred. */
  pays_with: string;
  card_brand: string | null;
  card_last_four: string | null;
};
export type TaskList = { tasks: Task[]; renewals: PlannedRenewal[] };
/** With the saved payment method that can pay in place of the default one. */
export type ShownTasks = TaskList & { instead?: Method };

/** @param license One license; undefined for all of the customer, null for none: operators have no tasks. */
export function useTasks(license?: string | null): Loaded<ShownTasks> {
  const path = license === null ? null : `/api/v1/tasks${license ? `?subscription_id=${encodeURIComponent(license)}` : ''}`;
  const list = useLoad<TaskList>(path, 60);
  const isAsked = list.data?.tasks.some((task) => task.kind === 'REPLACE_CARD') ?? false;
  const methods = useMethods(isAsked);
  // The task's text depends on them.
  if (!list.data || (isAsked && !methods.data && !methods.problem))
    return { ...list, data: undefined, loading: list.loading || methods.loading };
  const instead = methods.data?.payment_methods.find((one) => !one.is_default && one.validity === 'VALID');
  return { ...list, data: { ...list.data, instead } };
}

/**
 * Says when a license is renewed, what it costs and what pays it; undefined if no renewal is planned, or if the customer has to renew it in
 * its grace.
 */
export function planned(list: TaskList | undefined, id: string) {
  if (renewsInGrace(list, id)) return undefined;
  const next = list?.renewals.find((one) => one.subscription_id === id);
  return (
    next &&
    word('licenses.renewsWith', next.pays_with, {
      day: format.day(next.at),
      amount: format.money(next.amount_usd),
      card: format.card(next.card_brand, next.card_last_four),
    })
  );
}

/** Whether a renewal is what the customer has to do first about a license: not while a payment is being checked. */
export const renewsInGrace = (list: TaskList | undefined, id: string) =>
  list?.tasks.find((one) => one.subscription_id === id)?.kind === 'RENEW_IN_GRACE';

/** Lists the tasks of new licenses last if there are more than two. */
export function ordered(tasks: Task[]) {
  const isNew = (task: Task) => task.kind === 'CONNECT_EA';
  return tasks.filter(isNew).length > 2 ? [...tasks.filter((task) => !isNew(task)), ...tasks.filter(isNew)] : tasks;
}

/** The licenses in the order of their tasks; those without a task are last, and keep their order. */
export function urgentFirst<T extends { subscription_id: string }>(licenses: T[], list: TaskList | undefined) {
  const urgent = ordered(list?.tasks ?? []).map((task) => task.subscription_id);
  const rank = ({ subscription_id }: T) => (urgent.includes(subscription_id) ? urgent.indexOf(subscription_id) : urgent.length);
  return [...licenses].sort((a, b) => rank(a) - rank(b));
}
