import { useState } from 'react';
import { call, useAction } from '../api';
import { refusedDevice, type AlertRow, type Review } from '../alerts';
import { suspensionCause } from '../licenses';
import { texts } from '../texts';
import { Button, Confirm, Field, notify } from '../ui/kit';
import { inChunks } from './bulk';
import type { Result } from './Results';
import { deviceName } from './Timeline';

/** The actions of an operator on one alert or on several alerts. */
export function ReviewAlerts({
  alerts,
  done,
  undone,
}: {
  alerts: AlertRow[];
  done: (refused?: { of: number; results: Result[] }) => void;
  /** A decision was undone. Meanwhile the operator may have selected other alerts. */
  undone: () => void;
}) {
  const [asked, setAsked] = useState<Review>();
  const [notes, setNotes] = useState('');
  const [reinstate, setReinstate] = useState(true);
  const action = useAction();
  const canReinstate = alerts.some((alert) => alert.can_reinstate);
  const staysSuspended = (alert: AlertRow) => alert.is_suspended && !(reinstate && alert.can_reinstate);

  const review = (status: Review) =>
    action.run(async () => {
      const body = { status, notes: notes.trim() || null, reinstate: status === 'FALSE_POSITIVE' && canReinstate && reinstate };
      const ids = body.reinstate ? new Set(alerts.flatMap((alert) => (alert.can_reinstate && alert.subscription_id) || [])) : [];
      const causes = new Map(await Promise.all([...ids].map(async (id) => [id, await suspensionCause(id)] as const)));
      const refused = await send(alerts, body);
      const reviewed = alerts.filter((alert) => !refused.some((one) => one.key === alert.alert_id));
      const reinstated = new Set(
        body.reinstate ? reviewed.flatMap((alert) => (alert.can_reinstate && alert.subscription_id ? [alert.subscription_id] : [])) : [],
      );
      const closes = status === 'RESOLVED' || status === 'FALSE_POSITIVE';
      const undo = async () => {
        try {
          const open = { status: 'OPEN' as const, notes: closes ? texts.review.undoneReview : texts.review.undoReason, reinstate: false };
          const kept = await send(reviewed, open);
          const reopened = reviewed.filter((alert) => !kept.some((one) => one.key === alert.alert_id));
          // Only after the reopening: if that is refused, the license stays reinstated.
          const licenses = [...reinstated].filter((id) => reopened.some((alert) => alert.subscription_id === id));
          const suspended = await Promise.allSettled(
            licenses.map((id) =>
              call('POST', `/api/v1/licenses/${id}/suspend`, { reason: texts.review.undoneReinstatement, cause: causes.get(id) }),
            ),
          );
          const failed = suspended.filter((one) => one.status === 'rejected');
          const outcome = [];
          if (reopened.length > 0) outcome.push(closes ? texts.alerts.reopened(reopened.length) : texts.review.undone);
          if (licenses.length > failed.length) outcome.push(texts.alerts.suspendedAgain(licenses.length - failed.length));
          if (failed[0]) outcome.push(texts.alerts.notSuspended(failed.length, (failed[0].reason as Error).message));
          if (kept[0]) outcome.push(texts.alerts.notReopened(kept.length, kept[0].detail ?? ''));
          notify(outcome.join(' '));
        } catch (problem) {
          notify((problem as Error).message);
        }
        undone();
      };
      const slots = status === 'FALSE_POSITIVE' ? grantedBy(reviewed) : [];
      const told = [texts.alerts.updated(reviewed.length), ...(slots.length > 0 ? [texts.review.granted(slots)] : [])].join(' ');
      if (reviewed.length > 0) notify(told, status === 'OPEN' ? undefined : () => void undo());
      setAsked(undefined);
      setNotes('');
      done(refused.length > 0 ? { of: alerts.length, results: refused } : undefined);
    });
  const could = (next: Review) => alerts.length > 0 && alerts.every((alert) => alert.next_statuses.includes(next));
  // For several alerts, a disabled button shows that the action exists, but not for all of them.
  // "Reopen" is offered only for closed alerts, which can't be closed again.
  const offers = (next: Review) =>
    next === 'OPEN' ? alerts.some((alert) => !alert.next_statuses.includes('RESOLVED')) : alerts.length > 1 || could(next);

  return (
    <>
      {offers('INVESTIGATING') && (
        <Button
          isDisabled={!could('INVESTIGATING') || action.busy}
          onPress={() => void review('INVESTIGATING').then((fine) => fine || setAsked('INVESTIGATING'))}
        >
          {texts.alerts.investigate}
        </Button>
      )}
      {offers('RESOLVED') && (
        <Button isDisabled={!could('RESOLVED')} onPress={() => setAsked('RESOLVED')}>
          {texts.alerts.resolve}
        </Button>
      )}
      {offers('FALSE_POSITIVE') && (
        <Button isDisabled={!could('FALSE_POSITIVE')} onPress={() => setAsked('FALSE_POSITIVE')}>
          {texts.alerts.falseAlarm}
        </Button>
      )}
      {offers('OPEN') && (
        <Button isDisabled={!could('OPEN')} onPress={() => setAsked('OPEN')}>
          {texts.alerts.reopen}
        </Button>
      )}
      <Confirm
        open={asked !== undefined}
        title={asked ? `${texts.alerts.dialogs[asked]}: ${texts.alerts.count(alerts.length)}` : ''}
        text={asked === 'OPEN' ? texts.review.reopenEffect : undefined}
        go={asked ? texts.alerts.dialogs[asked] : ''}
        busy={action.busy}
        problem={action.problem}
        disabled={asked !== 'INVESTIGATING' && !notes.trim()}
        onClose={() => {
          setAsked(undefined);
          action.clear();
        }}
        onGo={() => void review(asked!)}
      >
        {asked === 'FALSE_POSITIVE' &&
          [false, true].map((stays) => {
            const granted = grantedBy(alerts.filter((alert) => staysSuspended(alert) === stays));
            return granted.length > 0 && <p key={String(stays)}>{texts.review.grants(granted, stays)}</p>;
          })}
        <Field label={texts.alerts.notes} value={notes} onChange={setNotes} long max={2000} auto />
        {asked === 'FALSE_POSITIVE' && canReinstate && (
          <>
            <label className="check">
              <input type="checkbox" checked={reinstate} onChange={(event) => setReinstate(event.target.checked)} />
              {texts.alerts.reinstate}
            </label>
            {reinstate && <p className="small">{texts.review.reinstateEffect}</p>}
          </>
        )}
      </Confirm>
    </>
  );
}

/**
 * The devices to which a false alarm grants a slot: those that a check refused. An alert of an appeal has only the key of its device,
 * not its name.
 */
const grantedBy = (alerts: AlertRow[]) =>
  alerts.flatMap(({ evidence }) => {
    const device = refusedDevice(evidence);
    if (device) return [deviceName(device.ea_instance_id, device.mt5_account_number)];
    return evidence?.device_key ? [texts.review.causingDevice] : [];
  });

/** Reviews the alerts, each in its own transaction. Returns those that were refused; a single one that is refused is an exception. */
async function send(alerts: AlertRow[], body: { status: Review; notes: string | null; reinstate: boolean }): Promise<Result[]> {
  if (alerts.length === 1) {
    await call('PATCH', `/api/v1/licenses/alerts/${alerts[0]!.alert_id}`, body);
    return [];
  }
  const id = (alert: AlertRow) => alert.alert_id;
  const refused = await inChunks(alerts, id, async (chunk) => {
    const reply = await call<{ results: { alert_id: string; code: string | null; detail: string | null }[] }>(
      'POST',
      '/api/v1/licenses/alerts/review',
      { alert_ids: chunk.map(id), ...body },
    );
    return reply.results.flatMap((one) => (one.code ? [{ key: one.alert_id, detail: one.detail }] : []));
  });
  const names = new Map(alerts.map((alert) => [alert.alert_id, alert.description ?? alert.activity_type]));
  return refused.map((one) => ({ ...one, name: names.get(one.key) }));
}
