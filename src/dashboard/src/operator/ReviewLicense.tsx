import { useState } from 'react';
import { call, useAction } from '../api';
import type { License } from '../licenses';
import { texts } from '../texts';
import { Button, Confirm, Field, say } from '../ui/kit';

/** Suspends or reinstates, says first what that does, and can take it back. */
export function ReviewLicense({ license, reload }: { license: License; reload: () => void }) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const [harmless, setHarmless] = useState(false);
  const action = useAction();
  const suspended = license.status === 'SUSPENDED';
  const post = (what: 'suspend' | 'reinstate', body: unknown) => call('POST', `/api/v1/licenses/${license.subscription_id}/${what}`, body);

  const go = () =>
    action.run(async () => {
      await post(suspended ? 'reinstate' : 'suspend', suspended ? { reason, false_positive: harmless } : { reason });
      // The other way round: a slip of the hand is mended before the customer has read the mail. A note for the audit log is not for his eyes.
      const back = () =>
        post(suspended ? 'suspend' : 'reinstate', { reason: suspended ? texts.judge.undoneReinstatement : texts.judge.undoReason })
          .then(
            () => say(texts.judge.undone),
            (problem: Error) => say(problem.message),
          )
          .finally(reload);
      say(suspended ? texts.judge.reinstated : texts.judge.suspended, () => void back());
      setOpen(false);
      setReason('');
      reload();
    });

  return (
    <>
      <Button look={suspended ? 'main' : 'plain'} onPress={() => setOpen(true)}>
        {suspended ? texts.judge.reinstate : texts.judge.suspend}
      </Button>
      <Confirm
        open={open}
        title={suspended ? texts.judge.reinstateTitle : texts.judge.suspendTitle}
        text={suspended ? texts.judge.reinstateEffect : texts.judge.suspendEffect(texts.judge.devices(license.device_count))}
        go={suspended ? texts.judge.reinstateNow : texts.judge.suspendNow}
        look={suspended ? 'main' : 'danger'}
        busy={action.busy}
        problem={action.problem}
        disabled={!reason.trim()}
        onGo={() => void go()}
        onClose={() => {
          setOpen(false);
          action.clear();
        }}
      >
        <Field label={suspended ? texts.judge.note : texts.judge.reason} value={reason} onChange={setReason} max={500} auto />
        {suspended && (
          <label className="check">
            <input type="checkbox" checked={harmless} onChange={(event) => setHarmless(event.target.checked)} />
            {texts.judge.falsePositive}
          </label>
        )}
      </Confirm>
    </>
  );
}
