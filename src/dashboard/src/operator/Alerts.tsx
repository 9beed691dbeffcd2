import { useEffect, useRef, useState, type KeyboardEvent as KeyPress, type SyntheticEvent } from 'react';
import { Cell, Checkbox, Column, I18nProvider, Row, Table, TableBody, TableHeader, type Selection } from 'react-aria-components';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { usePages } from '../api';
import { actionOf, outcomesOf, type AlertRow, type Review } from '../alerts';
import { Csv } from '../files';
import { format } from '../format';
import { word } from '../language';
import { texts } from '../texts';
import { Badge, Button, Choice, Empty, keepFocus, Mail, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { AlertStatus } from './AlertStatus';
import { More } from './Paged';
import { Results, type Result } from './Results';
import { ReviewAlerts, reviewKeys } from './ReviewAlerts';
import { ShortcutHelp, useShortcuts } from './shortcuts';
import { words } from './texts';

const refreshSeconds = 30;

const keys = [...words.alerts.listKeys, ...reviewKeys, ...words.shortcuts.everywhere];

type Reply = { total: number; alerts: AlertRow[]; next: string | null };

const read = (reply: Reply) => ({ rows: reply.alerts, next: reply.next && `cursor=${encodeURIComponent(reply.next)}` });

/** The link opens the alert itself, also in another tab: the row doesn't react to it. The shortcuts of the page stay. */
const stop = (event: SyntheticEvent) => event.stopPropagation();
const stopKey = (event: KeyPress) => {
  if (event.key === 'Enter' || event.key === ' ') stop(event);
};
const apart = { onPointerDown: stop, onPointerUp: stop, onMouseDown: stop, onKeyDown: stopKey, onClick: stop };

export default function Alerts() {
  const [query, setQuery] = useSearchParams();
  const go = useNavigate();
  const [selected, setSelected] = useState<Selection>(new Set());
  const status = query.get('status') ?? 'NOT_CLOSED';
  const severity = query.get('severity') ?? '';
  const answer = query.get('customer_answer') ?? '';
  const license = query.get('subscription_id');
  const sort = query.get('sort') ?? 'queue';
  const [helps, setHelps] = useState(false);
  const table = useRef<HTMLDivElement>(null);
  const asked = new URLSearchParams({
    status,
    ...(severity && { severity }),
    ...(answer && { customer_answer: answer }),
    ...(license && { subscription_id: license }),
    ...(sort !== 'queue' && { sort }),
  });
  const path = `/api/v1/licenses/alerts?${asked}`;
  const list = usePages<AlertRow>(`${path}&limit=100`, read, refreshSeconds);
  const { rows, changes, accept, follow } = useHeld(path, list);
  const reload = () => {
    follow();
    list.reload();
  };
  // The undo runs after later renders, so it uses the latest reload.
  const latest = useRef(reload);
  latest.current = reload;
  const [refused, setRefused] = useState<{ of: number; results: Result[] }>();
  const total = (list.first as Reply | undefined)?.total;
  const chosen = rows.filter((alert) => selected === 'all' || selected.has(alert.alert_id));
  // A decision removes the buttons.
  useEffect(keepFocus, [chosen.length]);
  const shownRows = () => [...(table.current?.querySelectorAll<HTMLElement>('tbody [role=row]') ?? [])];
  const focused = () => shownRows().findIndex((row) => row.contains(document.activeElement));
  const move = (by: 1 | -1) => () => {
    const [all, here] = [shownRows(), focused()];
    all[Math.max(0, Math.min(all.length - 1, here < 0 ? 0 : here + by))]?.focus();
  };
  const select = () => {
    const id = shownRows()[focused()]?.dataset.key;
    if (!id) return;
    setSelected((old) => {
      const next = new Set(old === 'all' ? rows.map((alert) => alert.alert_id) : old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  };
  // The decision about the row that has the focus. With a selection, ReviewAlerts has these keys.
  const [asks, setAsks] = useState<Review>();
  const ask = (decision: Review) => () => {
    const alert = chosen.length === 0 && rows.find((row) => row.alert_id === shownRows()[focused()]?.dataset.key);
    if (!alert || !alert.next_statuses.includes(decision)) return;
    setAsks(decision);
    setSelected(new Set([alert.alert_id]));
  };
  useEffect(() => {
    if (chosen.length === 0) setAsks(undefined);
  }, [chosen.length]);
  // The table itself handles arrow keys, Space, Enter and Escape.
  useShortcuts({
    j: move(1),
    k: move(-1),
    x: select,
    '?': () => setHelps(true),
    ...(chosen.length === 0 &&
      Object.fromEntries(Object.entries(words.alerts.decisionKeys).map(([decision, key]) => [key, ask(decision as Review)]))),
  });
  const filter = (name: string, value: string) => {
    setSelected(new Set());
    setQuery((old) => {
      if (value) old.set(name, value);
      else old.delete(name);
      return old;
    });
  };

  return (
    <>
      <PageTitle title={texts.alerts.title}>
        {total !== undefined && <span>{texts.alerts.total(total)}</span>}
        <Csv path={path} name="alerts" />
      </PageTitle>
      <div className="filters">
        <Choice
          label={texts.alerts.status}
          value={status}
          onChange={(value) => filter('status', value)}
          options={[
            ['NOT_CLOSED', words.alerts.allOpen],
            ['OPEN', words.alerts.newOrReopened],
            ...['INVESTIGATING', 'RESOLVED', 'FALSE_POSITIVE'].map((one): [string, string] => [one, texts.status[one]!]),
            ['ALL', texts.alerts.all],
          ]}
        />
        <Choice
          label={texts.alerts.severity}
          value={severity}
          onChange={(value) => filter('severity', value)}
          options={[
            ['', texts.alerts.any],
            ...['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'].map((one): [string, string] => [one, texts.status[one]!]),
          ]}
        />
        <Choice
          label={texts.alerts.answer}
          value={answer}
          onChange={(value) => filter('customer_answer', value)}
          options={[['', texts.alerts.any], ...Object.entries(texts.alerts.answers)]}
        />
        <Choice
          label={words.alerts.sort}
          value={sort}
          onChange={(value) => filter('sort', value === 'queue' ? '' : value)}
          options={Object.entries(words.alerts.orders)}
        />
      </div>
      <div className="fresh">
        <div role="status">
          {changes > 0 ? (
            <Button onPress={accept}>{words.alerts.fresh(changes)}</Button>
          ) : (
            <span className="small">{words.alerts.upToDate}</span>
          )}
        </div>
        <span className="spread small">
          <span className="keyboard">
            <Button look="quiet" onPress={() => setHelps(true)}>
              {words.shortcuts.title}
            </Button>
          </span>
          <Link to="/alerts/shadow">{texts.shadow.title}</Link>
        </span>
      </div>
      {license && (
        <p>
          {texts.alerts.ofOne}{' '}
          <Button look="quiet" onPress={() => filter('subscription_id', '')}>
            {texts.alerts.ofAll}
          </Button>
        </p>
      )}
      {list.problem && <ProblemBox problem={list.problem} again={list.reload} />}
      {list.first === undefined && !list.problem && <Skeleton rows={8} />}
      {list.first !== undefined && rows.length === 0 && (
        <Empty>{status === 'NOT_CLOSED' && !severity && !answer && !license ? texts.alerts.none : texts.alerts.noMatch}</Empty>
      )}
      {rows.length > 0 && (
        <I18nProvider locale="en-US">
          <div className="table-scroll rows" ref={table}>
            <Table
              aria-label={texts.alerts.table}
              selectionMode="multiple"
              selectedKeys={selected}
              onSelectionChange={setSelected}
              onRowAction={(id) => void go(`/alerts/${id}`)}
            >
              <TableHeader>
                <Column width={40}>
                  <Checkbox slot="selection" className="tick">
                    <span aria-hidden="true" />
                  </Checkbox>
                  <div className="all" aria-hidden="true">
                    {words.alerts.selectAll}
                  </div>
                </Column>
                <Column isRowHeader>{texts.alerts.what}</Column>
                <Column>{texts.alerts.severity}</Column>
                <Column>{texts.alerts.when}</Column>
                <Column>{texts.alerts.status}</Column>
                <Column>{texts.alerts.action}</Column>
              </TableHeader>
              <TableBody items={rows.map((alert) => ({ ...alert, id: alert.alert_id }))}>
                {(alert) => (
                  <Row>
                    <Cell>
                      <Checkbox slot="selection" className="tick">
                        <span aria-hidden="true" />
                      </Checkbox>
                    </Cell>
                    <Cell>
                      <strong>
                        <Link to={`/alerts/${alert.alert_id}`} {...apart}>
                          {word('activity', alert.activity_type) ?? alert.activity_type}
                        </Link>
                      </strong>{' '}
                      {alert.appealed_at && <Badge of="HIGH">{texts.alerts.appeal}</Badge>}
                      {alert.owner_email && (
                        <div>
                          <Mail of={alert.owner_email} />
                        </div>
                      )}
                      <div className="description small">{alert.description}</div>
                      {alert.appeal && <div className="description small">“{alert.appeal}”</div>}
                      {alert.customer_answer && (
                        <div className="small">
                          {texts.alerts.answer}: {texts.alerts.answers[alert.customer_answer] ?? alert.customer_answer}
                        </div>
                      )}
                    </Cell>
                    <Cell>
                      <Badge of={alert.severity} />
                    </Cell>
                    <Cell>
                      <span title={format.moment(alert.detected_at)}>{format.ago(alert.detected_at)}</span>
                    </Cell>
                    <Cell>
                      <AlertStatus of={alert} />
                    </Cell>
                    <Cell className={alert.measure === 'NONE' && !alert.is_suspended ? 'nothing' : undefined}>
                      {actionOf(alert)}
                      {outcomesOf(alert).map((outcome) => (
                        <div className="small" key={outcome}>
                          {outcome}
                        </div>
                      ))}
                      {alert.is_suspended && <div className="small">{texts.alerts.suspended}</div>}
                    </Cell>
                  </Row>
                )}
              </TableBody>
            </Table>
          </div>
        </I18nProvider>
      )}
      <More of={list} />
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={texts.alerts.selected(chosen.length)}>
          <strong>{texts.alerts.selected(chosen.length)}</strong>
          <ReviewAlerts
            alerts={chosen}
            asks={asks}
            done={(others) => {
              // Those that were refused stay selected.
              setSelected(new Set(others?.results.map((one) => one.key)));
              setRefused(others);
              reload();
            }}
            undone={() => latest.current()}
          />
        </div>
      )}
      {refused && <Results {...refused} onClose={() => setRefused(undefined)} />}
      <ShortcutHelp open={helps} keys={keys} onClose={() => setHelps(false)} />
    </>
  );
}

/**
 * Holds the rows in place while the list is refreshed: a row that is shown gets its new values, but rows are added, removed and moved only
 * when the operator asks for it. Pages that are added at the end are shown at once.
 */
function useHeld(path: string, list: { rows: AlertRow[]; first?: unknown; loading: boolean }) {
  const { rows, first, loading } = list;
  const [held, setHeld] = useState<{ path: string; rows: AlertRow[] }>();
  // The answer that the next one replaces: the operator has changed something, and sees the effect.
  const [replaced, setReplaced] = useState<unknown>();
  const own = held?.path === path ? held.rows : undefined;
  const isLonger = own?.every((row, n) => rows[n]?.alert_id === row.alert_id) === true && rows.length > own.length;
  const isReplaced = replaced !== undefined && first !== replaced;
  useEffect(() => {
    if (first === undefined || loading || (own && !isLonger && !isReplaced)) return;
    setHeld({ path, rows });
    setReplaced(undefined);
  }, [first, isLonger, isReplaced, loading, own, path, rows]);
  const now = new Map(rows.map((row) => [row.alert_id, row]));
  const shown = !own || isLonger ? rows : own.map((row) => now.get(row.alert_id) ?? row);
  const ids = new Set(shown.map((row) => row.alert_id));
  const changes = rows.filter((row) => !ids.has(row.alert_id)).length + shown.filter((row) => !now.has(row.alert_id)).length;
  return {
    rows: shown,
    changes: loading || replaced !== undefined ? 0 : changes,
    /** Shows the changes. */
    accept: () => setHeld({ path, rows }),
    /** Shows the changes of the next answer. */
    follow: () => setReplaced(first),
  };
}
