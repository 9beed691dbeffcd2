import { Children, useEffect, useId, useLayoutEffect, useRef, useState, useSyncExternalStore, type ReactNode, type RefObject } from 'react';
import { createPortal } from 'react-dom';
import type { Loaded, Problem } from '../api';
import { useConfig } from '../config';
import { t, word } from '../language';
import { Link, usePath } from '../router';

type ButtonProps = {
  look?: 'plain' | 'main' | 'danger' | 'quiet';
  type?: 'button' | 'submit';
  isDisabled?: boolean;
  /** Its action is running. The button keeps the focus, which a disabled one would lose. */
  isPending?: boolean;
  onPress?: () => void;
  children: ReactNode;
  title?: string;
  'aria-label'?: string;
  'aria-keyshortcuts'?: string;
};

export function Button({ look = 'plain', type = 'button', isDisabled, isPending, onPress, ...props }: ButtonProps) {
  return (
    <button
      {...props}
      type={type}
      className={`button ${look}`}
      disabled={isDisabled && !isPending}
      aria-disabled={isPending || undefined}
      aria-busy={isPending || undefined}
      onClick={(event) => {
        if (isPending) event.preventDefault();
        else onPress?.();
      }}
    />
  );
}

/** The link above a page's heading that leads to the list in which it is. */
export const Back = ({ to, children }: { to: string; children: ReactNode }) => (
  <Link className="back" to={to}>
    {children}
  </Link>
);

/** Whether the address replaces that of a customer whose data was erased. */
export const isErased = (mail: string | null) => mail?.endsWith('@erased.invalid') === true;

/** A mail address, which a narrow column breaks before the @, not in the middle of a word. */
export function Mail({ of }: { of: string | null }) {
  if (isErased(of)) return t('erased');
  const at = of?.indexOf('@') ?? -1;
  if (!of || at < 0) return of;
  return (
    <>
      {of.slice(0, at)}
      <wbr />
      {of.slice(at)}
    </>
  );
}

/** What a list shows if it has no rows. */
export const Empty = ({ children }: { children: ReactNode }) => <p className="empty">{children}</p>;

/** The heading of the page. It also names the browser's tab. */
export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  const product = useConfig()?.brand?.name ?? t('product');
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title, product]);
  return (
    <div className="page-title">
      <h1 tabIndex={-1}>
        <Mail of={title} />
      </h1>
      {children}
    </div>
  );
}

/** For a change that removes what had the focus. */
export function keepFocus() {
  if (document.activeElement === document.body) document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
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

/** A wide column has sentences. Without a minimum width, they would have one word per line in a narrow table. */
export type Column<T> = { head: string; cell: (row: T) => ReactNode; number?: boolean; wide?: boolean };

/**
 * A table. On a phone, each row is a box, and the first column is its title; one with few short columns (`fits`) stays a table. Where it is
 * too wide, it scrolls horizontally, also by keyboard.
 */
export function Table<T>({
  label,
  columns,
  rows,
  id,
  fits,
}: {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  fits?: boolean;
}) {
  // The roles remain when the styles make boxes of the rows.
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={label}>
      <table className={fits ? undefined : 'stacks'} role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column.head} scope="col" role="columnheader" className={column.number ? 'number' : ''}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={id(row)} role="row">
              {columns.map((column) => (
                <td
                  key={column.head}
                  role="cell"
                  data-head={column.head}
                  className={column.number ? 'number' : column.wide ? 'wide' : undefined}
                >
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

/** Links in a line, which scrolls horizontally where it is too narrow. The active one is in view. */
export function Links({ label, className, id, children }: { label: string; className?: string; id?: string; children: ReactNode }) {
  const nav = useRef<HTMLElement>(null);
  const path = usePath();
  // One that needs a setting appears later, and moves the active one.
  const count = Children.count(children);
  useLayoutEffect(() => {
    const line = nav.current!;
    const show = () => {
      const active = line.querySelector<HTMLElement>('.active');
      const end = active ? active.offsetLeft - line.offsetLeft + active.offsetWidth : 0;
      const beyond = end - line.clientWidth;
      line.scrollLeft = beyond > 0 ? beyond + 32 : 0;
    };
    show();
    const resized = new ResizeObserver(show);
    resized.observe(line);
    return () => resized.disconnect();
  }, [path, count]);
  return (
    <nav ref={nav} id={id} className={`scrolls ${className ?? ''}`} aria-label={label}>
      {children}
    </nav>
  );
}

export function Tabs({ label, tabs }: { label: string; tabs: { to: string; text: string }[] }) {
  const path = usePath().replace(/\/$/, '');
  return (
    <Links className="tabs" label={label}>
      {tabs.map(({ to, text }) => (
        <Link key={to} to={to} className={to === path ? 'active' : undefined} aria-current={to === path ? 'page' : undefined}>
          {text}
        </Link>
      ))}
    </Links>
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

/** A dialog that confirms an action. It stays open while the action runs, and shows its failure. */
export const Confirm = ({ open, ...props }: ConfirmProps) => (open ? createPortal(<Dialog {...props} />, document.body) : null);

function Dialog({ title, text, go, look = 'main', busy, problem, disabled, alone, children, onGo, onClose }: Omit<ConfirmProps, 'open'>) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const shown = dialog.current!;
    shown.showModal();
    // The browser gives the focus to the first control, which the next key would press. A field can take it from the dialog.
    shown.focus();
    // Returns the focus.
    return () => shown.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="modal"
      tabIndex={-1}
      aria-labelledby={id}
      // Whether Escape and a click beside it close it.
      {...{ closedby: busy ? 'none' : 'any' }}
      onCancel={(event) => {
        event.preventDefault();
        if (!busy) onClose();
      }}
      // The browser may close it without asking. While the action runs, it is shown again.
      onClose={() => {
        if (dialog.current?.open !== false) return;
        if (busy) dialog.current.showModal();
        else onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {text && <p>{text}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onGo();
        }}
      >
        {children}
        {problem && <ProblemBox problem={problem} />}
        <div className="actions">
          {!alone && (
            <Button onPress={onClose} isDisabled={busy}>
              {t('cancel')}
            </Button>
          )}
          <Button type="submit" look={look} isDisabled={disabled} isPending={busy}>
            {go}
          </Button>
        </div>
      </form>
    </dialog>
  );
}

export function Field({
  label,
  help,
  error,
  value,
  onChange,
  long,
  rows = long ? 4 : 1,
  max,
  auto,
}: {
  label: string;
  help?: string;
  /** What is wrong with the value. The field has the focus then. */
  error?: string;
  value: string;
  onChange: (value: string) => void;
  long?: boolean;
  /** Lines of the text; 1 for an input. */
  rows?: number;
  max?: number;
  /** It has the focus first. */
  auto?: boolean;
}) {
  const id = useId();
  const field = useRef<HTMLElement>(null);
  useEffect(() => {
    if (auto) field.current?.focus();
  }, [auto]);
  useEffect(() => {
    if (error) field.current?.focus();
  }, [error]);
  const props = {
    id,
    value,
    maxLength: max,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': error ? `${id}error` : help ? `${id}help` : undefined,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {rows > 1 ? (
        <textarea ref={field as RefObject<HTMLTextAreaElement>} rows={rows} {...props} />
      ) : (
        <input ref={field as RefObject<HTMLInputElement>} {...props} />
      )}
      {error && (
        <span id={`${id}error`} className="small wrong" role="alert">
          {error}
        </span>
      )}
      {help && (
        <span id={`${id}help`} className="small">
          {help}
        </span>
      )}
    </div>
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

/** A choice of a few short options, which are all in view. */
export function Segments({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}) {
  const name = useId();
  return (
    <div className="segments" role="radiogroup" aria-label={label}>
      {options.map(([key, text]) => (
        <label key={key}>
          <input type="radio" className="visually-hidden" name={name} checked={value === key} onChange={() => onChange(key)} />
          {text}
        </label>
      ))}
    </div>
  );
}

/** A setting that changes immediately. While the change runs, the switch keeps the focus, which a disabled one would lose. */
export function Switch({
  isOn,
  isBusy,
  onChange,
  children,
}: {
  isOn: boolean;
  isBusy: boolean;
  onChange: (on: boolean) => void;
  children: ReactNode;
}) {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        className="visually-hidden"
        checked={isOn}
        aria-disabled={isBusy}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span className="track" aria-hidden="true" />
      {children}
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
  expire(id, undo ? 15 : 6);
}

/** Removes a message after these seconds; those in which a dialog covers it don't count. */
function expire(id: number, seconds: number) {
  setTimeout(() => {
    if (seconds <= 1) update(current.filter((one) => one.id !== id));
    else expire(id, document.querySelector('dialog') ? seconds : seconds - 1);
  }, 1000);
}

const undoLatest = (one = current.findLast((shown) => shown.undo)) => {
  if (!one) return false;
  update(current.filter((other) => other !== one));
  one.undo!();
  return true;
};

export function Notifications() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  // The button is far from the focus, and is shown for a few seconds only.
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const inText = event.target instanceof HTMLElement && event.target.closest('input:not([type=checkbox]), textarea, select') !== null;
      if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !inText && undoLatest()) event.preventDefault();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
  return (
    <div className="notifications" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className="notification">
          <span>{one.text}</span>
          {one.undo && (
            <Button look="quiet" onPress={() => undoLatest(one)}>
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
        {t(done ? 'copied' : 'copy')}
      </Button>
    </div>
  );
}
