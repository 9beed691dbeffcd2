import { useState } from 'react';
import { useAction } from '../api';
import { deviceName, refusedDevice, sentenceOf, type AlertRow, type Review } from '../alerts';
import { suspensionCause } from '../licenses';
import { texts } from '../texts';
import { Button, Confirm, Field, notify } from '../ui/kit';
import { reviewAlerts, undoDecisions } from './decisions';
import type { Result } from './Results';
import { shortcut, useShortcuts } from './shortcuts';
import { words } from './texts';

const keyOf = words.alerts.decisionKeys;

const closes = (status: Review) => status === 'RESOLVED' || status === 'FALSE_POSITIVE';

/** The actions of an operator on one alert or on several alerts. Their keys open the dialog, and never act without it. */
export function ReviewAlerts({
  alerts,
  asks,
  done,
  undone,
}: {
  alerts: AlertRow[];
  /** The decision for which the dialog is open at first. */
  asks?: Review;
  done: (refused?: { of: number; results: Result[] }) => void;
  /** A decision was undone. Meanwhile the operator may have selected other alerts. */
  undone: () => void;
}) {
  const [asked, setAsked] = useState<Review | undefined>(asks);
  const [notes, setNotes] = useState('');
  const [answer, setAnswer] = useState('');
  const [reinstate, setReinstate] = useState(true);
  const action = useAction();
  const canReinstate = alerts.some((alert) => alert.can_reinstate);
  const staysSuspended = (alert: AlertRow) => alert.is_suspended && !(asked === 'FALSE_POSITIVE' && reinstate && alert.can_reinstate);
  /** Those whose license stays suspended when they are closed. */
  const staying = asked && closes(asked) ? alerts.filter(staysSuspended) : [];
  const denied = alerts.filter((alert) => alert.customer_answer === 'DENIED');
  const appeals = staying.filter((alert) => alert.has_open_appeal);
  /** The customer of each alert gets the answer to the appeal. */
  const hasAnswer = alerts.length > 0 && appeals.length === alerts.length;

  const review = (status: Review) =>
    action.run(async () => {
      const body = {
        status,
        notes: notes.trim() || null,
        reinstate: status === 'FALSE_POSITIVE' && canReinstate && reinstate,
        answer: (hasAnswer && answer.trim()) || null,
      };
      const ids = body.reinstate ? new Set(alerts.flatMap((alert) => (alert.can_reinstate && alert.subscription_id) || [])) : [];
      const causes = new Map(await Promise.all([...ids].map(async (id) => [id, await suspensionCause(id)] as const)));
      const id = (alert: AlertRow) => alert.alert_id;
      const { refused, alsoClosed } = await reviewAlerts(alerts.map(id), body);
      const reviewed = alerts.filter((alert) => !refused.some((one) => one.key === alert.alert_id));
      const undo = () =>
        undoDecisions([...reviewed.map(id), ...alsoClosed], closes(status), (closed) =>
          [...causes]
            .filter(([license]) => reviewed.some((alert) => alert.subscription_id === license && !closed.has(alert.alert_id)))
            .map(([license, cause]) => ({ id: license, cause })),
        )
          .then(notify, (problem: Error) => notify(problem.message))
          .finally(undone);
      const slots = status === 'FALSE_POSITIVE' ? grantedBy(reviewed) : [];
      const told = [
        texts.alerts.updated(reviewed.length),
        ...(alsoClosed.length > 0 ? [words.review.alsoClosed(alsoClosed.length)] : []),
        ...(slots.length > 0 ? [texts.review.granted(slots)] : []),
      ].join(' ');
      if (reviewed.length > 0) notify(told, status === 'OPEN' ? undefined : () => void undo());
      setAsked(undefined);
      setNotes('');
      setAnswer('');
      const names = new Map(alerts.map((alert) => [alert.alert_id, sentenceOf(alert) ?? alert.activity_type]));
      done(refused.length > 0 ? { of: alerts.length, results: refused.map((one) => ({ ...one, name: names.get(one.key) })) } : undefined);
    });
  const could = (next: Review) => alerts.length > 0 && alerts.every((alert) => alert.next_statuses.includes(next));
  // For several alerts, a disabled button shows that the action exists, but not for all of them.
  // "Reopen" is offered only for closed alerts, which can't be closed again.
  const offers = (next: Review) =>
    next === 'OPEN' ? alerts.some((alert) => !alert.next_statuses.includes('RESOLVED')) : alerts.length > 1 || could(next);

  const ask = (next: Review) => () => could(next) && setAsked(next);
  useShortcuts({
    [keyOf.INVESTIGATING]: ask('INVESTIGATING'),
    [keyOf.RESOLVED]: ask('RESOLVED'),
    [keyOf.FALSE_POSITIVE]: ask('FALSE_POSITIVE'),
    [keyOf.OPEN]: ask('OPEN'),
  });

  return (
    <>
      {offers('INVESTIGATING') && (
        <Button
          {...shortcut(keyOf.INVESTIGATING)}
          isDisabled={!could('INVESTIGATING') || action.busy}
          onPress={() => void review('INVESTIGATING').then((fine) => fine || setAsked('INVESTIGATING'))}
        >
          {words.alerts.decisions.INVESTIGATING}
        </Button>
      )}
      {offers('RESOLVED') && (
        <Button {...shortcut(keyOf.RESOLVED)} isDisabled={!could('RESOLVED')} onPress={() => setAsked('RESOLVED')}>
          {words.alerts.decisions.RESOLVED}
        </Button>
      )}
      {offers('FALSE_POSITIVE') && (
        <Button {...shortcut(keyOf.FALSE_POSITIVE)} isDisabled={!could('FALSE_POSITIVE')} onPress={() => setAsked('FALSE_POSITIVE')}>
          {words.alerts.decisions.FALSE_POSITIVE}
        </Button>
      )}
      {offers('OPEN') && (
        <Button {...shortcut(keyOf.OPEN)} isDisabled={!could('OPEN')} onPress={() => setAsked('OPEN')}>
          {words.alerts.decisions.OPEN}
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
        {asked && closes(asked) && denied.length > 0 && <p>{words.review.denied(alerts.length, denied.length)}</p>}
        {staying.length > 0 && (
          <p>
            {words.review.staysSuspended(
              alerts.length === 1 ? undefined : new Set(staying.map((alert) => alert.subscription_id)).size,
              appeals.length,
            )}
          </p>
        )}
        {asked === 'FALSE_POSITIVE' &&
          [false, true].map((stays) => {
            const granted = grantedBy(alerts.filter((alert) => staysSuspended(alert) === stays));
            return granted.length > 0 && <p key={String(stays)}>{texts.review.grants(granted, stays)}</p>;
          })}
        <Field label={texts.alerts.notes} value={notes} onChange={setNotes} long max={2000} auto />
        {hasAnswer && (
          <Field label={words.review.answer} help={words.review.answerHelp} value={answer} onChange={setAnswer} long max={2000} />
        )}
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
