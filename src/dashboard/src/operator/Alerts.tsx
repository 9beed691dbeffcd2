import { lazy, memo, Suspense, useEffect, useRef, useState, type KeyboardEvent as KeyPress, type MouseEvent as Click } from 'react';
import { usePages } from '../api';
import { actionOf, outcomesOf, sentenceOf, type AlertRow, type Review } from '../alerts';
import { Csv } from '../files';
import { format } from '../format';
import { word } from '../language';
import { Link, useNavigate, useSearchParams } from '../router';
import { texts } from '../texts';
import { Badge, Button, Choice, Empty, keepFocus, Mail, PageTitle, ProblemBox, Skeleton } from '../ui/kit';
import { AlertStatus } from './AlertStatus';
import { More } from './Paged';
import type { Result } from './Results';
import { ShortcutHelp, useShortcuts } from './shortcuts';
import { words } from './texts';

const loadReview = () => import('./ReviewAlerts');
const ReviewAlerts = lazy(() => loadReview().then((loaded) => ({ default: loaded.ReviewAlerts })));
const Results = lazy(() => import('./Results').then((loaded) => ({ default: loaded.Results })));

const refreshSeconds = 30;

const keys = [...words.alerts.listKeys, ...words.alerts.reviewKeys, ...words.shortcuts.everywhere];

type Reply = { total: number; alerts: AlertRow[]; next: string | null };

const read = (reply: Reply) => ({ rows: reply.alerts, next: reply.next && `cursor=${encodeURIComponent(reply.next)}` });

export default function Alerts() {
  const [query, setQuery] = useSearchParams();
  const go = useNavigate();
  const [selected, setSelected] = useState(new Set<string>());
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
  const chosen = rows.filter((alert) => selected.has(alert.alert_id));
  // A decision removes the buttons.
  useEffect(keepFocus, [chosen.length]);
  const shownRows = () => [...(table.current?.querySelectorAll<HTMLElement>('tbody tr') ?? [])];
  const focused = () => shownRows().findIndex((row) => row.contains(document.activeElement));
  const move = (by: 1 | -1) => () => {
    const [all, here] = [shownRows(), focused()];
    all[Math.max(0, Math.min(all.length - 1, here < 0 ? 0 : here + by))]?.focus();
  };
  // Where a range of rows begins that Shift selects.
  const latestToggled = useRef<string>(undefined);
  const toggle = (id: string, isRange = false) => {
    const ids = rows.map((alert) => alert.alert_id);
    const to = ids.indexOf(id);
    const from = isRange && latestToggled.current ? Math.max(0, ids.indexOf(latestToggled.current)) : to;
    latestToggled.current = id;
    setSelected((old) => {
      const next = new Set(old);
      const change = old.has(id) ? 'delete' : 'add';
      for (const one of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) next[change](one);
      return next;
    });
  };
  const select = () => {
    const id = rows[focused()]?.alert_id;
    if (id) toggle(id);
  };
  const actions: RowActions = {
    toggle,
    // A click beside the links and checkboxes of a row. While rows are selected, it selects.
    click(id, event) {
      if ((event.target as Element).closest('a, label') || getSelection()?.isCollapsed === false) return;
      if (chosen.length > 0) toggle(id, event.shiftKey);
      else go(`/alerts/${id}`);
    },
    press(id, event) {
      if (event.target !== event.currentTarget) return;
      if (event.key === 'Enter') go(`/alerts/${id}`);
      else if (event.key === ' ') toggle(id, event.shiftKey);
      else return;
      event.preventDefault();
    },
  };
  // The same functions at each render, so that a key renders only the rows that it changes.
  const latestActions = useRef(actions);
  latestActions.current = actions;
  const [rowActions] = useState<RowActions>(() => ({
    toggle: (id, isRange) => latestActions.current.toggle(id, isRange),
    click: (id, event) => latestActions.current.click(id, event),
    press: (id, event) => latestActions.current.press(id, event),
  }));
  const pressInTable = (event: KeyPress) => {
    if (event.key === 'ArrowDown') move(1)();
    else if (event.key === 'ArrowUp') move(-1)();
    else if (event.key === 'Escape') setSelected(new Set());
    else return;
    event.preventDefault();
  };
  // The decision about the row that has the focus. With a selection, ReviewAlerts has these keys.
  const [asks, setAsks] = useState<Review>();
  const ask = (decision: Review) => () => {
    const alert = chosen.length === 0 && rows[focused()];
    if (!alert || !alert.next_statuses.includes(decision)) return;
    setAsks(decision);
    setSelected(new Set([alert.alert_id]));
  };
  useEffect(() => {
    if (chosen.length === 0) setAsks(undefined);
  }, [chosen.length]);
  // The table handles arrow keys and Escape, its rows Space and Enter.
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
        // What decides is loaded when somebody begins to use the list.
        <div
          className="table-scroll rows"
          ref={table}
          onKeyDown={pressInTable}
          onFocus={() => void loadReview()}
          onPointerEnter={() => void loadReview()}
        >
          {/* The roles remain when the styles make boxes of the rows. */}
          <table role="table" aria-label={texts.alerts.table}>
            <thead role="rowgroup">
              <tr role="row">
                <th role="columnheader" scope="col">
                  <label className="tick">
                    <input
                      type="checkbox"
                      aria-label={words.alerts.selectAll}
                      checked={chosen.length === rows.length}
                      ref={(box) => {
                        if (box) box.indeterminate = chosen.length > 0 && chosen.length < rows.length;
                      }}
                      onChange={(event) => setSelected(new Set(event.target.checked ? rows.map((alert) => alert.alert_id) : []))}
                    />
                    <span className="all">{words.alerts.selectAll}</span>
                  </label>
                </th>
                {[texts.alerts.what, texts.alerts.severity, texts.alerts.when, texts.alerts.status, texts.alerts.action].map((head) => (
                  <th key={head} role="columnheader" scope="col">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody role="rowgroup">
              {rows.map((alert) => (
                <Row key={alert.alert_id} alert={alert} isSelected={selected.has(alert.alert_id)} actions={rowActions} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <More of={list} />
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={texts.alerts.selected(chosen.length)}>
          <strong>{texts.alerts.selected(chosen.length)}</strong>
          <Suspense>
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
          </Suspense>
        </div>
      )}
      {refused && (
        <Suspense>
          <Results {...refused} onClose={() => setRefused(undefined)} />
        </Suspense>
      )}
      <ShortcutHelp open={helps} keys={keys} onClose={() => setHelps(false)} />
    </>
  );
}

type RowActions = {
  toggle: (id: string, isRange?: boolean) => void;
  click: (id: string, event: Click) => void;
  press: (id: string, event: KeyPress) => void;
};

const Row = memo(({ alert, isSelected, actions }: { alert: AlertRow; isSelected: boolean; actions: RowActions }) => (
  <tr
    role="row"
    tabIndex={-1}
    className={isSelected ? 'selected' : undefined}
    onClick={(event) => actions.click(alert.alert_id, event)}
    onKeyDown={(event) => actions.press(alert.alert_id, event)}
  >
    <td role="cell">
      <label className="tick">
        <input
          type="checkbox"
          aria-label={words.alerts.select(nameOf(alert))}
          checked={isSelected}
          onChange={(event) => actions.toggle(alert.alert_id, (event.nativeEvent as unknown as MouseEvent).shiftKey)}
        />
      </label>
    </td>
    <td role="cell">
      <strong>
        <Link to={`/alerts/${alert.alert_id}`}>{nameOf(alert)}</Link>
      </strong>{' '}
      {alert.appealed_at && <Badge of="HIGH">{texts.alerts.appeal}</Badge>}
      {alert.owner_email && (
        <div>
          <Mail of={alert.owner_email} />
        </div>
      )}
      <div className="description small">{sentenceOf(alert)}</div>
      {alert.appeal && <div className="description small">“{alert.appeal}”</div>}
      {alert.customer_answer && (
        <div className="small">
          {texts.alerts.answer}: {texts.alerts.answers[alert.customer_answer] ?? alert.customer_answer}
        </div>
      )}
    </td>
    <td role="cell">
      <Badge of={alert.severity} />
    </td>
    <td role="cell">
      <span title={format.moment(alert.detected_at)}>{format.ago(alert.detected_at)}</span>
    </td>
    <td role="cell">
      <AlertStatus of={alert} />
    </td>
    <td role="cell" className={alert.measure === 'NONE' && !alert.is_suspended ? 'nothing' : undefined}>
      {actionOf(alert)}
      {outcomesOf(alert).map((outcome) => (
        <div className="small" key={outcome}>
          {outcome}
        </div>
      ))}
      {alert.is_suspended && <div className="small">{texts.alerts.suspended}</div>}
    </td>
  </tr>
));

const nameOf = (alert: AlertRow) => word('activity', alert.activity_type) ?? alert.activity_type;

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
