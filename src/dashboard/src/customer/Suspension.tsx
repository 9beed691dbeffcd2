import { useState } from 'react';
import { Link } from 'react-router';
import { call, useAction, useLoad } from '../api';
import { format } from '../format';
import { useSession } from '../session';
import { texts } from '../texts';
import { Button, Field, ProblemBox, notify, Show } from '../ui/kit';
import type { TabProps } from './License';

type Reason = {
  cause: string;
  reason: string;
  suspended_at: string;
  appealed_at: string | null;
  can_lift: boolean;
  can_appeal: boolean;
  needs_renewal: boolean;
  refused_device: { ea_instance_id: string; mt5_account_number: number } | null;
};
type View = { suspended: boolean; lift_interval_days: number; suspensions: Reason[] };

export default function Suspension({ id, reload }: TabProps) {
  const view = useLoad<View>(`/api/v1/licenses/${id}/suspension`, 60);
  const owner = useSession()?.role === 'subscriber';
  return (
    <Show of={view}>
      {(reply) =>
        reply.suspensions.length === 0 ? (
          <p>{reply.suspended ? texts.suspension.byPlatform : texts.suspension.none}</p>
        ) : (
          <>
            {reply.suspensions.map((one) => (
              <section key={one.cause} className="card">
                <h2>{texts.suspension.cause[one.cause] ?? one.cause}</h2>
                <p>{why(one)}</p>
                <p className="small">{texts.suspension.since(format.moment(one.suspended_at))}</p>
                {one.appealed_at && <p className="notice fair">{texts.suspension.waiting(format.moment(one.appealed_at))}</p>}
                {one.needs_renewal && (
                  <p>
                    {texts.suspension.expired} <Link to={`/licenses/${id}/renewals`}>{texts.suspension.renew}</Link>
                  </p>
                )}
                {owner && one.can_lift && (
                  <Lift
                    id={id}
                    days={reply.lift_interval_days}
                    done={() => {
                      view.reload();
                      reload();
                    }}
                  />
                )}
              </section>
            ))}
            {owner && reply.suspensions.some((one) => one.can_appeal) && <Appeal id={id} done={view.reload} />}
          </>
        )
      }
    </Show>
  );
}

function Lift({ id, days, done }: { id: string; days: number; done: () => void }) {
  const action = useAction();
  return (
    <>
      <p>{texts.suspension.liftText(days)}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
      <Button
        look="main"
        isPending={action.busy}
        onPress={() =>
          void action.run(async () => {
            await call('POST', `/api/v1/licenses/${id}/lift-suspension`);
            notify(texts.suspension.lifted);
            done();
          })
        }
      >
        {texts.suspension.lift}
      </Button>
    </>
  );
}

function Appeal({ id, done }: { id: string; done: () => void }) {
  const [message, setMessage] = useState('');
  const action = useAction();
  return (
    <section className="card">
      <h2>{texts.suspension.appeal}</h2>
      <Field
        label={texts.suspension.appealLabel}
        help={texts.suspension.appealHelp}
        value={message}
        onChange={setMessage}
        long
        max={2000}
      />
      {action.problem && <ProblemBox problem={action.problem} />}
      <Button
        look="main"
        isDisabled={!message.trim()}
        isPending={action.busy}
        onPress={() =>
          void action.run(async () => {
            await call('POST', `/api/v1/licenses/${id}/appeal`, { message: message.trim() });
            notify(texts.suspension.sent);
            done();
          })
        }
      >
        {texts.suspension.send}
      </Button>
    </section>
  );
}

/** The recorded reason of a suspension for too many devices counts them, but doesn't name the refused one. */
const why = ({ reason, refused_device: device }: Reason) =>
  device ? texts.suspension.refusedDevice(texts.suspension.device(device.ea_instance_id, device.mt5_account_number)) : reason;
