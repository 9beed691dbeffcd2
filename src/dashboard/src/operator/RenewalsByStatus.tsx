import { useState } from 'react';
import { call, useAction, usePages } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { Link, useSearchParams } from '../router';
import { Badge, Button, Choice, Confirm, Field, Mail, notify, Table } from '../ui/kit';
import { inChunks } from './bulk';
import { Paged } from './Paged';
import { texts } from './pageTexts';
import { renewalStatusTexts } from './renewalStatusTexts';
import { Results, type Result } from './Results';
import { words as all } from './texts';

type Renewal = {
  renewal_id: string;
  subscription_id: string;
  user_id: string;
  email: string;
  master: string;
  status: string;
  amount_usd: number | null;
  period_start: string;
  attempts: number;
  reason: string | null;
  next_action_at: string | null;
  /** When it is charged next; null if the next action only checks it. */
  next_attempt_at: string | null;
  updated_at: string;
  can_retry: boolean;
};
type Reply = { renewals: Renewal[]; counts: Record<string, number>; next: string | null };

const words = renewalStatusTexts;
const read = (reply: Reply) => ({ rows: reply.renewals, next: reply.next && `after=${reply.next}` });
const tone = (status: string) =>
  ['soft_declined', 'hard_declined', 'undecided', 'lapsed', 'payment_needed'].includes(status)
    ? 'failed'
    : status === 'applied'
      ? 'success'
      : 'pending';

/** Renewals by status. Failed ones can be tried again, where the rules allow it. */
export function RenewalsByStatus() {
  const [query, setQuery] = useSearchParams();
  const status = query.get('status') ?? 'stuck';
  const [selected, setSelected] = useState(new Set<string>());
  const [asking, setAsking] = useState(false);
  const [refused, setRefused] = useState<{ of: number; results: Result[] }>();
  const path = `/api/v1/renewals?status=${encodeURIComponent(status)}`;
  const list = usePages<Renewal>(path, read);
  const counts = (list.first as Reply | undefined)?.counts ?? {};
  const chosen = list.rows.filter((row) => row.can_retry && selected.has(row.renewal_id));
  const possible = list.rows.filter((row) => row.can_retry);
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  return (
    <>
      <h2>{words.title}</h2>
      <div className="filters">
        <Choice
          label={words.status}
          value={status}
          onChange={(value) => {
            setSelected(new Set());
            setQuery(
              (old) => {
                old.set('status', value);
                return old;
              },
              { replace: true },
            );
          }}
          options={[
            ['stuck', words.stuck],
            ...Object.entries(words.statuses).map(([key, name]): [string, string] => [
              key,
              counts[key] ? `${name} (${counts[key]})` : name,
            ]),
            ['all', words.all],
          ]}
        />
        <Csv path={path} name="renewals" />
      </div>
      {possible.length > 1 && (
        <label className="check">
          <input
            type="checkbox"
            checked={chosen.length === possible.length}
            onChange={(event) => setSelected(new Set(event.target.checked ? possible.map((row) => row.renewal_id) : []))}
          />
          {words.selectAll}
        </label>
      )}
      <Paged list={list} empty={words.none}>
        {(rows) => (
          <Table
            label={words.title}
            rows={rows}
            id={(row) => row.renewal_id}
            columns={[
              {
                head: texts.choose,
                cell: (row) => (
                  <input
                    type="checkbox"
                    aria-label={words.select(row.email)}
                    disabled={!row.can_retry}
                    checked={row.can_retry && selected.has(row.renewal_id)}
                    onChange={() => toggle(row.renewal_id)}
                  />
                ),
              },
              {
                head: words.customer,
                cell: (row) => (
                  <Link to={`/customers/${row.user_id}`}>
                    <Mail of={row.email} />
                  </Link>
                ),
              },
              {
                head: words.status,
                cell: (row) => (
                  <>
                    <Badge of={tone(row.status)}>{statusOf(row)}</Badge>
                    {row.reason && <div className="small">{format.reasonAlone(row.reason)}</div>}
                  </>
                ),
              },
              { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
              {
                head: words.expires,
                cell: (row) => (
                  <>
                    <Link to={`/licenses/${row.subscription_id}/renewals`}>{format.day(row.period_start)}</Link>
                    <div className="small">{row.master}</div>
                  </>
                ),
              },
              { head: words.attempts, number: true, cell: (row) => row.attempts },
              { head: words.next, cell: nextStep },
            ]}
          />
        )}
      </Paged>
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={words.selected(chosen.length)}>
          <strong>{words.selected(chosen.length)}</strong>
          <Button look="main" onPress={() => setAsking(true)}>
            {words.retry}
          </Button>
        </div>
      )}
      {asking && (
        <Retry
          renewals={chosen}
          onClose={() => setAsking(false)}
          onDone={(results) => {
            setAsking(false);
            // Those that were refused stay selected.
            setSelected(new Set(results.map((one) => one.key)));
            if (results.length > 0) setRefused({ of: chosen.length, results });
            else notify(words.retried(chosen.length));
            list.reload();
          }}
        />
      )}
      {refused && <Results {...refused} onClose={() => setRefused(undefined)} />}
    </>
  );
}

const statusOf = (row: Renewal) =>
  row.status === 'soft_declined' && !row.next_attempt_at ? words.declinedForGood : (words.statuses[row.status] ?? row.status);

const nextStep = (row: Renewal) =>
  row.next_attempt_at
    ? words.charge(format.moment(row.next_attempt_at))
    : row.next_action_at
      ? words.check(format.moment(row.next_action_at))
      : texts.none;

function Retry({ renewals, onDone, onClose }: { renewals: Renewal[]; onDone: (refused: Result[]) => void; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const action = useAction();
  const go = () =>
    action.run(async () => {
      const id = (row: Renewal) => row.renewal_id;
      const refused = await inChunks(renewals, id, async (chunk) => {
        const reply = await call<{ results: { renewal_id: string; code: string | null; detail: string | null; hint: string | null }[] }>(
          'POST',
          '/api/v1/renewals/retry',
          { renewal_ids: chunk.map(id), reason: reason.trim() },
        );
        return reply.results.flatMap((one) =>
          one.code ? [{ key: one.renewal_id, detail: [one.detail, one.hint].filter(Boolean).join(' ') }] : [],
        );
      });
      const names = new Map(renewals.map((row) => [row.renewal_id, row.email]));
      onDone(refused.map((one) => ({ ...one, name: names.get(one.key) })));
    });
  return (
    <Confirm
      open
      title={words.retryTitle(renewals.length)}
      text={words.retryText}
      go={words.retryNow}
      busy={action.busy}
      problem={action.problem}
      disabled={!reason.trim()}
      onClose={onClose}
      onGo={() => void go()}
    >
      <Field label={all.reason} value={reason} onChange={setReason} max={500} auto />
    </Confirm>
  );
}
