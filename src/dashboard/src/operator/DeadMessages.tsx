import { useState } from 'react';
import { Link } from 'react-router';
import { call, useAction, useLoad } from '../api';
import { format } from '../format';
import { Button, Confirm, Empty, notify, ProblemBox, Show, Table } from '../ui/kit';
import { Heading } from './Csv';
import { words as all } from './texts';

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

const words = all.system;
const title = (message: Message) => `${words.deadKinds[message.kind] ?? message.kind}: ${message.name.replaceAll('_', ' ')}`;

/** Emails and alert webhooks that were given up; one or all are sent again. */
export function DeadMessages({ changed }: { changed: () => void }) {
  const list = useLoad<{ messages: Message[]; can_revive: number }>('/api/v1/outbox/dead');
  const [asking, setAsking] = useState(false);
  const action = useAction();
  const revive = (order: { outbox_ids: string[] } | { all: true }) =>
    action.run(async () => {
      const { revived } = await call<{ revived: string[] }>('POST', '/api/v1/outbox/revive', order);
      notify(words.revived(revived.length));
      setAsking(false);
      list.reload();
      changed();
    });
  return (
    <>
      <Heading title={words.dead} csv={(list.data?.messages.length ?? 0) > 0 && '/api/v1/outbox/dead'} name="given-up" />
      {action.problem && !asking && <ProblemBox problem={action.problem} />}
      <Show of={list} rows={1}>
        {({ messages, can_revive }) =>
          messages.length === 0 ? (
            <Empty>{words.noDead}</Empty>
          ) : (
            <>
              <Table
                label={words.dead}
                rows={messages}
                id={(row) => row.outbox_id}
                columns={[
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
                    cell: (row) => (row.user_id ? <Link to={`/customers/${row.user_id}`}>{row.recipient}</Link> : row.recipient),
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
