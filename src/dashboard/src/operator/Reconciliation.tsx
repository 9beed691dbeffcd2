import { useState } from 'react';
import { useLoad } from '../api';
import { useLoadedConfig } from '../config';
import { Heading } from '../files';
import { format } from '../format';
import { Link, useSearchParams } from '../router';
import { texts } from '../texts';
import { Back, Button, Choice, Empty, PageTitle, Show, Table } from '../ui/kit';
import { caseTexts } from './caseTexts';
import { reconciliationTexts } from './reconciliationTexts';
import { renewalTexts } from './renewalTexts';

type Sum = { charges: number; amount_minor: number };
type Totals = {
  currency: string;
  charges: number;
  gross_minor: number;
  refunds_minor: number;
  chargebacks_minor: number;
  fees_minor: number;
  other_minor: number;
  net_minor: number;
  payouts_minor: number;
};
type Difference = {
  kind: string;
  at: string;
  provider_id: string;
  intent_id: string | null;
  subscription_id: string | null;
  provider_minor: number | null;
  provider_currency: string | null;
  books_minor: number | null;
  books_currency: string | null;
  detail: string;
};
type Report = {
  differences_total: number;
  differences: Difference[];
  totals: Totals[];
  booked: Sum;
  decided: Sum;
  other_systems: Sum;
};

const words = reconciliationTexts;

/** A day (UTC), some days from today. */
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
const next = (text: string) => new Date(Date.parse(text) + 86_400_000).toISOString().slice(0, 10);

/** Compares the provider's balance with the books. It asks the provider only when an operator presses the button. */
export default function Reconciliation() {
  const [query, setQuery] = useSearchParams();
  const [first, setFirst] = useState(query.get('first') ?? day(-6));
  const [last, setLast] = useState(query.get('last') ?? day(0));
  const [provider, setProvider] = useState(query.get('provider') ?? 'stripe');
  const config = useLoadedConfig();
  // With one provider, there is nothing to choose, and the backend compares that one.
  const chosen = config.data?.paypal && config.data.stripe_publishable_key ? { provider } : undefined;
  const shown = { first: query.get('first') ?? '', last: query.get('last') ?? '', provider: query.get('provider') };
  const path =
    isDay(shown.first) && isDay(shown.last)
      ? `/api/v1/payments/reconciliation?from=${shown.first}&to=${next(shown.last)}` +
        (shown.provider ? `&provider=${encodeURIComponent(shown.provider)}` : '')
      : null;
  const report = useLoad<Report>(path);
  return (
    <>
      <Back to="/renewals">{renewalTexts.title}</Back>
      <PageTitle title={words.title} />
      <p>{words.about}</p>
      <Show of={config} rows={4}>
        {() => (
          <>
            <form
              className="filters"
              onSubmit={(event) => {
                event.preventDefault();
                if (first === shown.first && last === shown.last && (chosen?.provider ?? null) === shown.provider) report.reload();
                else setQuery({ first, last, ...chosen }, { replace: true });
              }}
            >
              <Day label={words.first} value={first} onChange={setFirst} />
              <Day label={words.last} value={last} onChange={setLast} />
              {chosen && (
                <Choice
                  label={words.provider}
                  value={provider}
                  options={[
                    ['stripe', 'Stripe'],
                    ['paypal', 'PayPal'],
                  ]}
                  onChange={setProvider}
                />
              )}
              <Button type="submit" look="main" isDisabled={!isDay(first) || !isDay(last) || last < first || report.loading}>
                {words.compare}
              </Button>
            </form>
            {isDay(first) && isDay(last) && last < first && <p className="notice fair">{words.order}</p>}
            {path && (
              <Show of={report} rows={4}>
                {(found) => <Result report={found} path={path} />}
              </Show>
            )}
          </>
        )}
      </Show>
    </>
  );
}

function Day({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <label className="field inline">
      <span>{label}</span>
      <input type="date" value={value} max={day(0)} required onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}

function Result({ report, path }: { report: Report; path: string }) {
  const differs = report.differences_total > 0;
  return (
    <>
      <p className={`notice ${differs ? 'poor' : 'good'}`} role="status">
        {differs ? words.differ(report.differences_total) : words.equal}
      </p>
      {differs && <Differences report={report} path={path} />}
      <h2>{words.totals}</h2>
      {report.totals.length === 0 ? (
        <Empty>{words.nothing}</Empty>
      ) : (
        <Table
          label={words.totals}
          rows={report.totals}
          id={(row) => row.currency}
          columns={[
            { head: words.currency, cell: (row) => row.currency.toUpperCase() },
            { head: words.charges, number: true, cell: (row) => format.number(row.charges) },
            { head: words.gross, number: true, cell: (row) => format.minor(row.gross_minor, row.currency) },
            { head: words.refunds, number: true, cell: (row) => format.minor(row.refunds_minor, row.currency) },
            { head: words.chargebacks, number: true, cell: (row) => format.minor(row.chargebacks_minor, row.currency) },
            { head: words.fees, number: true, cell: (row) => format.minor(row.fees_minor, row.currency) },
            { head: words.other, number: true, cell: (row) => format.minor(row.other_minor, row.currency) },
            { head: words.net, number: true, cell: (row) => format.minor(row.net_minor, row.currency) },
            { head: words.payouts, number: true, cell: (row) => format.minor(row.payouts_minor, row.currency) },
          ]}
        />
      )}
      {report.totals.length > 0 && <p>{words.booked(report.booked.charges, format.amount(report.booked.amount_minor, 'usd'))}</p>}
      {report.decided.charges > 0 && <p>{words.decided(report.decided.charges, format.amount(report.decided.amount_minor, 'usd'))}</p>}
      {report.other_systems.charges > 0 && (
        <p>{words.otherSystems(report.other_systems.charges, format.amount(report.other_systems.amount_minor, 'usd'))}</p>
      )}
    </>
  );
}

function Differences({ report, path }: { report: Report; path: string }) {
  return (
    <>
      <Heading title={words.differences} csv={path} name="differences" />
      {report.differences_total > report.differences.length && <p>{words.more(report.differences.length)}</p>}
      <Table
        label={words.differences}
        rows={report.differences}
        id={(row) => `${row.kind} ${row.provider_id} ${row.at}`}
        columns={[
          { head: words.at, cell: (row) => format.moment(row.at) },
          { head: words.what, wide: true, cell: (row) => row.detail },
          { head: words.provider, number: true, cell: (row) => format.amount(row.provider_minor, row.provider_currency) },
          { head: words.books, number: true, cell: (row) => format.amount(row.books_minor, row.books_currency) },
          { head: caseTexts.subject, cell: (row) => <code>{row.provider_id}</code> },
          {
            head: texts.alerts.license,
            cell: (row) =>
              row.subscription_id ? <Link to={`/licenses/${row.subscription_id}/renewals`}>{words.license}</Link> : texts.none,
          },
        ]}
      />
      <p>
        {words.decide} <Link to="/renewals">{caseTexts.cases}</Link>
      </p>
    </>
  );
}
