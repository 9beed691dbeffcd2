import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { Badge, Button, Confirm, Copy, Empty, Field, notify, PageTitle, ProblemBox, Show, Table } from '../ui/kit';
import { Choices } from './Decide';
import { eventTypes } from './eventTypes';
import { webhookTexts } from './webhookTexts';

type Endpoint = {
  endpoint_id: string;
  url: string;
  types: string[];
  after: number;
  waiting: number;
  attempts: number;
  failing_since: string | null;
  next_attempt_at: string | null;
  last_error: string | null;
  last_accepted_at: string | null;
  disabled_at: string | null;
  disabled_by: 'operator' | 'failures' | 'gone' | null;
  old_secrets_until: string | null;
};
type Secret = { endpoint: Endpoint; secret: string };
type Dialog = { what: 'add' } | { what: 'edit' | 'rotate' | 'replay' | 'remove'; endpoint: Endpoint };

const words = webhookTexts;
const path = '/api/v1/webhook-endpoints';

export default function Webhooks() {
  const list = useLoad<{ endpoints: Endpoint[] }>(path, 15);
  const [dialog, setDialog] = useState<Dialog>();
  const [secret, setSecret] = useState<Secret>();
  const action = useAction();

  const enable = (endpoint: Endpoint) =>
    action.run(async () => {
      await call('PATCH', `${path}/${endpoint.endpoint_id}`, { enabled: endpoint.disabled_at !== null });
      list.reload();
    });
  const test = (endpoint: Endpoint) =>
    action.run(async () => {
      const result = await call<{ accepted: boolean; error: string | null }>('POST', `${path}/${endpoint.endpoint_id}/test`);
      notify(result.accepted ? words.tested : words.testFailed(result.error!));
    });

  return (
    <>
      <PageTitle title={words.title}>
        <Csv path={path} name="webhook-endpoints" />
        <Button look="main" onPress={() => setDialog({ what: 'add' })}>
          {words.add}
        </Button>
      </PageTitle>
      <p>{words.text}</p>
      {secret && (
        <section className="card" aria-live="polite">
          <h2>{words.secretOf(secret.endpoint.url)}</h2>
          <p>{words.secretText}</p>
          <Copy text={secret.secret} />
          <div className="actions">
            <Button onPress={() => setSecret(undefined)}>{words.hide}</Button>
          </div>
        </section>
      )}
      {action.problem && <ProblemBox problem={action.problem} />}
      <Show of={list} rows={4}>
        {({ endpoints }) =>
          endpoints.length === 0 ? (
            <Empty>{words.none}</Empty>
          ) : (
            <Table
              label={words.title}
              rows={endpoints}
              id={(row) => row.endpoint_id}
              columns={[
                {
                  head: words.url,
                  wide: true,
                  cell: (row) => (
                    <>
                      <code>{row.url}</code>
                      <div className="small">{row.types[0] === '*' ? words.allTypes : row.types.join(', ')}</div>
                    </>
                  ),
                },
                {
                  head: words.state,
                  cell: (row) => (
                    <>
                      {row.disabled_by ? (
                        <Badge of="failed">{words.disabledBy[row.disabled_by]}</Badge>
                      ) : row.failing_since ? (
                        <Badge of="pending">{words.failing(format.ago(row.failing_since))}</Badge>
                      ) : (
                        <Badge of="ACTIVE">{words.active}</Badge>
                      )}
                      {row.last_error && <div className="small">{row.last_error}</div>}
                      {row.next_attempt_at && <div className="small">{words.nextAttempt(format.moment(row.next_attempt_at))}</div>}
                      {row.old_secrets_until && <div className="small">{words.oldSecrets(format.moment(row.old_secrets_until))}</div>}
                    </>
                  ),
                },
                { head: words.waiting, number: true, cell: (row) => format.number(row.waiting) },
                { head: words.lastAccepted, cell: (row) => format.ago(row.last_accepted_at) },
                {
                  head: words.actions,
                  cell: (row) => (
                    <div className="actions">
                      <Button isDisabled={action.busy} onPress={() => void test(row)}>
                        {words.test}
                      </Button>
                      <Button isDisabled={action.busy} onPress={() => void enable(row)}>
                        {row.disabled_at ? words.enable : words.disable}
                      </Button>
                      <Button onPress={() => setDialog({ what: 'edit', endpoint: row })}>{words.edit}</Button>
                      <Button onPress={() => setDialog({ what: 'rotate', endpoint: row })}>{words.rotate}</Button>
                      <Button onPress={() => setDialog({ what: 'replay', endpoint: row })}>{words.replay}</Button>
                      <Button onPress={() => setDialog({ what: 'remove', endpoint: row })}>{words.remove}</Button>
                    </div>
                  ),
                },
              ]}
            />
          )
        }
      </Show>
      {dialog && (
        <Edit
          key={dialog.what}
          dialog={dialog}
          onDone={(made) => {
            if (made) setSecret(made);
            list.reload();
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
    </>
  );
}

function Edit({ dialog, onDone, onClose }: { dialog: Dialog; onDone: (made?: Secret) => void; onClose: () => void }) {
  const of = dialog.what === 'add' ? undefined : dialog.endpoint;
  const [url, setUrl] = useState(of?.url ?? '');
  const [isAll, setAll] = useState(!of || of.types[0] === '*');
  const [types, setTypes] = useState(of && of.types[0] !== '*' ? of.types : []);
  const [from, setFrom] = useState('');
  const [hours, setHours] = useState('24');
  const action = useAction();
  const one = `${path}/${of?.endpoint_id}`;
  const chosen = isAll ? ['*'] : types;
  // The address is the only field of these dialogs that can be wrong.
  const wrongUrl = (dialog.what === 'add' || dialog.what === 'edit') && action.problem ? words.wrongUrls[action.problem.code] : undefined;
  const isIncomplete = !url.trim() || chosen.length === 0;
  const send = async (): Promise<Secret | undefined> => {
    switch (dialog.what) {
      case 'add':
        return await call<Secret>('POST', path, { url: url.trim(), types: chosen });
      case 'edit':
        await call('PATCH', one, { url: url.trim(), types: chosen });
        return undefined;
      case 'rotate':
        return await call<Secret>('POST', `${one}/rotate-secret`, { overlap_seconds: Math.round(Number(hours) * 3600) });
      case 'replay':
        // Only digits are an id; everything else is a time.
        await call('POST', `${one}/replay`, /^\d+$/.test(from.trim()) ? { after: Number(from) } : { since: from.trim() });
        return undefined;
      case 'remove':
        await call('DELETE', one);
        return undefined;
    }
  };
  const disabled = { add: isIncomplete, edit: isIncomplete, rotate: !(Number(hours) >= 0), replay: !from.trim(), remove: false };
  return (
    <Confirm
      open
      title={words.dialogs[dialog.what].title}
      text={words.dialogs[dialog.what].text}
      go={words.dialogs[dialog.what].go}
      look={dialog.what === 'remove' ? 'danger' : 'main'}
      busy={action.busy}
      problem={wrongUrl ? undefined : action.problem}
      disabled={disabled[dialog.what]}
      onClose={onClose}
      onGo={() => void action.run(async () => onDone(await send())).then((done) => done && onClose())}
    >
      {(dialog.what === 'add' || dialog.what === 'edit') && (
        <>
          <Field label={words.url} value={url} onChange={setUrl} error={wrongUrl} max={2000} auto />
          <Types isAll={isAll} setAll={setAll} types={types} setTypes={setTypes} />
        </>
      )}
      {dialog.what === 'rotate' && <Field label={words.overlap} help={words.overlapHelp} value={hours} onChange={setHours} max={5} auto />}
      {dialog.what === 'replay' && <Field label={words.from} help={words.fromHelp} value={from} onChange={setFrom} max={40} auto />}
    </Confirm>
  );
}

function Types({
  isAll,
  setAll,
  types,
  setTypes,
}: {
  isAll: boolean;
  setAll: (all: boolean) => void;
  types: string[];
  setTypes: (types: string[]) => void;
}) {
  return (
    <fieldset className="radios">
      <legend>{words.types}</legend>
      <Choices
        name={words.types}
        value={isAll ? 'all' : 'some'}
        options={[
          ['all', words.everyType],
          ['some', words.someTypes],
        ]}
        onChange={(value) => setAll(value === 'all')}
      />
      {!isAll && (
        <div className="options">
          {Object.entries(eventTypes).map(([type, when]) => (
            <label key={type} className="check">
              <input
                type="checkbox"
                checked={types.includes(type)}
                onChange={(event) => setTypes(event.target.checked ? [...types, type] : types.filter((one) => one !== type))}
              />
              <span>
                <code>{type}</code>
                <span className="small block">{when}</span>
              </span>
            </label>
          ))}
        </div>
      )}
      {!isAll && types.length === 0 && <p className="small">{words.noType}</p>}
    </fieldset>
  );
}
