import { useState } from 'react';
import { call, Problem, useAction } from '../api';
import type { AlertRow, Review } from '../alerts';
import { suspensionCause } from '../licenses';
import { texts } from '../texts';
import { Button, Confirm, Field, notify } from '../ui/kit';

/** The actions of an operator on one alert or on several alerts. */
export function ReviewAlerts({ alerts, done }: { alerts: AlertRow[]; done: () => void }) {
  const [asked, setAsked] = useState<Review>();
  const [notes, setNotes] = useState('');
  const [reinstate, setReinstate] = useState(true);
  const action = useAction();
  const canReinstate = alerts.some((alert) => alert.can_reinstate);

  const review = (status: Review) =>
    action.run(async () => {
      const body = { status, notes: notes.trim() || null, reinstate: status === 'FALSE_POSITIVE' && canReinstate && reinstate };
      const ids = body.reinstate ? new Set(alerts.flatMap((alert) => (alert.can_reinstate && alert.subscription_id) || [])) : [];
      const causes = new Map(await Promise.all([...ids].map(async (id) => [id, await suspensionCause(id)] as const)));
      const replies = await Promise.allSettled(alerts.map((alert) => call('PATCH', `/api/v1/licenses/alerts/${alert.alert_id}`, body)));
      const failed = replies.flatMap((reply) => (reply.status === 'rejected' ? [reply.reason as Problem] : []));
      if (failed.length === alerts.length) throw failed[0]!;
      const reinstated = body.reinstate
        ? new Set(
            alerts.flatMap((alert, n) =>
              alert.can_reinstate && alert.subscription_id && replies[n]!.status === 'fulfilled' ? [alert.subscription_id] : [],
            ),
          )
        : new Set<string>();
      const undo = () =>
        Promise.all(
          [...reinstated].map((id) =>
            call('POST', `/api/v1/licenses/${id}/suspend`, { reason: texts.review.undoneReinstatement, cause: causes.get(id) }),
          ),
        )
          .then(
            () => notify(texts.alerts.suspendedAgain),
            (problem: Error) => notify(problem.message),
          )
          .finally(done);
      notify(
        failed.length > 0
          ? texts.alerts.partly(alerts.length - failed.length, alerts.length, failed[0]!.message)
          : texts.alerts.updated(alerts.length),
        reinstated.size > 0 ? () => void undo() : undefined,
      );
      setAsked(undefined);
      setNotes('');
      done();
    });
  const could = (next: Review) => alerts.length > 0 && alerts.every((alert) => alert.next_statuses.includes(next));

  return (
    <>
      <Button
        isDisabled={!could('INVESTIGATING') || action.busy}
        onPress={() => void review('INVESTIGATING').then((fine) => fine || setAsked('INVESTIGATING'))}
      >
        {texts.alerts.investigate}
      </Button>
      <Button isDisabled={!could('RESOLVED')} onPress={() => setAsked('RESOLVED')}>
        {texts.alerts.resolve}
      </Button>
      <Button isDisabled={!could('FALSE_POSITIVE')} onPress={() => setAsked('FALSE_POSITIVE')}>
        {texts.alerts.falseAlarm}
      </Button>
      <Confirm
        open={asked !== undefined}
        title={asked ? `${texts.alerts.dialogs[asked]}: ${texts.alerts.count(alerts.length)}` : ''}
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
