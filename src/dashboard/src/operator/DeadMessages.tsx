import { useState } from 'react';
import { call, useAction, useLoad } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { Link } from '../router';
import { Button, Confirm, Empty, Mail, notify, ProblemBox, Show, Table } from '../ui/kit';
import { texts } from './pageTexts';
import { Results, type Result } from './Results';
import { moreSystemTexts } from './systemTexts';

type Message = {
  outbox_id: string;
  kind: string;
  name: string;
  user_id: string | null;
  recipient: string | null;
  created_at: string;
  dead_at: string;
  last_error: string | null;
  can_revive: boolean;
};

const words = moreSystemTexts;
const title = (message: Message) => `${words.deadKinds[message.kind] ?? message.kind}: ${message.name.replaceAll('_', ' ')}`;

/** Emails and alert webhooks that were given up; one, those that are selected, or all are sent again. */
export function DeadMessages({ changed }: { changed: () => void }) {
  const list = useLoad<{ messages: Message[]; can_revive: number }>('/api/v1/outbox/dead');
  const [asking, setAsking] = useState(false);
  const [selected, setSelected] = useState(new Set<string>());
  const [refused, setRefused] = useState<{ of: number; results: Result[] }>();
  const action = useAction();
  const possible = list.data?.messages.filter((row) => row.can_revive) ?? [];
  const chosen = possible.filter((row) => selected.has(row.outbox_id));
  const revive = (order: { outbox_ids: string[] } | { all: true }) =>
    action.run(async () => {
      const { revived, others } = await call<{ revived: string[]; others: string[] }>('POST', '/api/v1/outbox/revive', order);
      const names = new Map(possible.map((row) => [row.outbox_id, title(row)]));
      if (others.length > 0)
        setRefused({
          of: revived.length + others.length,
          results: others.map((key) => ({ key, name: names.get(key), detail: words.notRevived })),
        });
      else notify(words.revived(revived.length));
      setSelected((old) => new Set([...old].filter((id) => !revived.includes(id))));
      setAsking(false);
      list.reload();
      changed();
    });
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  return (
    <>
      <Heading id="given-up" title={words.dead} csv={(list.data?.messages.length ?? 0) > 0 && '/api/v1/outbox/dead'} name="given-up" />
      {action.problem && !asking && <ProblemBox problem={action.problem} />}
      <Show of={list} rows={1}>
        {({ messages, can_revive }) =>
          messages.length === 0 ? (
            <Empty>{words.noDead}</Empty>
          ) : (
            <>
              {possible.length > 1 && (
                <label className="check">
                  <input
                    type="checkbox"
                    checked={chosen.length === possible.length}
                    onChange={(event) => setSelected(new Set(event.target.checked ? possible.map((row) => row.outbox_id) : []))}
                  />
                  {words.selectRevivable}
                </label>
              )}
              <Table
                label={words.dead}
                rows={messages}
                id={(row) => row.outbox_id}
                columns={[
                  {
                    head: texts.choose,
                    cell: (row) => (
                      <input
                        type="checkbox"
                        aria-label={words.selectDead(`${title(row)}, ${row.recipient ?? ''}`)}
                        disabled={!row.can_revive}
                        checked={row.can_revive && selected.has(row.outbox_id)}
                        onChange={() => toggle(row.outbox_id)}
                      />
                    ),
                  },
                  {
                    head: words.message,
                    wide: true,
                    cell: (row) => (
                      <>
                        {title(row)}
                        <div className="small">{row.last_error}</div>
                      </>
                    ),
                  },
                  {
                    head: words.recipient,
                    cell: (row) =>
                      row.user_id ? (
                        <Link to={`/customers/${row.user_id}`}>
                          <Mail of={row.recipient} />
                        </Link>
                      ) : (
                        row.recipient
                      ),
                  },
                  { head: words.givenUp, cell: (row) => format.moment(row.dead_at) },
                  {
                    head: words.revive,
                    cell: (row) =>
                      row.can_revive ? (
                        <Button
                          isDisabled={action.busy}
                          aria-label={words.reviveOf(`${title(row)}, ${row.recipient ?? ''}`)}
                          onPress={() => void revive({ outbox_ids: [row.outbox_id] })}
                        >
                          {words.revive}
                        </Button>
                      ) : (
                        <span className="small">{words.emptied}</span>
                      ),
                  },
                ]}
              />
              {can_revive > 1 && (
                <div className="actions">
                  <Button onPress={() => setAsking(true)}>{words.reviveAll(format.number(can_revive))}</Button>
                  {can_revive > messages.length && <span className="small">{words.latest(format.number(messages.length))}</span>}
                </div>
              )}
            </>
          )
        }
      </Show>
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={words.selected(chosen.length)}>
          <strong>{words.selected(chosen.length)}</strong>
          <Button isDisabled={action.busy} onPress={() => void revive({ outbox_ids: chosen.map((row) => row.outbox_id) })}>
            {words.revive}
          </Button>
        </div>
      )}
      {refused && <Results {...refused} onClose={() => setRefused(undefined)} />}
      <Confirm
        open={asking}
        title={words.reviveTitle}
        text={words.reviveText}
        go={words.revive}
        busy={action.busy}
        problem={action.problem}
        onClose={() => {
          setAsking(false);
          action.clear();
        }}
        onGo={() => void revive({ all: true })}
      />
    </>
  );
}
