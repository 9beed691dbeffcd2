import { useState } from 'react';
import { call, useAction } from '../api';
import { suspensionCause, type License } from '../licenses';
import { texts } from '../texts';
import { Confirm, Field, notify } from '../ui/kit';
import { undoDecisions } from './decisions';
import { words } from './texts';

/** Suspends or reinstates a license. It shows the effect first and offers an undo. */
export default function ReviewLicenseDialog({ license, reload, onClose }: { license: License; reload: () => void; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const [falsePositive, setFalsePositive] = useState(false);
  const [fraud, setFraud] = useState(false);
  const action = useAction();
  const suspended = license.can_reinstate;
  const post = (what: 'suspend' | 'reinstate', body: unknown) =>
    call<{ closed_alerts?: string[] }>('POST', `/api/v1/licenses/${license.subscription_id}/${what}`, body);

  const go = () =>
    action.run(async () => {
      const before = suspended ? await suspensionCause(license.subscription_id) : undefined;
      // A backend of an earlier version, which may answer during a deployment, doesn't name the closed alerts.
      const { closed_alerts: closed = [] } = await post(
        suspended ? 'reinstate' : 'suspend',
        suspended ? { reason, false_positive: falsePositive } : { reason, cause: fraud ? 'FRAUD' : 'OPERATOR' },
      );
      // The undo has a fixed reason: the customer sees the reason of a suspension, but not the note on a reinstatement.
      const undo = () =>
        (suspended
          ? undoDecisions(closed, true, () => [{ id: license.subscription_id, cause: before }])
          : post('reinstate', { reason: texts.review.undoReason }).then(() => texts.review.undone)
        )
          .then(notify, (problem: Error) => notify(problem.message))
          .finally(reload);
      const told = suspended ? texts.review.reinstated : texts.review.suspended;
      notify(closed.length > 0 ? `${told} ${words.review.alsoClosed(closed.length)}` : told, () => void undo());
      onClose();
      reload();
    });

  return (
    <Confirm
      open
      title={suspended ? texts.review.reinstateTitle : texts.review.suspendTitle}
      text={suspended ? texts.review.reinstateEffect : texts.review.suspendEffect(texts.review.devices(license.device_count))}
      go={suspended ? texts.review.reinstateNow : texts.review.suspendNow}
      look={suspended ? 'main' : 'danger'}
      busy={action.busy}
      problem={action.problem}
      disabled={!reason.trim()}
      onGo={() => void go()}
      onClose={onClose}
    >
      <Field label={suspended ? texts.review.note : texts.review.reason} value={reason} onChange={setReason} max={500} auto />
      {suspended ? (
        <label className="check">
          <input type="checkbox" checked={falsePositive} onChange={(event) => setFalsePositive(event.target.checked)} />
          {texts.review.falsePositive}
        </label>
      ) : (
        <label className="check">
          <input type="checkbox" checked={fraud} onChange={(event) => setFraud(event.target.checked)} />
          {texts.review.fraud}
        </label>
      )}
    </Confirm>
  );
}
