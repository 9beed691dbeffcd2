import { useState } from 'react';
import { useLoad } from '../api';
import { useConfig } from '../config';
import { Csv } from '../files';
import { format } from '../format';
import { t } from '../language';
import { Back, Choice, Empty, PageTitle, Show, Table } from '../ui/kit';
import { renewalStatusTexts } from './renewalStatusTexts';
import { reportTexts } from './reportTexts';

type Row = { report: string; group: string; count: number; of: number | null; amount_usd: number | null };

const words = reportTexts;
const day = 86_400_000;

/** The start of a month in UTC, so many months ago. */
const month = (back: number) => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 19) + 'Z';
};

/** Revenue, churn and the like, and the documents for the bookkeeper. */
export default function Reports() {
  const [days, setDays] = useState('90');
  const [now] = useState(() => Date.now());
  const time = (at: number) => encodeURIComponent(new Date(at).toISOString());
  const path = `/api/v1/reports?from=${time(now - Number(days) * day)}&to=${time(now)}`;
  const reports = useLoad<{ rows: Row[] }>(path);
  const hasInvoices = useConfig()?.has_invoices;
  return (
    <>
      <Back to="/renewals">{t('nav.renewals')}</Back>
      <PageTitle title={words.title}>
        <Csv path={path} name="reports" />
      </PageTitle>
      <div className="filters">
        <Choice label={words.period} value={days} options={words.periods} onChange={setDays} />
      </div>
      <Show of={reports} rows={8}>
        {({ rows }) => <Shown rows={rows} />}
      </Show>
      {hasInvoices !== undefined && (
        <section>
          <h2>{words.bookkeeping}</h2>
          {hasInvoices ? <Bookkeeping /> : <p>{words.invoicesOff}</p>}
        </section>
      )}
    </>
  );
}

function Shown({ rows }: { rows: Row[] }) {
  const of = (report: string) => rows.filter((row) => row.report === report);
  const returned = new Map(of('revenue_returned').map((row) => [row.group, row]));
  const [recurring, consents] = [of('mrr').at(-1), of('price_consents')[0]];
  return (
    <>
      <div className="cards">
        <section className="card">
          <p className="small">{words.mrr}</p>
          <p className="figure">{format.money(recurring?.amount_usd)}</p>
          <p className="small">{recurring ? words.mrrOf(recurring.count, format.date(recurring.group)) : words.mrrNone}</p>
        </section>
        <section className="card">
          <p className="small">{words.consents}</p>
          <p className="figure">{format.number(consents?.count)}</p>
          <p className="small">{words.consentsOf(format.money(consents?.amount_usd))}</p>
        </section>
      </div>
      <Part
        title={words.revenue}
        help={words.revenueHelp}
        rows={of('revenue_paid')}
        columns={[
          { head: words.month, cell: (row) => format.month(row.group) },
          { head: words.payments, number: true, cell: (row) => format.number(row.count) },
          { head: words.paid, number: true, cell: (row) => format.money(row.amount_usd) },
          { head: words.returned, number: true, cell: (row) => format.money(returned.get(row.group)?.amount_usd ?? 0) },
          {
            head: words.net,
            number: true,
            cell: (row) => format.money((row.amount_usd ?? 0) - (returned.get(row.group)?.amount_usd ?? 0)),
          },
        ]}
      />
      <Part
        title={words.mrrByMonth}
        rows={of('mrr')}
        columns={[
          { head: words.onDay, cell: (row) => format.date(row.group) },
          { head: words.licenses, number: true, cell: (row) => format.number(row.count) },
          { head: words.amount, number: true, cell: (row) => format.money(row.amount_usd) },
        ]}
      />
      <Part
        title={words.churn}
        help={words.churnHelp}
        rows={of('churn')}
        columns={shares(words.month, words.ended, words.lost, words.churnRate, format.month)}
      />
      <Part
        title={words.renewals}
        help={words.renewalsHelp}
        rows={of('renewals')}
        columns={[
          { head: renewalStatusTexts.status, cell: (row) => renewalStatusTexts.statuses[row.group] ?? row.group },
          { head: words.number, number: true, cell: (row) => format.number(row.count) },
          { head: words.share, number: true, cell: share },
          { head: words.amount, number: true, cell: (row) => format.money(row.amount_usd) },
        ]}
      />
      <Part
        title={words.byAttempt}
        rows={of('recovery_by_attempt')}
        columns={shares(words.attempt, words.made, words.succeeded, words.rate)}
      />
      <Part
        title={words.byCode}
        rows={of('recovery_by_code')}
        columns={shares(words.code, words.declined, words.recovered, words.rate, format.reasonAlone)}
      />
      <Part
        title={words.byDay}
        rows={of('recovery_by_day')}
        columns={shares(words.day, words.declined, words.recovered, words.rate, (day) => (day === 'wallet' ? words.byWallet : day))}
      />
    </>
  );
}

const share = (row: Row) => format.share(row.of ? row.count / row.of : null);

const shares = (group: string, of: string, count: string, rate: string, name = (text: string) => text) => [
  { head: group, cell: (row: Row) => name(row.group) },
  { head: of, number: true, cell: (row: Row) => format.number(row.of) },
  { head: count, number: true, cell: (row: Row) => format.number(row.count) },
  { head: rate, number: true, cell: share },
];

function Part({
  title,
  help,
  rows,
  columns,
}: {
  title: string;
  help?: string;
  rows: Row[];
  columns: Parameters<typeof Table<Row>>[0]['columns'];
}) {
  return (
    <section>
      <h2>{title}</h2>
      {help && <p className="small">{help}</p>}
      {rows.length === 0 ? (
        <Empty>{words.none}</Empty>
      ) : (
        <Table fits={columns.length < 5} label={title} rows={rows} id={(row) => row.group} columns={columns} />
      )}
    </section>
  );
}

function Bookkeeping() {
  const [back, setBack] = useState('1');
  const name = month(Number(back)).slice(0, 7);
  const [from, to] = [month(Number(back)), month(Number(back) - 1)];
  return (
    <>
      <p>{words.bookkeepingHelp}</p>
      <div className="filters">
        <Choice
          label={words.month}
          value={back}
          options={Array.from({ length: 13 }, (_, n): [string, string] => [String(n), format.month(month(n).slice(0, 7))])}
          onChange={setBack}
        />
        <Csv path={`/api/v1/invoices/export?from=${from}&to=${to}`} name={`invoices-${name}`} />
      </div>
    </>
  );
}
