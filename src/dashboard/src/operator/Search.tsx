import { useEffect, useId, useRef, useState } from 'react';
import { call, type Problem } from '../api';
import { word } from '../language';
import { useNavigate } from '../router';
import { words } from './texts';

type Hit = {
  kind: string;
  id: string;
  user_id: string | null;
  email: string | null;
  subscription_id: string | null;
  master: string | null;
  label: string;
  detail: string | null;
};

const shortest = 3;
const pause = 200;

const target = (hit: Hit) =>
  hit.kind === 'alert' || hit.kind === 'refused_device'
    ? `/alerts/${hit.id}`
    : hit.kind === 'case' || hit.kind === 'dispute'
      ? `/renewals#${hit.id}`
      : hit.kind === 'license' || !hit.user_id
        ? `/licenses/${hit.subscription_id}`
        : `/customers/${hit.user_id}`;

const title = (hit: Hit) =>
  hit.kind === 'customer'
    ? hit.label
    : hit.kind === 'license'
      ? words.search.license(hit.master)
      : hit.kind === 'device' || hit.kind === 'refused_device'
        ? words.search.device(hit.label, hit.detail)
        : hit.kind === 'token'
          ? words.search.token(hit.label)
          : hit.kind === 'alert'
            ? (word('activity', hit.detail) ?? hit.detail ?? hit.label)
            : hit.label;

const about = (hit: Hit) =>
  hit.kind === 'customer'
    ? (words.search.roles[hit.detail ?? ''] ?? hit.detail)
    : [
        hit.email,
        hit.kind === 'payment'
          ? (words.search.statuses[hit.detail ?? ''] ?? hit.detail)
          : hit.kind === 'case'
            ? hit.detail
            : hit.kind !== 'license' && hit.master,
      ]
        .filter(Boolean)
        .join(' · ');

/** Finds customers from every page. The text is sent in a body, because it may be a token. */
export default function Search() {
  const [text, setText] = useState('');
  const [found, setFound] = useState<{ text: string; hits?: Hit[]; problem?: Problem }>();
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLFormElement>(null);
  // The text for which Enter was pressed before its answer came.
  const entered = useRef<string>(undefined);
  const go = useNavigate();
  const id = useId();
  const typed = text.trim();
  // Leaving the search cancels an Enter that still waits for its answer.
  const close = () => {
    entered.current = undefined;
    setOpen(false);
  };

  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const inText = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]') !== null;
      if ((event.key === '/' && !inText && !event.ctrlKey && !event.metaKey) || (event.key === 'k' && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    const leave = (event: PointerEvent) => box.current?.contains(event.target as Node) || close();
    document.addEventListener('keydown', focus);
    document.addEventListener('pointerdown', leave);
    return () => {
      document.removeEventListener('keydown', focus);
      document.removeEventListener('pointerdown', leave);
    };
  }, []);

  useEffect(() => {
    if (typed.length < shortest) return;
    const abort = new AbortController();
    const timer = setTimeout(
      () =>
        call<{ hits: Hit[] }>('POST', '/api/v1/search', { text: typed }, [], abort.signal).then(
          ({ hits }) => {
            setFound({ text: typed, hits });
            setActive(0);
            if (entered.current === typed) visit(hits[0]);
          },
          (problem: Problem) => abort.signal.aborted || setFound({ text: typed, problem }),
        ),
      pause,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [typed]);

  const current = found?.text === typed ? found : undefined;
  const hits = current?.hits ?? [];
  const shown = open && typed.length > 0;
  const message =
    typed.length < shortest
      ? words.search.short
      : (current?.problem?.message ??
        (current === undefined ? words.search.busy : hits.length === 0 ? words.search.none : words.search.hits(hits.length)));
  const visit = (hit: Hit | undefined) => {
    if (!hit) return;
    close();
    input.current?.blur();
    void go(target(hit));
  };

  return (
    <form
      role="search"
      className="search"
      ref={box}
      onSubmit={(event) => {
        event.preventDefault();
        setOpen(true);
        if (current) visit(hits[active]);
        else entered.current = typed;
      }}
      onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || close()}
    >
      <input
        ref={input}
        type="search"
        role="combobox"
        aria-label={words.search.label}
        aria-expanded={shown && hits.length > 0}
        aria-controls={`${id}list`}
        aria-autocomplete="list"
        aria-activedescendant={shown && hits[active] ? `${id}${active}` : undefined}
        autoComplete="off"
        spellCheck={false}
        maxLength={255}
        placeholder={words.search.placeholder}
        title={words.search.keys}
        value={text}
        onFocus={() => setOpen(true)}
        onChange={(event) => {
          setText(event.target.value);
          entered.current = undefined;
          setOpen(true);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            close();
            if (!open) input.current?.blur();
          } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && hits.length > 0) {
            event.preventDefault();
            setOpen(true);
            setActive((n) => (n + (event.key === 'ArrowDown' ? 1 : hits.length - 1)) % hits.length);
          }
        }}
      />
      <div className={shown ? 'hits' : 'hits closed'}>
        <p className="small" role="status">
          {shown ? message : ''}
        </p>
        <div role="listbox" id={`${id}list`} aria-label={words.search.label}>
          {Object.entries(words.search.kinds).map(([kind, name]) => {
            const group = hits.flatMap((hit, n) => (hit.kind === kind ? [{ hit, n }] : []));
            return (
              group.length > 0 && (
                <div role="group" aria-label={name} key={kind}>
                  <div className="small kind" aria-hidden="true">
                    {name}
                  </div>
                  {group.map(({ hit, n }) => (
                    <div
                      key={`${kind} ${hit.id}`}
                      role="option"
                      id={`${id}${n}`}
                      aria-selected={n === active}
                      ref={(element) => {
                        if (n === active && shown) element?.scrollIntoView({ block: 'nearest' });
                      }}
                      onPointerMove={() => setActive(n)}
                      onPointerDown={(event) => event.preventDefault()}
                      onClick={() => visit(hit)}
                    >
                      <div>{title(hit)}</div>
                      <div className="small">{about(hit)}</div>
                    </div>
                  ))}
                </div>
              )
            );
          })}
        </div>
      </div>
    </form>
  );
}
