import { useState } from 'react';
import { call, useAction, type Loaded } from '../api';
import type { Device } from '../devices';
import { format } from '../format';
import { t, word } from '../language';
import { Link } from '../router';
import { useIsOperator } from '../session';
import { Button, Confirm, Empty, notify, Show, Table } from '../ui/kit';

type Named = { device_id: string | null; name: string | null; ea_instance_id: string; mt5_account_number: number };
type Entry = {
  at: string;
  what: string;
  by: string;
  device: Named;
  other: Named | null;
  network: string | null;
  country_code: string | null;
  city: string | null;
  times: number;
};
type Waiting = {
  alert_id: string;
  ea_instance_id: string;
  mt5_account_number: number;
  country_code: string | null;
  city: string | null;
  refused_at: string;
  refusals: number;
  has_suspended: boolean;
};
export type History = { entries: Entry[]; waiting: Waiting[] };

/** Devices that were refused. The customer may keep one in place of another. */
export function WaitingDevices({
  id,
  history,
  devices,
  isFull,
  changed,
}: {
  id: string;
  history?: History;
  devices: Device[];
  /** No slot is free. */
  isFull: boolean;
  changed: () => void;
}) {
  const owner = !useIsOperator();
  const [asked, setAsked] = useState<Waiting>();
  const [leaves, setLeaves] = useState('');
  const action = useAction();
  const removable = devices.filter((device) => device.frees_slot);
  const waiting = history?.waiting ?? [];
  if (waiting.length === 0) return null;
  const close = () => {
    setAsked(undefined);
    action.clear();
  };
  return (
    <section aria-labelledby="waiting">
      <h2 id="waiting">{t('waiting.title')}</h2>
      <ul className="stack plain">
        {waiting.map((one) => (
          <li key={one.alert_id} className="card task fair">
            <div>
              <h3>{t('waiting.device', { ea: one.ea_instance_id, account: String(one.mt5_account_number) })}</h3>
              <p>
                {t('waiting.asked', {
                  n: one.refusals,
                  time: format.moment(one.refused_at),
                  location: format.location(one.city, one.country_code),
                })}{' '}
                {t(one.has_suspended ? 'waiting.suspended' : 'waiting.why')}
                {owner && isFull && removable.length === 0 && ` ${t('waiting.removeFirst')}`}
              </p>
              {owner && (
                <p className="small">
                  {t('waiting.unknown')} <Link to={`/licenses/${id}/activity#token`}>{t('waiting.changeToken')}</Link>
                </p>
              )}
            </div>
            {owner && removable.length > 0 && (
              <Button
                look="main"
                onPress={() => {
                  setLeaves('');
                  setAsked(one);
                }}
              >
                {t('waiting.keep')}
                <span className="visually-hidden"> {one.ea_instance_id}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Confirm
        open={asked !== undefined}
        title={t('waiting.keepTitle', { ea: asked?.ea_instance_id ?? '' })}
        text={t('waiting.keepText')}
        go={t('waiting.go')}
        busy={action.busy}
        problem={action.problem}
        disabled={!leaves}
        onClose={close}
        onGo={() =>
          void action
            .run(async () => {
              await call('POST', `/api/v1/licenses/${id}/devices/keep`, { alert_id: asked!.alert_id, device_id: leaves });
              notify(t('waiting.kept'));
            })
            .then((done) => {
              if (!done) return;
              close();
              changed();
            })
        }
      >
        <fieldset className="radios">
          <legend>{t('waiting.leaves')}</legend>
          {removable.map((device) => (
            <label key={device.device_id} className="check">
              <input type="radio" name="leaves" checked={leaves === device.device_id} onChange={() => setLeaves(device.device_id!)} />
              <span>
                {device.name ?? device.ea_instance_id}
                <span className="small block">
                  {t('waiting.option', {
                    account: String(device.mt5_account_number),
                    ago: format.ago(device.last_seen),
                    location: format.location(device.city, device.country_code),
                  })}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
        <p className="small">{t('waiting.limit')}</p>
      </Confirm>
    </section>
  );
}

/** Who was added, replaced, removed and refused, when, and from where. */
export function DeviceHistory({ of }: { of: Loaded<History> }) {
  return (
    <section>
      <h2>{t('history.title')}</h2>
      <Show of={of} rows={4}>
        {({ entries }) =>
          entries.length === 0 ? (
            <Empty>{t('history.none')}</Empty>
          ) : (
            <Table
              label={t('history.title')}
              rows={entries}
              id={(row) => `${row.at} ${row.what} ${row.device.ea_instance_id} ${row.device.mt5_account_number}`}
              columns={[
                { head: t('history.what'), cell: (row) => <What of={row} /> },
                { head: t('devices.device'), cell: (row) => <Name of={row.device} /> },
                {
                  head: t('history.where'),
                  cell: (row) => (
                    <>
                      {row.country_code ? format.location(row.city, row.country_code) : t('none')}
                      {row.network && <div className="small">{row.network}</div>}
                    </>
                  ),
                },
              ]}
            />
          )
        }
      </Show>
    </section>
  );
}

function Name({ of }: { of: Named }) {
  return (
    <>
      {of.name ?? of.ea_instance_id}
      <div className="small">{of.mt5_account_number}</div>
    </>
  );
}

function What({ of }: { of: Entry }) {
  const operator = useIsOperator();
  const other = of.other ? (of.other.name ?? of.other.ea_instance_id) : '';
  return (
    <>
      {word('history.did', of.what, { other, n: of.times }) ?? of.what}
      <div className="small">
        {format.moment(of.at)}
        {of.by !== 'SYSTEM' && ` · ${word('history.by', of.by === 'SUBSCRIBER' && operator ? 'CUSTOMER' : of.by)}`}
      </div>
    </>
  );
}
