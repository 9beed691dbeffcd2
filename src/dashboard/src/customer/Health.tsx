import { useMemo } from 'react';
import { Link } from 'react-router';
import { useLoad } from '../api';
import { format } from '../format';
import { texts } from '../texts';
import { LazyChart } from '../ui/LazyChart';
import { Facts, Show, Table } from '../ui/kit';
import { HealthView, type Contribution, type Health } from '../widget/LicenseHealthWidget';
import type { TabProps } from './License';

type Report = Health & {
  contributions: Contribution[];
  usage: {
    signals_received_24h: number;
    signals_executed_24h: number;
    signals_rejected_24h: number;
    avg_latency_ms: number | null;
    last_activity: string | null;
  };
  trend: { day: string; score: number | null }[];
  changes: { day: string; from: number | null; to: number; came: string[]; went: string[] }[];
  scored_at: string;
};

export default function HealthTab({ id }: TabProps) {
  const health = useLoad<Report>(`/api/v1/licenses/${id}/health`, 60);
  return (
    <Show of={health} rows={6}>
      {(report) => <Shown report={report} />}
    </Show>
  );
}

function Shown({ report }: { report: Report }) {
  const trend = report.trend.filter((day) => day.score !== null);
  const times = useMemo(() => trend.map((day) => Date.parse(day.day) / 1000), [report]);
  const series = useMemo(() => [{ name: texts.health.score, values: trend.map((day) => day.score), color: 'main' as const }], [report]);
  // The first score has no earlier score to compare with.
  const changes = report.changes.filter((change) => change.from !== null);
  return (
    <>
      <div className="two">
        <section className="license-health-widget" aria-label={texts.health.title}>
          <h2>{texts.health.title}</h2>
          <HealthView health={report} />
          <p className="small">{texts.health.scored(format.ago(report.scored_at))}</p>
        </section>
        <section className="card">
          <h2>{texts.health.today}</h2>
          <Facts
            rows={[
              [texts.health.received, format.number(report.usage.signals_received_24h)],
              [texts.health.executed, format.number(report.usage.signals_executed_24h)],
              [texts.health.rejected, format.number(report.usage.signals_rejected_24h)],
              [
                texts.health.latency,
                report.usage.avg_latency_ms === null ? texts.none : texts.health.ms(format.number(report.usage.avg_latency_ms)),
              ],
              [texts.devices.lastSeen, format.ago(report.usage.last_activity)],
            ]}
          />
          {trend.length > 1 && (
            <>
              <h3>{texts.health.trend}</h3>
              <LazyChart
                low
                dates
                max={100}
                label={`${texts.health.trend}: ${trend.map((day) => `${format.date(day.day)} ${day.score}`).join(', ')}`}
                times={times}
                series={series}
              />
            </>
          )}
        </section>
      </div>
      <h2>{texts.health.contributions}</h2>
      <Table
        label={texts.health.contributions}
        rows={report.contributions}
        id={(row) => `${row.part} ${row.reason}`}
        columns={[
          { head: texts.health.points, number: true, cell: (row) => (row.points > 0 ? `+${row.points}` : row.points) },
          { head: texts.health.reason, wide: true, cell: (row) => row.reason },
          {
            head: texts.health.todo,
            wide: true,
            cell: (row) =>
              row.recommendation === null ? (
                ''
              ) : row.link ? (
                <Link to={row.link.replace(/^\/app/, '')} reloadDocument={row.link.startsWith('/app/payment-methods')}>
                  {row.recommendation}
                </Link>
              ) : (
                row.recommendation
              ),
          },
        ]}
      />
      {changes.length > 0 && (
        <>
          <h2>{texts.health.changes}</h2>
          <ul>
            {changes.map((change) => (
              <li key={change.day}>
                {format.date(change.day)}: {change.from ?? texts.none} → {change.to}. {[...change.went, ...change.came].join('; ')}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
