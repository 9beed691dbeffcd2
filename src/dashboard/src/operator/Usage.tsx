import { useLoad } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { Link, useSearchParams } from '../router';
import { type Column, Empty, Facts, PageTitle, Segments, Show, Table } from '../ui/kit';
import { texts } from './pageTexts';
import { usageTexts } from './usageTexts';

type Group = {
  key: string;
  name: string | null;
  licenses: number;
  sessions: number;
  signals_received: number;
  signals_executed: number;
  signals_rejected: number;
  reject_rate: number | null;
  avg_latency_ms: number | null;
};
type Summary = { totals: Group | null; top_licenses: Group[]; countries: Group[]; masters: Group[] };

const sums: Column<Group>[] = [
  { head: usageTexts.received, number: true, cell: (row) => format.number(row.signals_received) },
  { head: usageTexts.share, number: true, cell: (row) => format.share(row.reject_rate) },
  {
    head: usageTexts.latency,
    number: true,
    cell: (row) => (row.avg_latency_ms === null ? texts.none : texts.health.ms(format.tenths(row.avg_latency_ms))),
  },
];

export default function Usage() {
  const [query, setQuery] = useSearchParams();
  const span = query.get('span') === 'month' ? 'month' : 'day';
  const path = `/api/v1/usage/summary?bucket=${span === 'month' ? 'day' : 'hour'}`;
  const summary = useLoad<Summary>(path, 120);
  return (
    <>
      <PageTitle title={usageTexts.title}>
        <div className="end">
          <Segments
            label={texts.usage.span}
            value={span}
            onChange={(value) => setQuery({ span: value }, { replace: true })}
            options={[
              ['day', texts.usage.day],
              ['month', texts.usage.month],
            ]}
          />
        </div>
      </PageTitle>
      <Show of={summary} rows={8}>
        {(reply) =>
          !reply.totals ? (
            <Empty>{usageTexts.none}</Empty>
          ) : (
            <>
              <section className="card">
                <Facts
                  rows={[
                    [usageTexts.licenses, format.number(reply.totals.licenses)],
                    [usageTexts.received, format.number(reply.totals.signals_received)],
                    [usageTexts.rejected, `${format.number(reply.totals.signals_rejected)} (${format.share(reply.totals.reject_rate)})`],
                    [
                      usageTexts.latency,
                      reply.totals.avg_latency_ms === null ? texts.none : texts.health.ms(format.tenths(reply.totals.avg_latency_ms)),
                    ],
                  ]}
                />
              </section>
              <Heading title={usageTexts.top} csv={`${path}&by=license`} name="usage-by-license" />
              <Table
                label={usageTexts.top}
                rows={reply.top_licenses}
                id={(row) => row.key}
                columns={[
                  {
                    head: texts.license.owner,
                    cell: (row) => <Link to={`/licenses/${row.key}/usage`}>{row.name ?? format.id(row.key)}</Link>,
                  },
                  ...sums,
                ]}
              />
              <div className="two">
                <section>
                  <Heading title={usageTexts.countries} csv={`${path}&by=country`} name="usage-by-country" />
                  <Table
                    fits
                    label={usageTexts.countries}
                    rows={reply.countries}
                    id={(row) => row.key}
                    columns={[{ head: usageTexts.name, cell: (row) => format.country(row.key) }, ...sums]}
                  />
                </section>
                <section>
                  <Heading title={usageTexts.masters} csv={`${path}&by=master`} name="usage-by-master" />
                  <Table
                    fits
                    label={usageTexts.masters}
                    rows={reply.masters}
                    id={(row) => row.key}
                    columns={[{ head: usageTexts.name, cell: (row) => row.name?.split('@')[0] ?? format.id(row.key) }, ...sums]}
                  />
                </section>
              </div>
            </>
          )
        }
      </Show>
    </>
  );
}
