import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import type { Device, DeviceList } from '../devices';
import { format } from '../format';
import { t } from '../language';
import { useIsOperator } from '../session';
import { Badge, Button, Confirm, Empty, Facts, Field, notify, Show, Skeleton } from '../ui/kit';
import { DeviceHistory, WaitingDevices, type History } from './DeviceHistory';
import type { TabProps } from './License';

export default function Devices({ id, reload }: TabProps) {
  const list = useLoad<DeviceList>(`/api/v1/licenses/${id}/devices`, 30);
  const history = useLoad<History>(`/api/v1/licenses/${id}/devices/history`, 30);
  const owner = !useIsOperator();
  const [asked, setAsked] = useState<{ device: Device; to: 'rename' | 'remove' } | null>(null);
  const [name, setName] = useState('');
  const action = useAction();

  const close = () => {
    setAsked(null);
    action.clear();
  };
  const path = asked && `/api/v1/licenses/${id}/devices/${asked.device.device_id}`;
  const rename = () =>
    action.run(() => call('PATCH', path!, { name: name.trim() || null })).then((done) => done && finish(t('devices.renamed')));
  const remove = () => action.run(() => call('DELETE', path!)).then((done) => done && finish(t('devices.removed')));
  const finish = (what: string) => {
    close();
    notify(what);
    changed();
  };
  const changed = () => {
    list.reload();
    history.reload();
    reload();
  };
  // Refused devices appear above the list, which must not move then.
  if (!history.data && !history.problem) return <Skeleton rows={6} />;

  return (
    <Show of={list}>
      {(reply) => (
        <>
          <WaitingDevices id={id} history={history.data} devices={reply.devices} isFull={reply.slots_free === 0} changed={changed} />
          <h2>{t('devices.slots', { used: reply.slots_used, max: reply.max_devices })}</h2>
          {reply.slots_granted > 0 && <p>{t('devices.granted', { n: reply.slots_granted })}</p>}
          <p>{t(reply.slots_free > 0 ? 'devices.free' : owner ? 'devices.full' : 'devices.customerFull')}</p>
          {reply.devices.length === 0 && <Empty>{t('devices.none')}</Empty>}
          <ul className="cards">
            {reply.devices.map((device) => (
              <li key={`${device.ea_instance_id} ${device.mt5_account_number}`} className="card">
                <div className="spread">
                  <h2>{device.name ?? device.ea_instance_id}</h2>
                  <Badge of={device.in_use ? 'ACTIVE' : ''}>{device.in_use ? t('devices.inUse') : t('devices.idle')}</Badge>
                </div>
                <Facts
                  rows={[
                    // Without a name, the heading shows the EA.
                    ...(device.name ? [[t('devices.ea'), device.ea_instance_id] as [string, string]] : []),
                    [t('devices.account'), device.mt5_account_number],
                    [t('devices.lastSeen'), format.ago(device.last_seen)],
                    [t('devices.location'), format.location(device.city, device.country_code)],
                  ]}
                />
                {device.has_extra_slot && <p>{t(owner ? 'devices.extra' : 'devices.customerExtra')}</p>}
                <p className="small">
                  {device.device_id === null ? t('devices.unregistered') : t('devices.networks', { n: device.networks.length })}
                </p>
                {device.device_id !== null && (
                  <div className="actions">
                    <Button
                      onPress={() => {
                        setName(device.name ?? '');
                        setAsked({ device, to: 'rename' });
                      }}
                    >
                      {t('devices.rename')}
                      <span className="visually-hidden"> {device.name ?? device.ea_instance_id}</span>
                    </Button>
                    <Button onPress={() => setAsked({ device, to: 'remove' })}>
                      {t('devices.remove')}
                      <span className="visually-hidden"> {device.name ?? device.ea_instance_id}</span>
                    </Button>
                  </div>
                )}
              </li>
            ))}
          </ul>
          <DeviceHistory of={history} />
          <Confirm
            open={asked?.to === 'rename'}
            title={t('devices.rename')}
            go={t('devices.save')}
            busy={action.busy}
            problem={action.problem}
            onGo={() => void rename()}
            onClose={close}
          >
            <Field label={t('devices.name')} help={t('devices.nameHelp')} value={name} onChange={setName} max={100} auto />
          </Confirm>
          <Confirm
            open={asked?.to === 'remove'}
            title={t('devices.removeTitle', { name: asked?.device.name ?? asked?.device.ea_instance_id ?? '' })}
            text={t(asked?.device.has_extra_slot ? 'devices.removeExtra' : 'devices.removeText')}
            go={t('devices.remove')}
            look="danger"
            busy={action.busy}
            problem={action.problem}
            onGo={() => void remove()}
            onClose={close}
          />
        </>
      )}
    </Show>
  );
}
