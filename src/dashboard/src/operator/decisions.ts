import { call, Problem } from '../api';
import type { Review } from '../alerts';
import { texts } from '../texts';
import { inChunks, type Refused } from './bulk';

/** @property also_closed Missing in the reply of a backend of an earlier version, which may answer during a deployment. */
type Result = { alert_id: string; code: string | null; detail: string | null; hint: string | null; also_closed?: string[] };

/** @property answer To a customer whose appeal is answered. */
type Decision = { status: Review; notes: string | null; reinstate: boolean; answer?: string | null };

/**
 * Reviews alerts, each in its own transaction. Returns those that were refused, and others that a reinstatement closed; a single one that
 * is refused is an exception.
 */
export async function reviewAlerts(ids: string[], body: Decision) {
  const alsoClosed = new Set<string>();
  const refused = await inChunks(
    ids,
    (id) => id,
    async (chunk) => {
      const { results } = await call<{ results: Result[] }>('POST', '/api/v1/licenses/alerts/review', { alert_ids: chunk, ...body });
      const only = ids.length === 1 ? results[0] : undefined;
      if (only?.code) throw new Problem(409, only.code, only.detail ?? '', only.hint ?? undefined);
      results.flatMap((one) => one.also_closed ?? []).forEach((id) => alsoClosed.add(id));
      return results.flatMap((one): Refused[] => (one.code ? [{ key: one.alert_id, detail: one.detail }] : []));
    },
  );
  return { refused, alsoClosed: [...alsoClosed].filter((id) => !ids.includes(id)) };
}

/**
 * Takes decisions back: reopens the alerts, then suspends the licenses again that were reinstated. If no alert can be reopened, the
 * licenses stay reinstated.
 *
 * @param wereClosed Whether the decisions closed the alerts.
 * @param licensesOf The licenses to suspend, by the alerts that are still closed.
 * @returns What was done, for the operator.
 */
export async function undoDecisions(
  alerts: string[],
  wereClosed: boolean,
  licensesOf: (closed: Set<string>) => { id: string; cause: string | undefined }[],
) {
  const notes = wereClosed ? texts.review.undoneReview : texts.review.undoReason;
  const { refused } = alerts.length > 0 ? await reviewAlerts(alerts, { status: 'OPEN', notes, reinstate: false }) : { refused: [] };
  const licenses = licensesOf(new Set(refused.map((one) => one.key)));
  const suspended = await Promise.allSettled(
    licenses.map(({ id, cause }) => call('POST', `/api/v1/licenses/${id}/suspend`, { reason: texts.review.undoneReinstatement, cause })),
  );
  const failed = suspended.filter((one) => one.status === 'rejected');
  const outcome = [];
  if (alerts.length > refused.length)
    outcome.push(wereClosed ? texts.alerts.reopened(alerts.length - refused.length) : texts.review.undone);
  if (licenses.length > failed.length) outcome.push(texts.alerts.suspendedAgain(licenses.length - failed.length));
  if (failed[0]) outcome.push(texts.alerts.notSuspended(failed.length, (failed[0].reason as Error).message));
  if (refused[0]) outcome.push(texts.alerts.notReopened(refused.length, refused[0].detail ?? ''));
  return outcome.join(' ');
}
