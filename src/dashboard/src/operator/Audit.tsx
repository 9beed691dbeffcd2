import { useState } from 'react';
import { call, Problem, useAction, usePages } from '../api';
import { Csv } from '../files';
import { useSearchParams } from '../router';
import { Button, Choice, Field, PageTitle, ProblemBox } from '../ui/kit';
import { AuditTable, type AuditEntry } from './AuditTable';
import { auditTexts } from './auditTexts';
import { Paged } from './Paged';
import { actions as names } from './records';

type Reply = { entries: AuditEntry[]; actions: string[]; next: string | null };

const words = auditTexts;
const read = (reply: Reply) => ({ rows: reply.entries, next: reply.next && `after=${reply.next}` });
const filters = ['kind', 'actor', 'action', 'subscription_id', 'from', 'to'] as const;
const isId = (text: string) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text);

/** The fault of a filter with the label of its field: the backend names its own parameter. */
function faultOf(actor: string, license: string) {
  if (license && !isId(license)) return new Problem(400, 'INVALID_QUERY', words.noLicenseId, words.noLicenseHint);
  if (actor && !isId(actor) && !(actor in words.kinds)) return new Problem(400, 'INVALID_QUERY', words.noActor);
  return undefined;
}

/** The mail addresses that were typed, by their ids: no address may be in a URL. */
const addresses = new Map<string, string>();

async function actorId(typed: string) {
  if (!typed.includes('@')) return typed;
  const { actor_id, email } = await call<{ actor_id: string; email: string }>('POST', '/api/v1/audit/actors', { email: typed });
  addresses.set(actor_id, email);
  return actor_id;
}

export default function Audit() {
  const [query, setQuery] = useSearchParams();
  const value = (name: (typeof filters)[number]) => query.get(name) ?? '';
  const [typed, setTyped] = useState({ actor: value('actor'), subscription_id: value('subscription_id') });
  const asked = new URLSearchParams({
    ...((value('actor') || value('kind')) && { actor: value('actor') || value('kind') }),
    ...(value('action') && { action: value('action') }),
    ...(value('subscription_id') && { subscription_id: value('subscription_id') }),
    ...(value('from') && { from: value('from') }),
    // The day is included.
    ...(value('to') && { to: new Date(Date.parse(value('to')) + 86_400_000).toISOString() }),
  });
  const path = `/api/v1/audit?${asked}`;
  const list = usePages<AuditEntry>(path, read);
  const search = useAction();
  // The address of an actor whom the URL names by id.
  const nameOf = (id: string) => addresses.get(id) ?? list.rows.find((row) => row.actor_id === id)?.actor_email ?? id;
  const actions = (list.first as Reply | undefined)?.actions ?? [];
  const set = (changes: Partial<Record<(typeof filters)[number], string>>) => {
    search.clear();
    setQuery(
      (old) => {
        for (const [name, text] of Object.entries(changes))
          if (text) old.set(name, text);
          else old.delete(name);
        return old;
      },
      { replace: true },
    );
  };
  // Only one error is shown. While the typed filter has one, that of the list is hidden.
  const problem = search.problem ? undefined : list.problem && (faultOf(value('actor'), value('subscription_id')) ?? list.problem);
  return (
    <>
      <PageTitle title={words.title}>
        <Csv path={path} name="audit" />
      </PageTitle>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void search.run(async () => {
            const [actor, subscription_id] = [await actorId(typed.actor.trim()), typed.subscription_id.trim()];
            const fault = faultOf(actor, subscription_id);
            if (fault) throw fault;
            set({ actor, subscription_id });
          });
        }}
      >
        <Choice
          label={words.kind}
          value={value('kind')}
          onChange={(kind) => set({ kind })}
          options={[['', words.any], ...Object.entries(words.kinds)]}
        />
        <Choice
          fixed
          label={words.action}
          value={value('action')}
          onChange={(action) => set({ action })}
          options={[
            ['', words.any],
            ...[...new Set([...actions, value('action')])]
              .filter(Boolean)
              .map((one): [string, string] => [one, names[one] ?? one])
              .sort(([, a], [, b]) => a.localeCompare(b)),
          ]}
        />
        <Day label={words.from} value={value('from')} onChange={(from) => set({ from })} />
        <Day label={words.to} value={value('to')} onChange={(to) => set({ to })} />
        <Field label={words.actor} value={nameOf(typed.actor)} onChange={(actor) => setTyped({ ...typed, actor })} max={255} />
        <Field
          label={words.license}
          value={typed.subscription_id}
          onChange={(subscription_id) => setTyped({ ...typed, subscription_id })}
          max={36}
        />
        <Button type="submit" look="main" isPending={search.busy}>
          {words.apply}
        </Button>
      </form>
      {search.problem && <ProblemBox problem={search.problem} />}
      <Paged list={{ ...list, problem }} rows={8} empty={words.none}>
        {(entries) => <AuditTable label={words.title} entries={entries} />}
      </Paged>
    </>
  );
}

function Day({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <label className="field inline">
      <span>{label}</span>
      <input type="date" value={value} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}
