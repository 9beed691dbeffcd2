import { useDeferredValue, useLayoutEffect, type ComponentProps, type ReactNode } from 'react';
import { Router, useLocation, Link as WouterLink, type AroundNavHandler } from 'wouter';
import { useBrowserLocation, useLocationProperty, useSearch } from 'wouter/use-browser-location';

export { Redirect, Route, Switch, useParams, useSearchParams } from 'wouter';

const base = '/app';

/** The address of a page, for the browser. */
export const addressOf = (path: string) => base + path;

/** The path of the page that is shown, such as /licenses. */
export const usePath = () => useLocation()[0];

export const useNavigate = () => useLocation()[1];

/** What the address names after #; another text after each link to it. Empty if it names nothing. */
export const useNamedPart = () => useLocationProperty(() => location.hash && `${location.hash} ${String(history.state)}`);

type LinkProps = ComponentProps<'a'> & { to: string; reloadDocument?: boolean };

/** @param reloadDocument For a page with a content security policy of its own, which comes with the document. */
export const Link = ({ to, reloadDocument, ...rest }: LinkProps) =>
  reloadDocument ? <a {...rest} href={addressOf(to)} /> : <WouterLink {...rest} href={to} />;

// The page that is shown stays until the files of the next one are loaded: React waits for them before it shows a deferred value.
const useShownLocation: typeof useBrowserLocation = (options) => {
  const [path, navigate] = useBrowserLocation(options);
  return [useDeferredValue(path), navigate];
};
// wouter decodes the query before URLSearchParams does: an encoded % is encoded twice here, so that it stays one.
const useShownSearch: typeof useSearch = (options) => useDeferredValue(useSearch(options)).replaceAll('%25', '%2525');

// Unlike those of entries from before a reload.
let links = Date.now();

// Where the entries of the history were scrolled to. The browser restores that only if the page already has its data.
const positions = new Map<unknown, number>();
let restored: number | undefined;
addEventListener('scroll', () => positions.set(history.state, scrollY), { passive: true });
addEventListener('popstate', () => (restored = positions.get(history.state) ?? 0));

/** Scrolls a new page to its top, and one of the history to where it was, as soon as its data is shown. */
export function useScrollPosition(page: string) {
  useLayoutEffect(() => {
    const top = restored ?? 0;
    restored = undefined;
    const isThere = () => {
      scrollTo(0, top);
      return scrollY >= Math.floor(top);
    };
    if (isThere()) return;
    const end = new AbortController();
    const { signal } = end;
    const grown = new ResizeObserver(() => isThere() && end.abort());
    grown.observe(document.body);
    signal.addEventListener('abort', () => grown.disconnect());
    for (const own of ['wheel', 'touchstart', 'keydown', 'pointerdown'])
      addEventListener(own, () => end.abort(), { signal, passive: true });
    return () => end.abort();
  }, [page]);
}

const go: AroundNavHandler = (navigate, to, options) => {
  restored = undefined;
  // As in the browser, a link to the page that is shown adds nothing to the history.
  const isHere = to === location.pathname + location.search + location.hash;
  navigate(to, { replace: options?.replace ?? isHere, state: ++links });
};

export const PageRouter = ({ children }: { children: ReactNode }) => (
  <Router base={base} hook={useShownLocation} searchHook={useShownSearch} aroundNav={go}>
    {children}
  </Router>
);
