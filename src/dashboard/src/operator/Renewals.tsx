import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { call, useLoad } from '../api';
import { format } from '../format';
import { texts } from '../texts';
import { Button, Choice, Empty, Field, notify, PageTitle, Show, Table } from '../ui/kit';
import { Decide } from './Decide';
import { Disputes, PaymentCases } from './Payments';
import { Refunds } from './Refunds';
import { RenewalsByStatus } from './RenewalsByStatus';
import { words as own } from './texts';

type Preview = {
  total: number;
  likely_failing: number;
  amount_usd: number;
  obstacles: Record<string, number>;
  counts_all: boolean;
  renewals: {
    subscription_id: string;
    email: string;
    expires_at: string;
    amount_usd: number | null;
    pays_with: string | null;
    likely_fails: boolean;
    obstacle: string | null;
  }[];
};
type Charge = {
  renewal_id: string;
  subscription_id: string;
  email: string;
  status: string;
  amount_usd: number | null;
  intent_id: string | null;
  unknown_since: string | null;
  reason: string | null;
};
type Failures = { days: number; failures: { reason: string; attempts: number; licenses: number; paid_since: number; last_at: string }[] };

const words = texts.operatorRenewals;

export default function Renewals() {
  const [query, setQuery] = useSearchParams();
  const days = query.get('days') ?? '7';
  const preview = useLoad<Preview>(`/api/v1/renewals/preview?days=${encodeURIComponent(days)}`);
  const failures = useLoad<Failures>('/api/v1/renewals/failures?days=30');
  const unknown = useLoad<{ charges: Charge[] }>('/api/v1/renewals/unknown', 60);
  return (
    <>
      <PageTitle title={words.title}>
        <span className="end">
          <Link to="/payments">{own.payments.link}</Link>
          <Link to="/reports">{own.reports.link}</Link>
          <Link to="/renewals/reconciliation">{texts.reconciliation.link}</Link>
        </span>
      </PageTitle>
      <h2>{words.unknown}</h2>
      <Show of={unknown} rows={1}>
        {(list) =>
          list.charges.length === 0 ? <Empty>{words.noUnknown}</Empty> : <Unknown charges={list.charges} reload={unknown.reload} />
        }
      </Show>
      <PaymentCases />
      <Disputes />
      <RenewalsByStatus />
      <Refunds />
      <h2>{words.failed}</h2>
      <Show of={failures} rows={2}>
        {(reply) =>
          reply.failures.length === 0 ? (
            <Empty>{words.noFailed}</Empty>
          ) : (
            <Table
              label={words.failed}
              rows={reply.failures}
              id={(row) => row.reason}
              columns={[
                { head: words.reason, cell: (row) => (row.reason ? format.reasonAlone(row.reason) : words.noReason) },
                { head: words.attempts, number: true, cell: (row) => format.number(row.attempts) },
                { head: words.licenses, number: true, cell: (row) => format.number(row.licenses) },
                { head: words.paidSince, number: true, cell: (row) => format.number(row.paid_since) },
                { head: words.last, cell: (row) => format.ago(row.last_at) },
              ]}
            />
          )
        }
      </Show>
      <h2>{words.preview}</h2>
      <div className="filters">
        <Choice
          label={words.ahead}
          value={days}
          onChange={(value) =>
            setQuery(
              (old) => {
                old.set('days', value);
                return old;
              },
              { replace: true },
            )
          }
          options={['3', '7', '14', '30', '90'].map((n) => [n, words.days(Number(n))])}
        />
      </div>
      <Show of={preview} rows={6}>
        {(reply) => <Ahead preview={reply} />}
      </Show>
    </>
  );
}

function Ahead({ preview }: { preview: Preview }) {
  const obstacles = Object.entries(preview.obstacles).sort((a, b) => b[1] - a[1]);
  if (preview.total === 0) return <Empty>{words.none}</Empty>;
  return (
    <>
      <p>{words.sums(preview.total, preview.counts_all, preview.likely_failing, format.money(preview.amount_usd))}</p>
      {obstacles.length > 0 && (
        <>
          <h3>{words.reasons}</h3>
          <ul>
            {obstacles.map(([code, count]) => (
              <li key={code}>
                {count} × {format.reason(code)}
              </li>
            ))}
          </ul>
        </>
      )}
      <Table
        label={words.table}
        rows={preview.renewals}
        id={(row) => row.subscription_id}
        columns={[
          { head: words.email, cell: (row) => <Link to={`/licenses/${row.subscription_id}/renewals`}>{row.email}</Link> },
          { head: texts.all.expires, cell: (row) => format.day(row.expires_at) },
          { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
          {
            head: texts.renewals.paysWith,
            cell: (row) => (row.pays_with ? (texts.renewals.with[row.pays_with] ?? row.pays_with) : texts.none),
          },
          { head: words.problem, cell: (row) => (row.obstacle ? format.reasonAlone(row.obstacle) : words.ok) },
        ]}
      />
    </>
  );
}

function Unknown({ charges, reload }: { charges: Charge[]; reload: () => void }) {
  const [asked, setAsked] = useState<Charge>();
  const [transaction, setTransaction] = useState('');
  return (
    <>
      <Table
        label={words.unknownTable}
        rows={charges}
        id={(row) => row.renewal_id}
        columns={[
          { head: words.since, cell: (row) => format.moment(row.unknown_since) },
          {
            head: words.email,
            cell: (row) => <Link to={`/licenses/${row.subscription_id}/renewals`}>{row.email}</Link>,
          },
          { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
          { head: words.intent, cell: (row) => <code>{row.intent_id ?? texts.none}</code> },
          { head: texts.health.reason, cell: (row) => row.reason && format.reasonAlone(row.reason) },
          {
            head: texts.renewals.action,
            cell: (row) => (
              <Button
                onPress={() => {
                  setTransaction(row.intent_id ?? '');
                  setAsked(row);
                }}
              >
                {words.resolve}
              </Button>
            ),
          },
        ]}
      />
      {asked && (
        <Decide
          key={asked.renewal_id}
          title={words.resolveTitle}
          text={words.resolveText}
          choices={[
            ['not_charged', words.notCharged],
            ['charged', words.charged],
          ]}
          about={[
            [words.payment, <code className="id">{asked.intent_id ?? texts.none}</code>],
            [texts.renewals.amount, format.money(asked.amount_usd)],
            [words.email, <Link to={`/licenses/${asked.subscription_id}/renewals`}>{asked.email}</Link>],
          ]}
          disabled={(choice) => choice === 'charged' && !transaction.trim()}
          send={async (choice, reason) => {
            const paid = choice === 'charged';
            await call('POST', `/api/v1/renewals/${asked.renewal_id}/decision`, {
              paid,
              reason,
              transaction_id: paid ? transaction.trim() : null,
            });
            notify(words.resolved);
            reload();
          }}
          onClose={() => setAsked(undefined)}
        >
          {(choice) => choice === 'charged' && <Field label={words.transaction} value={transaction} onChange={setTransaction} max={255} />}
        </Decide>
      )}
    </>
  );
}
