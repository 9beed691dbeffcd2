import { useMemo } from 'react';
import { useLoad } from '../api';
import { format } from '../format';
import { useSearchParams } from '../router';
import { texts } from '../texts';
import { Segments, Show, Table } from '../ui/kit';
import type { Series } from '../ui/Chart';
import { LazyChart } from '../ui/LazyChart';
import { moreSystemTexts } from './systemTexts';

type Day = {
  day: string;
  checks: number | null;
  refused: number | null;
  renewed: number;
  revenue_usd: number;
  refunded_usd: number;
  failed: number;
  recovered: number;
  alerts_open: number;
  alerts_resolved: number;
  alerts_false: number;
};
type Line = { name: string; color: Series['color']; dash?: boolean; of: (day: Day) => number | null };

const words = moreSystemTexts;
const spans = ['7', '30', '90'];
const charts: { title: string; money?: boolean; lines: Line[] }[] = [
  {
    title: words.checks,
    lines: [
      { name: words.all, color: 'main', of: (day) => day.checks },
      { name: words.refused, color: 'poor', dash: true, of: (day) => day.refused },
    ],
  },
  {
    title: words.money,
    money: true,
    lines: [
      { name: words.revenue, color: 'good', of: (day) => day.revenue_usd },
      { name: words.refunds, color: 'poor', dash: true, of: (day) => day.refunded_usd },
    ],
  },
  {
    title: words.recovery,
    lines: [
      { name: words.failedPayments, color: 'poor', dash: true, of: (day) => day.failed },
      { name: words.recovered, color: 'good', of: (day) => day.recovered },
    ],
  },
  {
    title: words.alertChart,
    lines: [
      { name: words.open, color: 'poor', of: (day) => day.alerts_open },
      { name: words.resolved, color: 'good', of: (day) => day.alerts_resolved },
      { name: words.falseAlarms, color: 'main', dash: true, of: (day) => day.alerts_false },
    ],
  },
];

/** Charts of the last 7, 30 or 90 days, with the numbers in tables for those who can't see them. */
export function Trends() {
  const [query, setQuery] = useSearchParams();
  const span = spans.includes(query.get('days') ?? '') ? query.get('days')! : '30';
  const trends = useLoad<{ days: Day[] }>(`/api/v1/trends?days=${span}`);
  return (
    <>
      <div className="spread section">
        <h2>{words.trends}</h2>
        <Segments
          label={words.span}
          value={span}
          onChange={(days) => setQuery({ days }, { replace: true })}
          options={spans.map((days) => [days, words.days(Number(days))])}
        />
      </div>
      <Show of={trends} rows={8}>
        {({ days }) => (
          <div className="charts">
            {charts.map((chart) => (
              <Trend key={chart.title} days={days} {...chart} />
            ))}
          </div>
        )}
      </Show>
    </>
  );
}

function Trend({ days, title, money, lines }: { days: Day[]; title: string; money?: boolean; lines: Line[] }) {
  const times = useMemo(() => days.map((day) => Date.parse(day.day) / 1000), [days]);
  const series = useMemo(
    () => lines.map(({ name, color, dash, of }): Series => ({ name, color, dash, values: days.map(of) })),
    [days, lines],
  );
  const show = (n: number | null) => (money ? format.money(n) : format.number(n));
  const sums = lines.map((line) => {
    const counted = days.flatMap((day) => line.of(day) ?? []);
    return words.sumOf(line.name, counted.length === 0 ? texts.none : show(counted.reduce((sum, n) => sum + n, 0)));
  });
  return (
    <section className="card" aria-label={title}>
      <h3>{title}</h3>
      <p className="small">{sums.join(' · ')}</p>
      {days.every((day) => lines.every((line) => line.of(day) === null)) ? (
        <p>{words.noChecks}</p>
      ) : (
        <LazyChart label={`${title}. ${sums.join(', ')}`} times={times} series={series} dates />
      )}
      <details className="inline">
        <summary className="small">{words.numbers}</summary>
        <Table
          fits
          label={words.table(title)}
          rows={days}
          id={(row) => row.day}
          columns={[
            { head: words.day, cell: (row) => format.date(row.day) },
            ...lines.map((line) => ({ head: line.name, number: true, cell: (row: Day) => show(line.of(row)) })),
          ]}
        />
      </details>
    </section>
  );
}
