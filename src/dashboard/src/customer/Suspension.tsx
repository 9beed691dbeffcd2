import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { useConfig } from '../config';
import { format } from '../format';
import type { License } from '../licenses';
import { Link } from '../router';
import { useIsOperator } from '../session';
import { t, word } from '../language';
import { Button, Empty, Field, ProblemBox, notify, Show } from '../ui/kit';
import type { TabProps } from './License';
import { say, type Summary } from './summary';

type Reason = {
  cause: string;
  summary: Summary | null;
  note: string | null;
  suspended_at: string;
  appealed_at: string | null;
  appeal_answer: string | null;
  can_lift: boolean;
  can_appeal: boolean;
  needs_renewal: boolean;
  refused_device: { ea_instance_id: string; mt5_account_number: number } | null;
};
type View = {
  suspended: boolean;
  lift_interval_days: number;
  suspensions: Reason[];
  /** Undefined from an earlier backend. */
  platform_reason?: string | null;
};

export default function Suspension({ id, license, reload }: TabProps) {
  const view = useLoad<View>(`/api/v1/licenses/${id}/suspension`, 60);
  const owner = !useIsOperator();
  const [isLifted, setLifted] = useState(false);
  return (
    <Show of={view}>
      {(reply) =>
        isLifted ? (
          <section className="card">
            <p className="notice good" role="status">
              {t('suspension.lifted')}
            </p>
            <div className="actions">
              <Link className="button main" to={`/licenses/${id}/devices`}>
                {t('suspension.devices')}
              </Link>
              <Link className="button" to={`/licenses/${id}`}>
                {t('home.do.ASK_SUPPORT')}
              </Link>
            </div>
          </section>
        ) : reply.suspensions.length === 0 ? (
          <ByPlatform license={license} of={reply} />
        ) : (
          <>
            {reply.suspensions.map((one) => (
              <section key={one.cause} className="card">
                <h2>{word('suspension.cause', one.cause) ?? one.cause}</h2>
                <Why of={one} />
                <p className="small">{t('suspension.since', { time: format.moment(one.suspended_at) })}</p>
                {one.appealed_at && (
                  <div className="notice fair">
                    <p>{t(appealText(one, owner), { time: format.moment(one.appealed_at) })}</p>
                    {one.can_appeal && one.appeal_answer && <p>{t('suspension.answer', { answer: one.appeal_answer })}</p>}
                  </div>
                )}
                {one.needs_renewal && (
                  <>
                    <p>{t('suspension.expired')}</p>
                    <div className="actions">
                      <Link className="button main" to={`/licenses/${id}/renewals?renew`}>
                        {t('suspension.renew')}
                      </Link>
                    </div>
                  </>
                )}
                {owner && one.can_lift && (
                  <Lift
                    id={id}
                    days={reply.lift_interval_days}
                    done={() => {
                      setLifted(true);
                      view.reload();
                      reload();
                    }}
                  />
                )}
                {owner && one.refused_device && (
                  <>
                    <div className="actions">
                      <Link className="button" to={`/licenses/${id}/devices`}>
                        {t('suspension.keep', { ea: one.refused_device.ea_instance_id })}
                      </Link>
                    </div>
                    <p className="small">
                      {t('waiting.unknown')} <Link to={`/licenses/${id}/activity#token`}>{t('waiting.changeToken')}</Link>
                    </p>
                  </>
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

/** What the platform did to the license, which only the platform can end; nothing if it did nothing. */
function ByPlatform({ license: { code }, of: { suspended, platform_reason: reason } }: { license: License; of: View }) {
  const owner = !useIsOperator();
  const support = useConfig()?.brand.support_email;
  const stopped = suspended ? undefined : word('paused', code);
  if (!suspended && !stopped) return <Empty>{t('suspension.none')}</Empty>;
  return (
    <section className="card">
      <h2>{stopped ?? t('status.SUSPENDED')}</h2>
      <p>{stopped ? word('health.because', code) : t('suspension.platform')}.</p>
      {reason && <p>{t('suspension.note', { note: reason })}</p>}
      <p>{t(owner ? 'home.why.ASK_PLATFORM' : 'suspension.onlyPlatform')}</p>
      {owner && (support || code === 'LOCKED_NO_FUNDS') && (
        <div className="actions">
          {code === 'LOCKED_NO_FUNDS' && (
            <Link className="button main" to="/wallet">
              {t('home.do.ADD_MONEY')}
            </Link>
          )}
          {support && (
            <a className="button" href={`mailto:${support}`}>
              {t('support.write')}
            </a>
          )}
        </div>
      )}
    </section>
  );
}

function Lift({ id, days, done }: { id: string; days: number; done: () => void }) {
  const action = useAction();
  return (
    <>
      <p>{t('suspension.liftText', { days })}</p>
      {action.problem && <ProblemBox problem={action.problem} />}
      <div className="actions">
        <Button
          look="main"
          isPending={action.busy}
          onPress={() =>
            void action.run(async () => {
              await call('POST', `/api/v1/licenses/${id}/lift-suspension`);
              done();
            })
          }
        >
          {t('suspension.lift')}
        </Button>
      </div>
    </>
  );
}

function Appeal({ id, done }: { id: string; done: () => void }) {
  const [message, setMessage] = useState('');
  const action = useAction();
  return (
    <section className="card">
      <h2>{t('suspension.appeal')}</h2>
      <Field label={t('suspension.appealLabel')} help={t('suspension.appealHelp')} value={message} onChange={setMessage} long max={2000} />
      {action.problem && <ProblemBox problem={action.problem} />}
      <div className="actions">
        <Button
          look="main"
          isDisabled={!message.trim()}
          isPending={action.busy}
          onPress={() =>
            void action.run(async () => {
              await call('POST', `/api/v1/licenses/${id}/appeal`, { message: message.trim() });
              notify(t('suspension.sent'));
              done();
            })
          }
        >
          {t('suspension.send')}
        </Button>
      </div>
    </section>
  );
}

/** What was seen, the operator's own words, or else what the cause says. */
function Why({ of: { cause, summary, note, refused_device: out } }: { of: Reason }) {
  const operator = useIsOperator();
  const said = (summary && say(summary)) ?? word('suspension.about', cause) ?? cause;
  return (
    <>
      <p>
        {said}
        {out &&
          ` ${
            // Evidence of earlier versions doesn't name the device.
            summary?.code !== 'DEVICE_REFUSED'
              ? t('suspension.staysOutNamed', { ea: out.ea_instance_id, account: String(out.mt5_account_number) })
              : t(operator ? 'suspension.customerStaysOut' : 'suspension.staysOut')
          }`}
      </p>
      {note && <p>{t('suspension.note', { note })}</p>}
    </>
  );
}

/** An appeal that can be repeated has been answered. */
const appealText = (one: Reason, owner: boolean) =>
  one.can_appeal
    ? owner
      ? 'suspension.reviewed'
      : 'suspension.customerReviewed'
    : owner
      ? 'suspension.waiting'
      : 'suspension.customerWaiting';
