import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import type { Device, DeviceList } from '../devices';
import { format } from '../format';
import { texts } from '../texts';
import { Badge, Button, Confirm, Facts, Field, notify, Show } from '../ui/kit';
import type { TabProps } from './License';

export default function Devices({ id, reload }: TabProps) {
  const list = useLoad<DeviceList>(`/api/v1/licenses/${id}/devices`, 30);
  const [asked, setAsked] = useState<{ device: Device; to: 'rename' | 'remove' } | null>(null);
  const [name, setName] = useState('');
  const action = useAction();

  const close = () => {
    setAsked(null);
    action.clear();
  };
  const path = asked && `/api/v1/licenses/${id}/devices/${asked.device.device_id}`;
  const rename = () =>
    action.run(() => call('PATCH', path!, { name: name.trim() || null })).then((done) => done && finish(texts.devices.renamed));
  const remove = () => action.run(() => call('DELETE', path!)).then((done) => done && finish(texts.devices.removed));
  const finish = (what: string) => {
    close();
    notify(what);
    list.reload();
    reload();
  };

  return (
    <Show of={list}>
      {(reply) => (
        <>
          <p>{texts.devices.slots(reply.slots_used, reply.max_devices, reply.slots_free)}</p>
          {reply.devices.length === 0 && <p>{texts.devices.none}</p>}
          <ul className="cards">
            {reply.devices.map((device) => (
              <li key={`${device.ea_instance_id} ${device.mt5_account_number}`} className="card">
                <div className="spread">
                  <h2>{device.name ?? device.ea_instance_id}</h2>
                  <Badge of={device.in_use ? 'ACTIVE' : ''}>{device.in_use ? texts.devices.inUse : texts.devices.idle}</Badge>
                </div>
                <Facts
                  rows={[
                    // Without a name, the heading shows the EA.
                    ...(device.name ? [[texts.devices.ea, device.ea_instance_id] as [string, string]] : []),
                    [texts.devices.account, device.mt5_account_number],
                    [texts.devices.lastSeen, format.ago(device.last_seen)],
                    [texts.devices.location, format.location(device.city, device.country_code)],
                  ]}
                />
                <p className="small">
                  {device.device_id === null ? texts.devices.unregistered : texts.devices.networks(device.networks.length)}
                </p>
                {device.device_id !== null && (
                  <div className="actions">
                    <Button
                      onPress={() => {
                        setName(device.name ?? '');
                        setAsked({ device, to: 'rename' });
                      }}
                    >
                      {texts.devices.rename}
                      <span className="visually-hidden"> {device.name ?? device.ea_instance_id}</span>
                    </Button>
                    <Button onPress={() => setAsked({ device, to: 'remove' })}>
                      {texts.devices.remove}
                      <span className="visually-hidden"> {device.name ?? device.ea_instance_id}</span>
                    </Button>
                  </div>
                )}
              </li>
            ))}
          </ul>
          <Confirm
            open={asked?.to === 'rename'}
            title={texts.devices.rename}
            go={texts.devices.save}
            busy={action.busy}
            problem={action.problem}
            onGo={() => void rename()}
            onClose={close}
          >
            <Field label={texts.devices.name} help={texts.devices.nameHelp} value={name} onChange={setName} max={100} auto />
          </Confirm>
          <Confirm
            open={asked?.to === 'remove'}
            title={texts.devices.removeTitle(asked?.device.name ?? asked?.device.ea_instance_id ?? '')}
            text={texts.devices.removeText}
            go={texts.devices.remove}
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
