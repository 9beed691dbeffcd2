import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import type { Device, DeviceList } from '../devices';
import { useScroll } from '../files';
import { format } from '../format';
import { Link } from '../router';
import { useIsOperator } from '../session';
import { language, t, word } from '../language';
import { Badge, Button, Confirm, Copy, Empty, notify, ProblemBox, Show, Skeleton, Table } from '../ui/kit';
import type { TabProps } from './License';
import { say, type Summary } from './summary';
import { useTasks } from './taskList';

type Alert = {
  alert_id: string;
  activity_type: string;
  severity: string;
  description: string | null;
  summary: Summary | null;
  detected_at: string;
  status: string;
  is_open: boolean;
  measure: string;
  can_answer: boolean;
  customer_confirmed_at: string | null;
  customer_denied_at: string | null;
  appealed_at: string | null;
};

type ActivityList = { alerts: Alert[]; previous_token_until: string | null };
type NewToken = { token: string; previous_valid_until: string | null };

/** How long the old token works, in hours. */
const overlap = 24;

/** Questions that are shown at once; the next ones follow when these are answered. */
const mostQuestions = 3;

/** Devices that a question names, those that were used last. */
const mostDevices = 6;

/** What was done, in sentences. */
function done(alert: Alert, owner: boolean) {
  const [yes, no] = [alert.customer_confirmed_at !== null, alert.customer_denied_at !== null];
  const say = (what: string) => (owner ? undefined : word('activityPage.customerDone', what)) ?? word('activityPage.done', what);
  const said = [
    // The question has ended with the answer or the review.
    say(alert.measure === 'ASKED' && (yes || no || !alert.is_open) ? 'asked' : alert.measure),
    yes && say('yes'),
    no && say('no'),
    (yes || no) && alert.can_answer && say(alert.measure === 'ASKED' ? 'reviewWaits' : 'review'),
    alert.appealed_at && say('appeal'),
  ].filter(Boolean);
  return said.join(' ') || t('activityPage.done.nothing');
}

/** The sentence of the alert's summary. An alert of the platform has none: its English description is for English readers only. */
const describe = (alert: Alert) =>
  (alert.summary && say(alert.summary)) ??
  (language.get() === 'en' ? alert.description : undefined) ??
  word('activityPage.about', alert.activity_type);

const isAnswered = (alert: Alert) => alert.customer_confirmed_at !== null || alert.customer_denied_at !== null;

export default function Activity({ id, license }: TabProps) {
  const activity = useLoad<ActivityList>(`/api/v1/licenses/${id}/activity`, 60);
  const devices = useLoad<DeviceList>(`/api/v1/licenses/${id}/devices`, 60);
  const [asking, setAsking] = useState(false);
  const [atOnce, setAtOnce] = useState(false);
  const [token, setToken] = useState<NewToken>();
  const action = useAction();
  const scroll = useScroll('token');
  const owner = !useIsOperator();
  const tasks = useTasks(owner ? id : null);
  // The customer said that somebody else uses the license, and the token was not changed since.
  const isStolen = tasks.data?.tasks.some((task) => task.kind === 'CHANGE_TOKEN') === true;
  // Questions, and the devices in them, appear above the rest, which must not move then.
  if ((!activity.data && !activity.problem) || (!devices.data && !devices.problem)) return <Skeleton rows={8} />;
  const answered = () => {
    activity.reload();
    tasks.reload();
  };
  return (
    <>
      {owner &&
        activity.data?.alerts
          .filter((alert) => alert.can_answer && !isAnswered(alert))
          .slice(0, mostQuestions)
          .map((alert) => <Question key={alert.alert_id} id={id} alert={alert} devices={devices.data?.devices ?? []} done={answered} />)}
      <section>
        <h2 className="first">{t('activityPage.suspicious')}</h2>
        <Show of={activity} rows={2}>
          {({ alerts }) =>
            alerts.length === 0 ? (
              <Empty>{t('activityPage.nothing')}</Empty>
            ) : (
              <Table
                label={t('activityPage.suspicious')}
                rows={alerts}
                id={(row) => row.alert_id}
                columns={[
                  { head: t('activityPage.column.when'), cell: (row) => format.moment(row.detected_at) },
                  {
                    head: t('activityPage.column.what'),
                    wide: true,
                    cell: (row) => (
                      <>
                        {word('activity', row.activity_type) ?? row.activity_type}
                        {describe(row) && <div className="small">{describe(row)}</div>}
                      </>
                    ),
                  },
                  {
                    head: t('activityPage.column.status'),
                    cell: (row) => <Badge of={row.status}>{word('activityPage.status', row.status)}</Badge>,
                  },
                  {
                    head: t('activityPage.column.action'),
                    cell: (row) => done(row, owner),
                  },
                ]}
              />
            )
          }
        </Show>
        {license.can_reinstate && activity.data?.alerts.some((alert) => alert.is_open) && (
          <p>
            <Link to={`/licenses/${id}/suspension`}>{t(owner ? 'activityPage.appeal' : 'licenses.whySuspended')}</Link>
          </p>
        )}
      </section>
      {license.status !== 'REVOKED' && (
        <section className="card" id="token" ref={scroll}>
          <h2>{t('activityPage.tokenOf')}</h2>
          <p>{t(owner ? 'activityPage.wasItYou' : 'activityPage.customerToken')}</p>
          {!token && activity.data?.previous_token_until && (
            <p className="notice fair">{t('activityPage.oldTokenUntil', { time: format.moment(activity.data.previous_token_until) })}</p>
          )}
          <div className="actions">
            <Button
              look={isStolen ? 'main' : 'plain'}
              onPress={() => {
                setAtOnce(isStolen);
                setAsking(true);
              }}
            >
              {t('activityPage.token')}
            </Button>
          </div>
          {token && (
            <div className="notice good" role="status">
              <p>{t(owner ? 'activityPage.tokenMade' : 'activityPage.customerTokenMade')}</p>
              <Copy text={token.token} />
              {token.previous_valid_until && <p>{t('activityPage.oldTokenUntil', { time: format.moment(token.previous_valid_until) })}</p>}
            </div>
          )}
        </section>
      )}
      <h2>{t('activityPage.locations')}</h2>
      <Show of={devices}>
        {(list) => (
          <Table
            label={t('activityPage.locations')}
            rows={list.devices.flatMap(byLocation).sort((a, b) => Date.parse(b.lastSeen) - Date.parse(a.lastSeen))}
            id={(row) => `${row.device.ea_instance_id} ${row.device.mt5_account_number} ${row.location}`}
            columns={[
              { head: t('devices.lastSeen'), cell: (row) => format.moment(row.lastSeen) },
              { head: t('devices.device'), cell: (row) => row.device.name ?? row.device.ea_instance_id },
              { head: t('devices.location'), cell: (row) => row.location },
              {
                head: t('usage.network'),
                cell: ({ networks }) =>
                  networks.length === 1 ? (
                    networks[0]
                  ) : (
                    <details className="inline">
                      <summary>{t('activityPage.networks', { n: networks.length })}</summary>
                      {networks.join(', ')}
                    </details>
                  ),
              },
            ]}
          />
        )}
      </Show>
      <Confirm
        open={asking}
        title={t('activityPage.tokenTitle')}
        text={t(owner ? 'activityPage.tokenText' : 'activityPage.customerTokenText', { hours: overlap })}
        go={t('activityPage.token')}
        busy={action.busy}
        problem={action.problem}
        onClose={() => {
          setAsking(false);
          action.clear();
        }}
        onGo={() =>
          void action
            .run(async () => {
              setToken(await call<NewToken>('POST', `/api/v1/licenses/${id}/token`, { overlap_seconds: atOnce ? 0 : overlap * 3600 }));
              notify(t('activityPage.tokenChanged'));
              tasks.reload();
            })
            .then((done) => done && setAsking(false))
        }
      >
        {isStolen && <p>{t('activityPage.tokenDenied')}</p>}
        <label className="check">
          <input type="checkbox" checked={atOnce} onChange={(event) => setAtOnce(event.target.checked)} />
          {t('activityPage.tokenNow')}
        </label>
      </Confirm>
    </>
  );
}

/** A device's networks in one row for each location: a home connection gets a new address every day. */
function byLocation(device: Device) {
  const rows = new Map<string, { device: Device; location: string; lastSeen: string; networks: string[] }>();
  for (const network of device.networks) {
    const location = format.location(network.city, network.country_code);
    const row = rows.get(location) ?? { device, location, lastSeen: network.last_seen, networks: [] };
    row.networks.push(network.network);
    if (Date.parse(network.last_seen) > Date.parse(row.lastSeen)) row.lastSeen = network.last_seen;
    rows.set(location, row);
  }
  return [...rows.values()];
}

/** Where a device was used, the last location first. A network whose location is unknown counts only if no location is known. */
function locationsOf(device: Device) {
  const known = device.networks.filter((network) => network.country_code);
  const locations = (known.length > 0 ? known : [device]).map((one) => format.location(one.city, one.country_code));
  return [...new Set(locations)].join('; ');
}

/** The question about an open alert, with the devices that it may be about. The rules are those of the link in the email. */
function Question({ id, alert, devices, done }: { id: string; alert: Alert; devices: Device[]; done: () => void }) {
  const action = useAction();
  const answer = (wasYou: boolean) =>
    void action.run(async () => {
      const reply = await call<{ trusted: boolean }>('POST', `/api/v1/licenses/${id}/alerts/${alert.alert_id}/answer`, {
        was_you: wasYou,
      });
      notify(reply.trusted ? t('activityPage.closed') : wasYou ? t('activityPage.noted') : t('activityPage.denied'));
      done();
    });
  return (
    <section className="card">
      <h2>{t('activityPage.question')}</h2>
      <p>
        <strong>{word('activity', alert.activity_type) ?? alert.activity_type}</strong>
      </p>
      {describe(alert) && <p>{describe(alert)}</p>}
      <p className="small">{t('activityPage.noticed', { when: format.moment(alert.detected_at) })}</p>
      {devices.length > 0 && (
        <>
          <h3>{t('activityPage.used')}</h3>
          <Table
            label={t('activityPage.used')}
            rows={[...devices].sort((a, b) => Date.parse(b.last_seen) - Date.parse(a.last_seen)).slice(0, mostDevices)}
            id={(row) => `${row.ea_instance_id} ${row.mt5_account_number}`}
            columns={[
              {
                head: t('devices.device'),
                cell: (row) => (
                  <>
                    {row.name ?? row.ea_instance_id}
                    <div className="small">{t('activityPage.account', { account: String(row.mt5_account_number) })}</div>
                  </>
                ),
              },
              {
                head: t('devices.location'),
                cell: locationsOf,
              },
              { head: t('devices.lastSeen'), cell: (row) => format.moment(row.last_seen) },
            ]}
          />
        </>
      )}
      {word('activityPage.measure', alert.measure) && <p>{word('activityPage.measure', alert.measure)}</p>}
      {action.problem && <ProblemBox problem={action.problem} />}
      <div className="actions">
        <Button look="main" isPending={action.busy} onPress={() => answer(true)}>
          {t('activityPage.yes')}
        </Button>
        <Button isPending={action.busy} onPress={() => answer(false)}>
          {t('activityPage.no')}
        </Button>
      </div>
    </section>
  );
}
