import { Link } from 'react-router';
import { format } from '../format';
import { texts } from '../texts';
import { Table } from '../ui/kit';
import { words as all } from './texts';

const words = all.audit;

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
                  <Link to={`/customers/${row.actor_id}`}>{row.actor_email ?? format.id(row.actor_id)}</Link>
                ) : (
                  (row.actor_email ?? (row.actor_id && format.id(row.actor_id)))
                )}
              </div>
            </>
          ),
        },
        { head: words.what, cell: (row) => <code>{row.action}</code> },
        {
          head: words.about,
          cell: (row) =>
            row.user_id ? (
              <>
                {!ofOne && <Link to={`/customers/${row.user_id}`}>{row.email}</Link>}
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
                  <pre tabIndex={0}>{JSON.stringify({ before: row.before, after: row.after }, null, 2)}</pre>
                </details>
              )}
            </>
          ),
        },
      ]}
    />
  );
}
