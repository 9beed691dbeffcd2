import { usePages } from '../api';
import { Csv } from '../files';
import { format } from '../format';
import { Link, useSearchParams } from '../router';
import { texts } from '../texts';
import { Back, Badge, Choice, Empty, Mail, PageTitle, ProblemBox, Skeleton, Table } from '../ui/kit';
import { alertTexts } from './alertTexts';
import { licenseTexts } from './licenseTexts';
import { More } from './Paged';

type Comparison = {
  subscription_id: string;
  email: string;
  difference: string;
  found_at: string;
  alert_id: string | null;
  measure: string | null;
  description: string | null;
  shadow_measure: string | null;
  shadow_severity: string | null;
  shadow_description: string | null;
};
type Reply = { policy: string | null; licenses: Record<string, number>; comparisons: Comparison[]; next: string | null };

const read = (reply: Reply) => ({ rows: reply.comparisons, next: reply.next && `cursor=${encodeURIComponent(reply.next)}` });
const words = texts.shadow;

/** Alerts of the policy in force beside those that the policy in shadow would have raised. */
export default function ShadowAlerts() {
  const [query, setQuery] = useSearchParams();
  const difference = query.get('difference') ?? 'DIFFERENT';
  const path = `/api/v1/licenses/alerts/shadow?${new URLSearchParams({ difference })}`;
  const list = usePages<Comparison>(path, read, 60);
  const reply = list.first as Reply | undefined;
  return (
    <>
      <Back to="/alerts">{alertTexts.back}</Back>
      <PageTitle title={words.title}>
        {reply?.policy && (
          <span>{words.differ(Object.entries(reply.licenses).reduce((n, [key, of]) => (key === 'SAME' ? n : n + of), 0))}</span>
        )}
      </PageTitle>
      {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
      {list.first === undefined && !list.problem && <Skeleton rows={8} />}
      {reply && !reply.policy && (
        <>
          <p>{words.none}</p>
          <pre tabIndex={0}>SHADOW_DETECTION_POLICY=people_minutes=25,notify_share=0.3</pre>
        </>
      )}
      {reply?.policy && (
        <>
          <p>{words.text}</p>
          <pre tabIndex={0}>{reply.policy}</pre>
          <div className="filters">
            <Choice
              label={words.difference}
              value={difference}
              onChange={(value) => setQuery({ difference: value })}
              options={[
                ['DIFFERENT', words.different],
                ...Object.entries(words.differences).map(([key, text]): [string, string] => [
                  key,
                  `${text} (${format.number(reply.licenses[key] ?? 0)})`,
                ]),
                ['ALL', words.all],
              ]}
            />
            <Csv path={path} name="policy-in-shadow" />
          </div>
          {list.rows.length === 0 ? (
            <Empty>{words.noMatch}</Empty>
          ) : (
            <Table
              label={words.title}
              rows={list.rows}
              id={(row) => row.subscription_id}
              columns={[
                { head: texts.alerts.when, cell: (row) => format.moment(row.found_at) },
                {
                  head: licenseTexts.customer,
                  cell: (row) => (
                    <Link to={`/licenses/${row.subscription_id}`}>
                      <Mail of={row.email} />
                    </Link>
                  ),
                },
                {
                  head: words.inForce,
                  wide: true,
                  cell: (row) => <Found measure={row.measure} description={row.description} alert={row.alert_id} />,
                },
                {
                  head: words.shadow,
                  wide: true,
                  cell: (row) => <Found measure={row.shadow_measure} description={row.shadow_description} />,
                },
                {
                  head: words.difference,
                  cell: (row) => (
                    <Badge of={row.difference === 'SAME' ? 'LOW' : 'MEDIUM'}>{words.differences[row.difference] ?? row.difference}</Badge>
                  ),
                },
              ]}
            />
          )}
        </>
      )}
      <More of={list} />
    </>
  );
}

function Found({ measure, description, alert }: { measure: string | null; description: string | null; alert?: string | null }) {
  if (!measure) return <>{words.nothing}</>;
  const text = texts.shadow.measures[measure] ?? measure;
  return (
    <>
      <strong>{alert ? <Link to={`/alerts/${alert}`}>{text}</Link> : text}</strong>
      {description && <div className="description">{description}</div>}
    </>
  );
}
