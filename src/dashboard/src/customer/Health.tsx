import { useMemo } from 'react';
import { useLoad } from '../api';
import { format } from '../format';
import { language, t, word } from '../language';
import { useIsOperator } from '../session';
import { LazyChart } from '../ui/LazyChart';
import { Facts, Show, Skeleton, Table } from '../ui/kit';
import { HealthView, reasonOf, type Contribution, type Health } from '../widget/LicenseHealthWidget';
import type { TabProps } from './License';
import { Tasks } from './Tasks';
import { planned, type useTasks } from './taskList';

type Reason = Pick<Contribution, 'reason' | 'code' | 'values'>;
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
  changes: {
    day: string;
    from: number | null;
    to: number;
    came: string[];
    went: string[];
    came_because?: Reason[];
    went_because?: Reason[];
  }[];
  scored_at: string;
};

/** @param tasks Of this license. */
export default function HealthTab({ id, license, reload, tasks }: TabProps & { tasks: ReturnType<typeof useTasks> }) {
  const health = useLoad<Report>(`/api/v1/licenses/${id}/health`, 60);
  const owner = !useIsOperator();
  // The tasks are above the score, which must not move when they load.
  if (owner && !tasks.data && !tasks.problem) return <Skeleton rows={6} />;
  return (
    <>
      {/* The banner of a revoked license says the same as its task. */}
      {owner && license.status !== 'REVOKED' && (
        <Show of={tasks}>
          {(list) => (
            <div className="own-tasks">
              <Tasks of={list} reload={reload} />
              {planned(list, id) && <p>{planned(list, id)}</p>}
            </div>
          )}
        </Show>
      )}
      <Show of={health} rows={6}>
        {(report) => <Shown report={report} />}
      </Show>
    </>
  );
}

/** Why a score changed. Reasons that an earlier version recorded have no code, so they can be shown in English only. */
function Reasons({ of: change }: { of: Report['changes'][number] }) {
  if (language.get() === 'en') return [...change.went, ...change.came].join('; ');
  const because = [
    ...(change.went_because ?? change.went.map((reason): Reason => ({ reason }))),
    ...(change.came_because ?? change.came.map((reason): Reason => ({ reason }))),
  ];
  const english = because.filter((one) => !one.code).map((one) => one.reason);
  return (
    <>
      {because
        .filter((one) => one.code)
        .map(reasonOf)
        .join('; ')}
      {english.length > 0 && (
        <div className="small">
          {t('health.inEnglish', { n: english.length })} <span lang="en">{english.join('; ')}</span>
        </div>
      )}
    </>
  );
}

type Part = { part: string; points: number; full: number; because: Contribution[] };

/** The parts of the score, each with its losses, or with the reason for its full points. */
function byPart(contributions: Contribution[]): Part[] {
  return [...new Set(contributions.map((one) => one.part))].map((part) => {
    const own = contributions.filter((one) => one.part === part);
    const losses = own.filter((one) => one.action !== 'NONE' || one.points < 0);
    return {
      part,
      points: own.reduce((sum, one) => sum + one.points, 0),
      full: own[0]!.points,
      because: losses.length > 0 ? losses : own,
    };
  });
}

function Losses({ of: { because } }: { of: Part }) {
  return because.map((one) => (
    <div key={one.reason} className="small">
      {reasonOf(one)}
      {one.points < 0 && because.length > 1 && ` (${format.points(one.points)})`}
    </div>
  ));
}

function Shown({ report }: { report: Report }) {
  const operator = useIsOperator();
  const trend = report.trend.filter((day) => day.score !== null);
  const times = useMemo(() => trend.map((day) => Date.parse(day.day) / 1000), [report]);
  const series = useMemo(() => [{ name: t('health.score'), values: trend.map((day) => day.score), color: 'main' as const }], [report]);
  // The first score has no earlier score to compare with.
  const changes = report.changes.filter((change) => change.from !== null);
  return (
    <>
      <div className="two">
        <section className="license-health-widget" aria-label={t('health.title')}>
          <h2>{t('health.title')}</h2>
          <HealthView health={report} heading="h3" page={operator ? 'operator' : 'customer'} />
          <p className="small">{t('health.scored', { ago: format.ago(report.scored_at) })}</p>
        </section>
        <section className="card">
          <h2>{t('health.today')}</h2>
          <Facts
            rows={[
              [t('usage.received'), format.number(report.usage.signals_received_24h)],
              [t('usage.executed'), format.number(report.usage.signals_executed_24h)],
              [t('usage.rejected'), format.number(report.usage.signals_rejected_24h)],
              [
                t('usage.latency'),
                report.usage.avg_latency_ms === null ? t('none') : t('usage.ms', { n: format.number(report.usage.avg_latency_ms) }),
              ],
              [t('devices.lastSeen'), format.ago(report.usage.last_activity)],
            ]}
          />
          {trend.length > 1 && (
            <>
              <h3>{t('health.trend')}</h3>
              <LazyChart
                low
                dates
                max={100}
                label={`${t('health.trend')}: ${trend.map((day) => `${format.date(day.day)} ${day.score}`).join(', ')}`}
                times={times}
                series={series}
              />
            </>
          )}
        </section>
      </div>
      <h2>{t('health.contributions')}</h2>
      <Table
        fits
        label={t('health.contributions')}
        rows={byPart(report.contributions)}
        id={(row) => row.part}
        columns={[
          {
            head: t('health.part'),
            cell: (row) => (
              <>
                {word('health.part', row.part) ?? row.part}
                <Losses of={row} />
              </>
            ),
          },
          {
            head: t('health.points'),
            number: true,
            cell: (row) => t('health.partOf', { points: format.number(row.points), full: format.number(row.full) }),
          },
        ]}
      />
      {changes.length > 0 && (
        <>
          <h2>{t('health.changes')}</h2>
          <ul>
            {changes.map((change) => (
              <li key={change.day}>
                {format.date(change.day)}: {change.from ?? t('none')} → {change.to}. <Reasons of={change} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
