import { useMemo } from 'react';
import { useLoad } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { t } from '../language';
import { useSearchParams } from '../router';
import { LazyChart } from '../ui/LazyChart';
import { Empty, Facts, Segments, Show, Table } from '../ui/kit';
import type { TabProps } from './License';

type Bucket = {
  at: string;
  signals_received: number;
  signals_executed: number;
  signals_rejected: number;
  avg_latency_ms: number | null;
  devices: number;
};
type Reply = {
  bucket: 'hour' | 'day';
  totals: {
    sessions: number;
    signals_received: number;
    signals_executed: number;
    signals_rejected: number;
    avg_latency_ms: number | null;
    devices: number;
    places: number;
  };
  buckets: Bucket[];
  places: { network: string; country_code: string | null; sessions: number; signals_received: number; last_hour_at: string }[];
};

const spans: Record<string, string> = { day: 'bucket=hour', week: 'bucket=hour&from=-7', month: 'bucket=day' };

export default function UsageTab({ id }: TabProps) {
  const [query, setQuery] = useSearchParams();
  const span = query.get('span') ?? 'day';
  const path = useMemo(() => {
    const asked = (spans[span] ?? spans.day!).replace(
      'from=-7',
      `from=${new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 19)}Z`,
    );
    return `/api/v1/licenses/${id}/usage?${asked}`;
  }, [id, span]);
  const usage = useLoad<Reply>(path, 120);
  return (
    <>
      <div className="filters">
        <Segments
          label={t('usage.span')}
          value={span}
          onChange={(next) => setQuery({ span: next }, { replace: true })}
          options={[
            ['day', t('usage.day')],
            ['week', t('usage.week')],
            ['month', t('usage.month')],
          ]}
        />
        <Csv path={path} name="usage" />
      </div>
      <Show of={usage} rows={6}>
        {(reply) => <Shown reply={reply} />}
      </Show>
    </>
  );
}

function Shown({ reply }: { reply: Reply }) {
  const times = useMemo(() => reply.buckets.map((bucket) => Date.parse(bucket.at) / 1000), [reply]);
  const series = useMemo(
    () => [
      { name: t('usage.received'), values: reply.buckets.map((bucket) => bucket.signals_received), color: 'main' as const },
      { name: t('usage.executed'), values: reply.buckets.map((bucket) => bucket.signals_executed), color: 'good' as const, dash: true },
      { name: t('usage.rejected'), values: reply.buckets.map((bucket) => bucket.signals_rejected), color: 'poor' as const },
    ],
    [reply],
  );
  const title = reply.bucket === 'hour' ? t('usage.signals') : t('usage.signalsDay');
  const used = reply.buckets.filter((bucket) => bucket.signals_received > 0 || bucket.devices > 0);
  return (
    <>
      <section className="card">
        <h2>{title}</h2>
        <Facts
          rows={[
            [t('usage.received'), format.number(reply.totals.signals_received)],
            [t('usage.executed'), format.number(reply.totals.signals_executed)],
            [t('usage.rejected'), format.number(reply.totals.signals_rejected)],
            [
              t('usage.latency'),
              reply.totals.avg_latency_ms === null ? t('none') : t('usage.ms', { n: format.number(reply.totals.avg_latency_ms) }),
            ],
            [t('license.tabs.devices'), format.number(reply.totals.devices)],
          ]}
        />
        {used.length === 0 ? (
          <Empty>{t('usage.none')}</Empty>
        ) : (
          <LazyChart dates={reply.bucket === 'day'} label={title} times={times} series={series} />
        )}
      </section>
      {used.length > 0 && (
        <>
          <details>
            <summary>{t('usage.table')}</summary>
            <Table
              label={title}
              rows={used}
              id={(row) => row.at}
              columns={[
                { head: t('time'), cell: (row) => (reply.bucket === 'day' ? format.date : format.moment)(row.at) },
                { head: t('usage.received'), number: true, cell: (row) => format.number(row.signals_received) },
                { head: t('usage.executed'), number: true, cell: (row) => format.number(row.signals_executed) },
                { head: t('usage.rejected'), number: true, cell: (row) => format.number(row.signals_rejected) },
              ]}
            />
          </details>
          <h2>{t('usage.locations')}</h2>
          <Table
            label={t('usage.locations')}
            rows={reply.places}
            id={(row) => `${row.network} ${row.country_code}`}
            columns={[
              { head: t('usage.country'), cell: (row) => format.country(row.country_code) },
              { head: t('usage.network'), cell: (row) => row.network },
              { head: t('usage.sessions'), number: true, cell: (row) => format.number(row.sessions) },
              { head: t('usage.received'), number: true, cell: (row) => format.number(row.signals_received) },
              { head: t('usage.lastUsed'), cell: (row) => format.moment(row.last_hour_at) },
            ]}
          />
        </>
      )}
    </>
  );
}
