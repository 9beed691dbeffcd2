import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { Button as AriaButton, Input, Label, Text, TextArea, TextField, type ButtonProps } from 'react-aria-components';
import { NavLink } from 'react-router';
import type { Loaded, Problem } from '../api';
import { useConfig } from '../config';
import { t, word } from '../language';

export function Button({ look = 'plain', ...props }: ButtonProps & { look?: 'plain' | 'main' | 'danger' | 'quiet' }) {
  return <AriaButton {...props} className={`button ${look}`} />;
}

/** The heading of the page. It also names the browser's tab. */
export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  const product = useConfig()?.brand?.name ?? t('product');
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title, product]);
  return (
    <div className="page-title">
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </div>
  );
}

const tones: Record<string, string> = {
  ACTIVE: 'good',
  success: 'good',
  RESOLVED: 'good',
  SUCCEEDED: 'good',
  PENDING_RENEWAL: 'fair',
  GRACE: 'fair',
  INVESTIGATING: 'fair',
  pending: 'fair',
  MEDIUM: 'fair',
  EXPIRED: 'poor',
  SUSPENDED: 'poor',
  REVOKED: 'poor',
  HIGH: 'poor',
  CRITICAL: 'poor',
  failed: 'poor',
  OPEN: 'poor',
  FAILED: 'poor',
  requested: 'fair',
  succeeded: 'good',
  refused: 'poor',
  open: 'poor',
  won: 'good',
  lost: 'poor',
};

export function Badge({ of, children }: { of: string; children?: ReactNode }) {
  return <span className={`badge ${tones[of] ?? ''}`}>{children ?? word('status', of) ?? of}</span>;
}

export function LicenseStatus({ license }: { license: { status: string; code: string } }) {
  return <Badge of={license.status}>{license.status === 'SUSPENDED' ? word('paused', license.code) : undefined}</Badge>;
}

export function ProblemBox({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div className="notice poor" role="alert">
      <p>{problem.message || t('state.failed')}</p>
      {problem.hint && <p className="small">{problem.hint}</p>}
      {again && <Button onPress={again}>{t('state.again')}</Button>}
    </div>
  );
}

/** Shows loaded data. Until it arrives, a skeleton is shown, and styles.css hides what follows, so that nothing shifts. */
export function Show<T>({ of, rows = 4, children }: { of: Loaded<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.problem && (
          <p className="notice fair" role="status">
            {t('state.stale')}
          </p>
        )}
        {children(of.data)}
      </>
    );
  }
  if (of.problem) return <ProblemBox problem={of.problem} again={of.problem.status === 404 ? undefined : of.reload} />;
  return <Skeleton rows={rows} />;
}

export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label={t('state.loading')}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} />
      ))}
    </div>
  );
}

export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A wide column has sentences. Without a minimum width, they would have one word per line on a phone. */
export type Column<T> = { head: string; cell: (row: T) => ReactNode; number?: boolean; wide?: boolean };

/** A table that scrolls horizontally on a narrow screen, also by keyboard. */
export function Table<T>({ label, columns, rows, id }: { label: string; columns: Column<T>[]; rows: T[]; id: (row: T) => string }) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" className={column.number ? 'number' : ''}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map((column) => (
                <td key={column.head} className={column.number ? 'number' : column.wide ? 'wide' : ''}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Tabs({ label, tabs }: { label: string; tabs: { to: string; text: string; end?: boolean }[] }) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <NavLink key={tab.to} to={tab.to} end={tab.end}>
          {tab.text}
        </NavLink>
      ))}
    </nav>
  );
}

export type ConfirmProps = {
  open: boolean;
  title: string;
  text?: string;
  go: string;
  look?: 'main' | 'danger';
  busy: boolean;
  problem?: Problem;
  disabled?: boolean;
  /** Without a button that cancels. */
  alone?: boolean;
  children?: ReactNode;
  onGo: () => void;
  onClose: () => void;
};

const ConfirmDialog = lazy(() => import('./ConfirmDialog'));

/** A dialog that confirms an action. It is loaded when it opens first, so that no first view waits for its library. */
export function Confirm(props: ConfirmProps) {
  // It stays mounted after it was closed, because it returns the focus.
  const [used, setUsed] = useState(props.open);
  if (props.open && !used) setUsed(true);
  return used ? (
    <Suspense>
      <ConfirmDialog {...props} />
    </Suspense>
  ) : null;
}

export function Field({
  label,
  help,
  value,
  onChange,
  long,
  rows = long ? 4 : 1,
  max,
  auto,
}: {
  label: string;
  help?: string;
  value: string;
  onChange: (value: string) => void;
  long?: boolean;
  /** Lines of the text; 1 for an input. */
  rows?: number;
  max?: number;
  auto?: boolean;
}) {
  return (
    <TextField className="field" value={value} onChange={onChange} maxLength={max} autoFocus={auto}>
      <Label>{label}</Label>
      {rows > 1 ? <TextArea rows={rows} /> : <Input />}
      {help && (
        <Text slot="description" className="small">
          {help}
        </Text>
      )}
    </TextField>
  );
}

/** The browser's own select element, which works well on phones. */
export function Choice({
  label,
  value,
  options,
  fixed,
  onChange,
}: {
  label: string;
  value: string;
  options: [string, string][];
  /** The width doesn't depend on the options, which are loaded later. */
  fixed?: boolean;
  onChange: (value: string) => void;
}) {
  return (
    <label className={fixed ? 'field inline fixed' : 'field inline'}>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

type Notification = { id: number; text: string; undo?: () => void };
let current: Notification[] = [];
let count = 0;
const listeners = new Set<() => void>();
const update = (next: Notification[]) => {
  current = next;
  listeners.forEach((listener) => listener());
};

/** Shows a message that screen readers announce, with an undo button if there is an undo action. */
export function notify(text: string, undo?: () => void) {
  const id = ++count;
  update([...current.slice(-2), { id, text, undo }]);
  setTimeout(() => update(current.filter((one) => one.id !== id)), undo ? 15_000 : 6_000);
}

export function Notifications() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  return (
    <div className="notifications" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className="notification">
          <span>{one.text}</span>
          {one.undo && (
            <Button
              look="quiet"
              onPress={() => {
                update(current.filter((other) => other !== one));
                one.undo!();
              }}
            >
              {t('undo')}
            </Button>
          )}
        </div>
      ))}
    </div>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  return (
    <div className="copy">
      <code>{text}</code>
      <Button
        onPress={() =>
          navigator.clipboard.writeText(text).then(() => {
            setDone(true);
            clearTimeout(timer.current);
            timer.current = setTimeout(() => setDone(false), 2000);
          })
        }
      >
        {t(done ? 'activityPage.copied' : 'activityPage.copy')}
      </Button>
    </div>
  );
}
