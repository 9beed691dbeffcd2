import { lazy, Suspense, useEffect, useState } from 'react';
import { useLoad } from '../api';
import {
  actionOf,
  deviceName,
  outcomesOf,
  refusedDevice,
  sentenceOf,
  type AlertRow,
  type Evidence,
  type EvidenceDevice,
  type RefusedDevice,
  type Session,
} from '../alerts';
import type { DeviceList } from '../devices';
import { format } from '../format';
import { word } from '../language';
import type { License } from '../licenses';
import { Link, useParams } from '../router';
import { Back, Badge, Button, Empty, Facts, keepFocus, LicenseStatus, Mail, PageTitle, Show, Skeleton, Table } from '../ui/kit';
import { AlertStatus } from './AlertStatus';
import { alertTexts } from './alertTexts';
import { texts } from './pageTexts';
import { ReviewAlerts } from './ReviewAlerts';
import { ReviewLicense } from './ReviewLicense';
import { ShortcutHelp, useShortcuts } from './shortcuts';
import { words } from './texts';
import { Timeline } from './Timeline';

const keys: [string, string][] = [...words.alerts.reviewKeys, [words.review.key, words.review.help], ...words.shortcuts.everywhere];

const WorldMap = lazy(() => import('./WorldMap'));

type Detail = {
  alert: AlertRow;
  others: AlertRow[];
  sessions_from: string;
  sessions_to: string;
  sessions: Session[];
  has_more_sessions: boolean;
};

export default function AlertPage() {
  const detail = useLoad<Detail>(`/api/v1/licenses/alerts/${encodeURIComponent(useParams().alertId!)}`, 60);
  return (
    <>
      <Back to="/alerts">{alertTexts.back}</Back>
      <Show of={detail} rows={8}>
        {(reply) => <Shown {...reply} reload={detail.reload} />}
      </Show>
    </>
  );
}

function Shown({ alert, others, sessions, sessions_from, sessions_to, has_more_sessions, reload }: Detail & { reload: () => void }) {
  const license = useLoad<License>(alert.subscription_id && `/api/v1/licenses/${alert.subscription_id}`);
  const again = () => {
    reload();
    license.reload();
  };
  const [helps, setHelps] = useState(false);
  useShortcuts({ '?': () => setHelps(true) });
  // A decision removes its button.
  useEffect(keepFocus, [alert.status]);
  if (alert.subscription_id && !license.data && !license.problem) return <Skeleton rows={8} />;
  const evidence = alert.evidence;
  const devices = (evidence?.devices ?? []).filter((device) => device.first_at && device.last_at);
  const stranger = refusedDevice(evidence);
  return (
    <>
      <PageTitle title={word('activity', alert.activity_type) ?? alert.activity_type}>
        <Badge of={alert.severity} />
        <AlertStatus of={alert} />
      </PageTitle>
      {alert.appeal && (
        <div className="notice fair">
          <h2>{alertTexts.appeal}</h2>
          <p>{alert.appeal}</p>
          <p className="small">{format.moment(alert.appealed_at)}</p>
        </div>
      )}
      {alert.customer_confirmed_at && (
        <p className="notice fair">
          {texts.alerts.confirmed}, {format.moment(alert.customer_confirmed_at)}.{' '}
          {alert.confirmed_from_known ? alertTexts.fromKnown : alert.customer_denied_at ? alertTexts.afterDenial : alertTexts.fromUnknown}
        </p>
      )}
      {alert.customer_denied_at && (
        <p className="notice poor">
          {texts.alerts.denied}, {format.moment(alert.customer_denied_at)}.
        </p>
      )}
      <section className="card" aria-label={texts.alerts.what}>
        <p>
          <strong>{sentenceOf(alert)}</strong>
        </p>
        <Facts
          rows={[
            [texts.alerts.when, format.moment(alert.detected_at)],
            [texts.alerts.action, [actionOf(alert), ...outcomesOf(alert)].join('. ')],
            [
              texts.license.owner,
              license.data?.owner_id ? (
                <Link to={`/customers/${license.data.owner_id}`}>
                  <Mail of={license.data.owner_email} />
                </Link>
              ) : (
                texts.none
              ),
            ],
            [
              texts.alerts.license,
              license.data ? <Link to={`/licenses/${alert.subscription_id}`}>{license.data.master}</Link> : texts.none,
            ],
            [texts.health.status, license.data ? <LicenseStatus license={license.data} /> : texts.none],
            ...(evidence?.measured !== undefined && evidence.limit !== undefined
              ? [
                  [alertTexts.evidence, alertTexts.measured(format.number(evidence.measured), format.number(evidence.limit))] as [
                    string,
                    string,
                  ],
                ]
              : []),
            ...(evidence?.people
              ? [[alertTexts.atOnce, alertTexts.people(evidence.people, format.number(evidence.minutes_at_once ?? 0))] as [string, string]]
              : []),
            ...refused(evidence).map(([head, device]): [string, string] => [
              head,
              [
                device.ea_instance_id,
                device.mt5_account_number,
                device.ip_address,
                format.location(device.city, device.country),
                format.moment(device.refused_at),
              ]
                .filter((part) => part !== undefined && part !== texts.none)
                .join(' · '),
            ]),
            ...(evidence?.opened ? [[alertTexts.opened, format.number(evidence.opened)] as [string, string]] : []),
            ...(evidence?.close_only_since
              ? [[alertTexts.closeOnlySince, format.moment(evidence.close_only_since)] as [string, string]]
              : []),
            ...(evidence?.refusals ? [[alertTexts.refusals, format.number(evidence.refusals)] as [string, string]] : []),
            ...(alert.customer_answer
              ? [[texts.alerts.answer, texts.alerts.answers[alert.customer_answer] ?? alert.customer_answer] as [string, string]]
              : []),
            ...(alert.asked_at ? [[alertTexts.asked, format.moment(alert.asked_at)] as [string, string]] : []),
            ...(alert.resolution_notes ? [[alertTexts.notes, alert.resolution_notes] as [string, string]] : []),
          ]}
        />
        <div className="actions">
          <ReviewAlerts alerts={[alert]} done={again} undone={again} />
          {license.data && <ReviewLicense license={license.data} reload={again} />}
          <span className="keyboard">
            <Button look="quiet" onPress={() => setHelps(true)}>
              {words.shortcuts.title}
            </Button>
          </span>
        </div>
        <ShortcutHelp open={helps} keys={keys} onClose={() => setHelps(false)} />
      </section>
      {sessions.length > 0 && (
        <Timeline
          sessions={sessions}
          from={sessions_from}
          to={sessions_to}
          isCut={has_more_sessions}
          limit={evidence?.device_limit ?? evidence?.max_devices}
          refused={stranger && { device: stranger, at: stranger.refused_at ?? alert.detected_at }}
        />
      )}
      {devices.length > 0 ? (
        <Devices title={alertTexts.timeline} text={alertTexts.timelineText} devices={devices} sessions={sessions} />
      ) : (
        alert.subscription_id && (
          <OwnDevices
            id={alert.subscription_id}
            sessions={sessions}
            refused={stranger}
            refusedAt={stranger?.refused_at ?? alert.detected_at}
          />
        )
      )}
      {evidence && (
        <details>
          <summary>{alertTexts.raw}</summary>
          <pre tabIndex={0}>{JSON.stringify(evidence, null, 2)}</pre>
        </details>
      )}
      <h2>{alertTexts.others}</h2>
      {others.length === 0 ? (
        <Empty>{alertTexts.noOthers}</Empty>
      ) : (
        <Table
          label={alertTexts.others}
          rows={others}
          id={(row) => row.alert_id}
          columns={[
            { head: texts.alerts.when, cell: (row) => format.moment(row.detected_at) },
            {
              head: texts.alerts.what,
              cell: (row) => (
                <Link to={`/alerts/${row.alert_id}`}>{sentenceOf(row) ?? word('activity', row.activity_type) ?? row.activity_type}</Link>
              ),
            },
            { head: texts.alerts.status, cell: (row) => <AlertStatus of={row} /> },
          ]}
        />
      )}
    </>
  );
}

/** The devices that a check refused: the alert's own, and the last one of others that are counted in it. */
const refused = (evidence: Evidence | null): [string, RefusedDevice][] => [
  ...[refusedDevice(evidence)].flatMap((device): [string, RefusedDevice][] => (device ? [[alertTexts.refusedDevice, device]] : [])),
  ...(evidence?.last_refused_device ? [[alertTexts.lastRefused, evidence.last_refused_device] as [string, RefusedDevice]] : []),
];

/** Alerts of device admission and of other systems have no times. For them, the page shows the license's devices and the refused one. */
function OwnDevices({ id, sessions, refused, refusedAt }: { id: string; sessions: Session[]; refused?: RefusedDevice; refusedAt: string }) {
  const list = useLoad<DeviceList>(`/api/v1/licenses/${id}/devices`);
  return (
    <Show of={list} rows={3}>
      {(reply) => {
        const own = reply.devices.map((device): EvidenceDevice => ({
          ea_instance_id: device.ea_instance_id,
          account: device.mt5_account_number,
          network: device.networks[0]?.network,
          country: device.country_code ?? undefined,
          city: device.city ?? undefined,
          first_at: device.first_seen ?? device.last_seen,
          last_at: device.last_seen,
        }));
        const isOwn =
          refused && own.some((one) => one.ea_instance_id === refused.ea_instance_id && one.account === refused.mt5_account_number);
        const all = [
          ...own,
          ...(refused && !isOwn
            ? [
                {
                  ea_instance_id: refused.ea_instance_id,
                  account: refused.mt5_account_number,
                  network: refused.ip_address,
                  country: refused.country ?? undefined,
                  city: refused.city ?? undefined,
                  first_at: refusedAt,
                  last_at: refusedAt,
                  isRefused: true,
                },
              ]
            : []),
        ];
        return (
          all.length > 0 && (
            <Devices
              title={alertTexts.ownTimeline}
              text={refused && !isOwn ? alertTexts.ownTimelineRefused : alertTexts.ownTimelineText}
              devices={all}
              sessions={sessions}
            />
          )
        );
      }}
    </Show>
  );
}

type ShownDevice = EvidenceDevice & { isRefused?: boolean };

function Devices({ title, text, devices, sessions }: { title: string; text: string; devices: ShownDevice[]; sessions: Session[] }) {
  const points = [
    ...new Map(
      sessions.flatMap((one) =>
        one.latitude === null || one.longitude === null
          ? []
          : [
              [
                `${one.city} ${one.country}`,
                { latitude: one.latitude, longitude: one.longitude, name: format.location(one.city, one.country) },
              ],
            ],
      ),
    ).values(),
  ].sort((a, b) => a.name.localeCompare(b.name));
  const known = new Set(sessions.flatMap((one) => (one.latitude === null ? [] : [`${one.city} ${one.country}`])));
  const countries = devices.flatMap((device) => (device.country && !known.has(`${device.city} ${device.country}`) ? [device.country] : []));
  return (
    <>
      <h2>{title}</h2>
      <p className="small">{text}</p>
      <Table
        label={title}
        rows={devices.map((device, n) => ({ device, n }))}
        id={({ n }) => String(n)}
        columns={[
          {
            head: alertTexts.device,
            wide: true,
            cell: ({ device }) => (
              <>
                {deviceName(device.ea_instance_id, device.account)} {device.isRefused && <Badge of="HIGH">{alertTexts.refused}</Badge>}
              </>
            ),
          },
          { head: alertTexts.location, wide: true, cell: ({ device }) => format.location(device.city, device.country) },
          { head: texts.usage.network, cell: ({ device }) => device.network ?? texts.none },
          { head: alertTexts.from, cell: ({ device }) => (device.isRefused ? texts.none : format.moment(device.first_at)) },
          { head: alertTexts.to, cell: ({ device }) => (device.isRefused ? texts.none : format.moment(device.last_at)) },
          ...(devices.some((device) => device.minutes !== undefined)
            ? [{ head: alertTexts.minutes, number: true, cell: ({ device }: { device: ShownDevice }) => format.number(device.minutes) }]
            : []),
        ]}
      />
      {(points.length > 0 || countries.length > 0) && (
        <>
          <h2>{alertTexts.map}</h2>
          <Suspense fallback={<div className="map" />}>
            <WorldMap points={points} countries={[...new Set(countries)]} />
          </Suspense>
          <p className="small">{alertTexts.mapText}</p>
        </>
      )}
    </>
  );
}
