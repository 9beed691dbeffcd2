import { useEffect, useState, type ReactNode } from 'react';
import { call, useLoad } from '../api';
import { Csv, Heading } from '../files';
import { format } from '../format';
import { Link, useNamedPart, usePath, useSearchParams } from '../router';
import { Button, Choice, Empty, Field, Mail, notify, PageTitle, ProblemBox, Show, Skeleton, Table, Tabs, type Column } from '../ui/kit';
import { Decide } from './Decide';
import { licenseTexts } from './licenseTexts';
import { texts } from './pageTexts';
import { Disputes, LinkedDecision, PaymentCases, type Dispute, type PaymentCase } from './Payments';
import { Refunds } from './Refunds';
import { RenewalsByStatus } from './RenewalsByStatus';
import { renewalStatusTexts } from './renewalStatusTexts';
import { renewalTexts } from './renewalTexts';

type Preview = {
  total: number;
  likely_failing: number;
  not_planned: number;
  amount_usd: number;
  obstacles: Record<string, number>;
  counts_all: boolean;
  renewals: {
    subscription_id: string;
    email: string;
    attempt_at: string | null;
    expires_at: string;
    amount_usd: number | null;
    /** Open amounts of the license, which the payment includes in addition. */
    debts_usd: number;
    pays_with: string | null;
    likely_fails: boolean;
    obstacle: string | null;
    is_planned: boolean;
  }[];
};
type Previewed = Preview['renewals'][number];
type Charge = {
  renewal_id: string;
  subscription_id: string;
  email: string;
  status: string;
  amount_usd: number | null;
  provider: string | null;
  attempt: number;
  intent_id: string | null;
  invoice_id: string | null;
  unknown_since: string | null;
  reason: string | null;
};
type Failures = { days: number; failures: { reason: string; attempts: number; licenses: number; paid_since: number; last_at: string }[] };

const words = renewalTexts;

export default function Renewals() {
  const tab = usePath().split('/')[2];
  return (
    <>
      <PageTitle title={words.title}>
        <span className="end">
          <Link to="/payments">{words.toPayments}</Link>
          <Link to="/reports">{words.toReports}</Link>
          <Link to="/renewals/reconciliation">{words.toReconciliation}</Link>
        </span>
      </PageTitle>
      <Tabs
        label={words.title}
        tabs={[
          { to: '/renewals', text: renewalStatusTexts.tabs.decide },
          { to: '/renewals/upcoming', text: renewalStatusTexts.tabs.upcoming },
          { to: '/renewals/refunds', text: renewalStatusTexts.tabs.refunds },
        ]}
      />
      {tab === 'upcoming' ? (
        <Upcoming />
      ) : tab === 'refunds' ? (
        <Refunds />
      ) : (
        <>
          <Decisions />
          <RenewalsByStatus />
        </>
      )}
    </>
  );
}

/** What waits for a decision of an operator. A kind of which nothing waits is left out. */
function Decisions() {
  // A link opens what it names, also on this page.
  const link = useNamedPart();
  const unknown = useLoad<{ charges: Charge[] }>('/api/v1/renewals/unknown', 60);
  const cases = useLoad<{ cases: PaymentCase[] }>('/api/v1/payments/cases', 60);
  const disputes = useLoad<{ disputes: Dispute[] }>('/api/v1/payments/disputes', 60);
  const [reloadCases, reloadDisputes] = [cases.reload, disputes.reload];
  useEffect(() => {
    if (!link) return;
    // It may be newer than the lists.
    reloadCases();
    reloadDisputes();
  }, [link, reloadCases, reloadDisputes]);
  const lists = [unknown, cases, disputes];
  if (lists.some((list) => !list.data && !list.problem)) return <Skeleton rows={4} />;
  const problem = lists.find((list) => !list.data && list.problem);
  const charges = unknown.data?.charges ?? [];
  const open = cases.data?.cases.filter((one) => one.decision === null) ?? [];
  const isNothing = !problem && charges.length + open.length + (disputes.data?.disputes.length ?? 0) === 0;
  return (
    <>
      {problem && <ProblemBox problem={problem.problem!} again={problem.reload} />}
      {cases.data && disputes.data && <LinkedDecision cases={cases.data.cases} disputes={disputes.data.disputes} />}
      {isNothing && <Empty>{renewalStatusTexts.nothingToDecide}</Empty>}
      {charges.length > 0 && (
        <>
          <Heading id="charges" title={words.unknown} csv="/api/v1/renewals/unknown" name="unknown-charges" />
          <Unknown charges={charges} reload={unknown.reload} />
        </>
      )}
      {cases.data && <PaymentCases key={`cases ${link}`} cases={open} reload={cases.reload} />}
      <Disputes key={`disputes ${link}`} disputes={disputes.data?.disputes ?? []} reload={disputes.reload} />
    </>
  );
}

/** Renewals that failed, by reason, and those of the next days. */
function Upcoming() {
  const [query, setQuery] = useSearchParams();
  const days = query.get('days') ?? '7';
  const ahead = `/api/v1/renewals/preview?days=${encodeURIComponent(days)}`;
  const preview = useLoad<Preview>(ahead);
  const failures = useLoad<Failures>('/api/v1/renewals/failures?days=30');
  return (
    <>
      <Heading
        title={words.failed}
        csv={(failures.data?.failures.length ?? 0) > 0 && '/api/v1/renewals/failures?days=30'}
        name="renewal-failures"
      />
      <p className="small">{words.failedHelp}</p>
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
      <p className="small">{words.previewHelp}</p>
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
        <Csv path={ahead} name="upcoming-renewals" />
      </div>
      <Show of={preview} rows={6}>
        {(reply) => <Ahead preview={reply} />}
      </Show>
    </>
  );
}

function Ahead({ preview }: { preview: Preview }) {
  const obstacles = Object.entries(preview.obstacles).sort((a, b) => b[1] - a[1]);
  const planned = preview.renewals.filter((row) => row.is_planned);
  const others = preview.renewals.filter((row) => !row.is_planned);
  if (preview.total === 0) return <Empty>{words.none}</Empty>;
  return (
    <>
      <p>{words.sums(preview.total, preview.counts_all, preview.likely_failing, preview.not_planned, format.money(preview.amount_usd))}</p>
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
      {planned.length > 0 && (
        <Table
          label={words.table}
          rows={planned}
          id={(row) => row.subscription_id}
          columns={[
            ...front,
            { head: words.attemptAt, cell: (row) => (row.attempt_at ? format.moment(row.attempt_at) : words.noAttempt) },
            ...rest,
          ]}
        />
      )}
      {others.length > 0 && (
        <>
          <h3>{words.notPlanned}</h3>
          <p className="small">{words.notPlannedHelp}</p>
          <Table label={words.notPlanned} rows={others} id={(row) => row.subscription_id} columns={[...front, ...rest]} />
        </>
      )}
    </>
  );
}

const front: Column<Previewed>[] = [
  {
    head: words.email,
    cell: (row) => (
      <Link to={`/licenses/${row.subscription_id}/renewals`}>
        <Mail of={row.email} />
      </Link>
    ),
  },
  // In front, so that it is in view on a tablet.
  { head: words.problem, cell: (row) => (row.obstacle ? format.reasonAlone(row.obstacle) : words.ok) },
];

const rest: Column<Previewed>[] = [
  { head: licenseTexts.expires, cell: (row) => format.day(row.expires_at) },
  {
    head: texts.renewals.amount,
    number: true,
    cell: (row) => (
      <>
        {format.money(row.amount_usd === null ? null : row.amount_usd + row.debts_usd)}
        {row.debts_usd > 0 && <div className="small">{renewalStatusTexts.withDebts(format.money(row.debts_usd))}</div>}
      </>
    ),
  },
  {
    head: texts.renewals.paysWith,
    cell: (row) => (row.pays_with ? (texts.renewals.with[row.pays_with] ?? row.pays_with) : texts.none),
  },
];

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
            cell: (row) => (
              <Link to={`/licenses/${row.subscription_id}/renewals`}>
                <Mail of={row.email} />
              </Link>
            ),
          },
          { head: texts.renewals.amount, number: true, cell: (row) => format.money(row.amount_usd) },
          { head: words.intent, cell: (row) => <code>{row.intent_id ?? texts.none}</code> },
          { head: words.attempt, number: true, cell: (row) => format.number(row.attempt) },
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
            [words.attempt, format.number(asked.attempt)],
            // PayPal's transactions are searched by it.
            ...(asked.invoice_id ? [[words.invoice, <code className="id">{asked.invoice_id}</code>] as [string, ReactNode]] : []),
            [texts.renewals.amount, format.money(asked.amount_usd)],
            [
              words.email,
              <Link to={`/licenses/${asked.subscription_id}/renewals`}>
                <Mail of={asked.email} />
              </Link>,
            ],
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
