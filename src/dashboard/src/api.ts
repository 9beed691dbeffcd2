import { useCallback, useEffect, useRef, useState } from 'react';
import { format } from './format';
import { language, t, word } from './language';
import { session } from './session';

/** A failed call, with the texts of the backend's problem details. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly hint?: string,
  ) {
    super(detail);
  }

  /** In the user's language: the backend's texts are in English. A code that has no text is shown as it is. */
  static of(status: number, code: string, detail: string, hint: string | undefined, retryAfter: string | null) {
    if (language.get() === 'en') return new Problem(status, code, detail, hint);
    const seconds = Number(retryAfter);
    const until = seconds > 0 ? format.moment(new Date(Date.now() + seconds * 1000).toISOString()) : t('problem.later');
    return new Problem(
      status,
      code,
      word('problem', code, { until }) ?? t('problem.unknown', { code }),
      word('problem.hint', code, { until }),
    );
  }
}

async function toProblem(response: Response): Promise<Problem> {
  const body = (response.headers.get('content-type') ?? '').includes('json')
    ? ((await response.json()) as { code?: string; detail?: string; hint?: string })
    : null;
  // A backend of another version may lack the route. Its response then has no problem details.
  if (!body?.code)
    return new Problem(
      response.status,
      response.status === 404 ? 'ROUTE_MISSING' : 'UNEXPECTED',
      response.status === 404 ? t('state.notAvailable') : t('state.unexpected', { status: response.status }),
    );
  return Problem.of(response.status, body.code, body.detail ?? '', body.hint, response.headers.get('retry-after'));
}

/** Calls the backend. A JSON response whose status is in `accept` is returned like a response with a 2xx status. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  accept: number[] = [],
  signal?: AbortSignal,
  more: Record<string, string> = {},
): Promise<T> {
  const headers: Record<string, string> = { ...more };
  const who = session.get();
  if (who) headers.authorization = `Bearer ${who.token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (failure) {
    if (signal?.aborted) throw failure;
    throw new Problem(0, 'OFFLINE', t(navigator.onLine ? 'state.offline' : 'state.noConnection'));
  }
  if (response.status === 401 && who) session.end();
  if (!response.ok && !(accept.includes(response.status) && (response.headers.get('content-type') ?? '').startsWith('application/json')))
    throw await toProblem(response);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

export type Loaded<T> = { data?: T; problem?: Problem; loading: boolean; reload: () => void };

/** Loads a path now, when it changes, and periodically while the page is visible. The old data stays until the next response. */
export function useLoad<T>(path: string | null, everySeconds?: number, headers?: () => Record<string, string>): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; problem?: Problem; loading: boolean }>({
    path,
    loading: path !== null,
  });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    setState((old) => (old.path === path ? { ...old, loading: true } : { path, loading: true }));
    call<T>('GET', path, undefined, [], abort.signal, headers?.()).then(
      (data) => setState({ path, data, loading: false }),
      (problem: unknown) => {
        if (!abort.signal.aborted)
          setState((old) => ({ path, data: old.path === path ? old.data : undefined, problem: problem as Problem, loading: false }));
      },
    );
    return () => abort.abort();
  }, [path, round, headers]);

  useEffect(() => {
    if (!everySeconds) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && reload(), everySeconds * 1000);
    return () => clearInterval(timer);
  }, [everySeconds, reload]);

  return { ...(state.path === path ? state : { loading: path !== null }), reload };
}

export type Page<T> = { rows: T[]; next: string | null };

/**
 * A paged list. The first page is refreshed periodically while it is the only one, so that later pages stay in place. `reload` reads as
 * many pages as there were; the old rows stay until all of them are there.
 */
export function usePages<T>(
  path: string,
  read: (reply: never) => Page<T>,
  everySeconds?: number,
): {
  rows: T[];
  first?: unknown;
  problem?: Problem;
  loading: boolean;
  more?: () => void;
  reload: () => void;
} {
  const [later, setLater] = useState<{ path: string; of: unknown; pages: Page<T>[]; loading: boolean; problem?: Problem }>({
    path,
    of: null,
    pages: [],
    loading: false,
  });
  const first = useLoad<never>(path, later.path === path && (later.loading || later.pages.length > 0) ? undefined : everySeconds);
  const start = first.data ? read(first.data) : undefined;
  const own = later.of === first.data ? later : { path, of: first.data, pages: [], loading: false };
  const next = own.pages.at(-1)?.next ?? (own.pages.length === 0 ? start?.next : null);
  // How many later pages are read again, once the reloaded first page replaces `of`.
  const [again, setAgain] = useState<{ path: string; of: unknown; pages: number }>();
  const isRead = again?.path === path && again.of !== first.data;
  const isBehind = isRead && own.pages.length < again.pages && Boolean(next) && !own.problem;
  // What callbacks of earlier renders need.
  const latest = useRef<NonNullable<typeof again>>(undefined!);
  latest.current = { path, of: first.data, pages: own.pages.length };
  const more = next
    ? () => {
        setLater({ ...own, loading: true });
        const of = first.data;
        call<never>('GET', `${path}${path.includes('?') ? '&' : '?'}${next}`).then(
          (reply) => latest.current.of === of && setLater({ path, of, pages: [...own.pages, read(reply)], loading: false }),
          (problem: Problem) => setLater({ path, of, pages: own.pages, loading: false, problem }),
        );
      }
    : undefined;
  const waits = first.loading || own.loading;
  useEffect(() => {
    if (waits || !isRead) return;
    if (isBehind) more?.();
    else setAgain(undefined);
  });
  const rows = [...(start?.rows ?? []), ...own.pages.flatMap((page) => page.rows)];
  const shown = useRef(rows);
  if (!isBehind) shown.current = rows;
  return {
    rows: shown.current,
    first: first.data,
    problem: first.problem ?? own.problem,
    loading: waits || isBehind,
    more,
    reload: () => {
      setAgain(latest.current);
      first.reload();
    },
  };
}

/** Runs the action of a click, one at a time. */
export function useAction(): { busy: boolean; problem?: Problem; run: (work: () => Promise<void>) => Promise<boolean>; clear: () => void } {
  const [state, setState] = useState<{ busy: boolean; problem?: Problem }>({ busy: false });
  const running = useRef(false);
  const run = useCallback(async (work: () => Promise<void>) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true });
    try {
      await work();
      setState({ busy: false });
      return true;
    } catch (problem) {
      setState({ busy: false, problem: problem instanceof Problem ? problem : new Problem(0, 'UNEXPECTED', String(problem)) });
      return false;
    } finally {
      running.current = false;
    }
  }, []);
  const clear = useCallback(() => setState({ busy: false }), []);
  return { ...state, run, clear };
}
