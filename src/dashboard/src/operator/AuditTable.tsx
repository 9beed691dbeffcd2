import { format } from '../format';
import { word } from '../language';
import { Link } from '../router';
import { texts } from '../texts';
import { Mail, Table } from '../ui/kit';
import { auditTexts } from './auditTexts';
import { actions } from './records';
import { words as shared } from './texts';

const words = auditTexts;

export type AuditEntry = {
  audit_id: number;
  occurred_at: string;
  actor_kind: string;
  actor_id: string | null;
  actor_email: string | null;
  action: string;
  subscription_id: string | null;
  user_id: string | null;
  email: string | null;
  subject: string | null;
  reason: string | null;
  before: unknown;
  after: unknown;
};

/** @param ofOne All entries are about one customer, whom the page names. */
export function AuditTable({ label, entries, ofOne = false }: { label: string; entries: AuditEntry[]; ofOne?: boolean }) {
  return (
    <Table
      label={label}
      rows={entries}
      id={(row) => String(row.audit_id)}
      columns={[
        { head: words.when, cell: (row) => format.moment(row.occurred_at) },
        {
          head: words.who,
          cell: (row) => (
            <>
              {words.one[row.actor_kind] ?? row.actor_kind}
              <div className="small">
                {row.actor_id && row.actor_kind === 'owner' && !ofOne ? (
                  <Link to={`/customers/${row.actor_id}`}>
                    <Mail of={row.actor_email ?? format.id(row.actor_id)} />
                  </Link>
                ) : (
                  <Mail of={row.actor_email ?? (row.actor_id && format.id(row.actor_id))} />
                )}
              </div>
            </>
          ),
        },
        {
          head: words.what,
          cell: (row) => (
            <>
              {actions[row.action] ?? row.action}
              <div className="small">
                <code>{row.action}</code>
              </div>
            </>
          ),
        },
        {
          head: words.about,
          cell: (row) =>
            row.user_id ? (
              <>
                {!ofOne && (
                  <Link to={`/customers/${row.user_id}`}>
                    <Mail of={row.email} />
                  </Link>
                )}
                {row.subscription_id && (
                  <div className={ofOne ? undefined : 'small'}>
                    <Link to={`/licenses/${row.subscription_id}`}>{texts.alerts.license}</Link>
                  </div>
                )}
              </>
            ) : (
              <code className="id">{row.subject ?? texts.none}</code>
            ),
        },
        {
          head: words.detail,
          wide: true,
          cell: (row) => (
            <>
              {row.reason}
              {(row.before !== null || row.after !== null) && (
                <details className="inline">
                  <summary className="small">{words.more}</summary>
                  <Changes before={row.before} after={row.after} />
                </details>
              )}
            </>
          ),
        },
      ]}
    />
  );
}

const fieldsOf = (values: unknown) => (values !== null && typeof values === 'object' ? (values as Record<string, unknown>) : {});

/** The recorded fields with their values, by name. */
function Changes({ before, after }: { before: unknown; after: unknown }) {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  return (
    <dl className="changes small">
      {[...new Set([...Object.keys(old), ...Object.keys(now)])].map((name) => (
        <div key={name}>
          <dt>{words.fields[name] ?? nameOf(name)}</dt>
          <dd>
            {name in old && <Value of={old[name]} />}
            {name in old && name in now && ' → '}
            {name in now && <Value of={now[name]} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}

const nameOf = (field: string) => field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' ');

/** A known code as a word, a time as the other pages show it, and anything else as it was recorded. */
function Value({ of }: { of: unknown }) {
  if (of === null || of === '') return texts.none;
  if (typeof of === 'boolean') return of ? words.yes : words.no;
  if (typeof of === 'number') return format.number(of);
  if (typeof of !== 'string') return <code>{JSON.stringify(of)}</code>;
  if (/^\d{4}-\d{2}-\d{2}T/.test(of)) return format.moment(of);
  return words.values[of] ?? shared.search.statuses[of] ?? word('status', of) ?? <code>{of}</code>;
}
