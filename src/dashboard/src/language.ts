import { IntlMessageFormat } from 'intl-messageformat';
import type english from './texts/en.json';

/** A text of the catalog. Every language has a file in texts/ with the same keys; vite.texts.ts compiles its messages. */
export type Key = keyof typeof english;
type Values = Record<string, string | number>;
type Message = string | ConstructorParameters<typeof IntlMessageFormat>[0];
type Catalog = Record<string, Message>;

// The parts of the catalogs; texts.parts.mjs says which text is in which part.
const load = {
  first: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?first' }),
  activityPage: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?activityPage' }),
  cards: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?cards' }),
  confirm: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?confirm' }),
  devices: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?devices' }),
  health: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?health' }),
  history: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?history' }),
  home: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?home' }),
  invoices: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?invoices' }),
  license: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?license' }),
  price: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?price' }),
  problem: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?problem' }),
  renewals: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?renewals' }),
  signIn: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?signIn' }),
  suspension: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?suspension' }),
  usage: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?usage' }),
  waiting: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?waiting' }),
  wallet: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?wallet' }),
  wasThisYou: import.meta.glob<Catalog>('./texts/*.json', { import: 'default', query: '?wasThisYou' }),
};
type Part = keyof typeof load;
const nameOf = (file: string) => /([\w-]+)\.json$/.exec(file)![1]!;

/** The languages that have a catalog. */
export const languages = Object.keys(load.first).map(nameOf).sort();

// localStorage, because the choice holds for the next visit, too.
const key = 'language';
// sessionStorage, because the language of a mail's link holds for this visit, also when a page loads its own document.
const linkKey = 'language-of-link';
const listeners = new Set<() => void>();
const formats = new Map<string, IntlMessageFormat>();
let catalog: Catalog = {};
let current = 'en';
/** The language that is loaded or being loaded. */
let wanted = current;
let last = 0;
let loading = Promise.resolve();
const needed = new Set<Part>(['first']);

/** The browser's locale in this language, for example de-AT: its dates and numbers are those of the country. */
function localeOf(language: string) {
  // The English texts are American English, so dates, numbers and money are, too.
  if (language === 'en') return 'en-US';
  return navigator.languages.find((one) => one.split('-')[0] === language) ?? language;
}

const known = (tag: string | null | undefined) => languages.find((one) => one === tag?.split('-')[0]?.toLowerCase());

function stored(storage: 'localStorage' | 'sessionStorage', name: string) {
  try {
    return known(window[storage].getItem(name));
  } catch {
    return undefined; // a host page of the widget may forbid storage
  }
}

async function read(request: number, next: string): Promise<void> {
  const file = `./texts/${next}.json`;
  // English readers see the backend's own sentences about problems.
  const wantedParts: Part[] = next === 'en' ? [...needed] : [...needed, 'problem'];
  const parts = await Promise.all(wantedParts.map((part) => load[part][file]!()));
  // A later request has replaced this one.
  if (request !== last) return loading;
  catalog = Object.assign({}, ...parts);
  current = next;
  formats.clear();
  listeners.forEach((listener) => listener());
}

export const language = {
  get: () => current,
  locale: () => localeOf(current),
  ready: () => Object.keys(catalog).length > 0,
  /** What the user chose; undefined if nothing. */
  chosen: () => stored('localStorage', key),
  /** The language of the mail that led here, else what the user chose, else the first of the browser's languages that has a catalog. */
  preferred: () => stored('sessionStorage', linkKey) ?? language.chosen() ?? language.ofBrowser(),
  /** The first of the browser's languages that has a catalog. */
  ofBrowser: () => navigator.languages.map(known).find(Boolean) ?? 'en',
  /** Takes the language from the address of a mail's link, which then has none, so that a copy of it shows the copier's language. */
  takeFromLink() {
    const address = new URL(location.href);
    const named = known(address.searchParams.get('lang'));
    if (!address.searchParams.has('lang')) return;
    address.searchParams.delete('lang');
    history.replaceState(history.state, '', address);
    if (named) sessionStorage.setItem(linkKey, named);
  },
  /** The language of a host page, if it has a catalog. */
  known,
  use(next: string) {
    wanted = next;
    return (loading = read(++last, next));
  },
  /** Loads more parts of the catalog. */
  need(...parts: Part[]) {
    const missing = parts.filter((part) => !needed.has(part));
    if (missing.length === 0) return loading;
    missing.forEach((part) => needed.add(part));
    return language.use(wanted).catch((failure) => {
      missing.forEach((part) => needed.delete(part));
      throw failure;
    });
  },
  choose(next: string) {
    localStorage.setItem(key, next);
    sessionStorage.removeItem(linkKey);
    return language.use(next);
  },
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

/** Loads a page together with the parts of the catalog that it shows. */
export const withTexts = <T>(page: Promise<T>, ...parts: Part[]) => Promise.all([page, language.need(...parts)]).then(([loaded]) => loaded);

/** A text in the current language. */
export function t(name: Key, values?: Values): string {
  const message = catalog[name];
  if (message === undefined) {
    console.error(`No text: ${name}`);
    return name;
  }
  if (typeof message === 'string') return message;
  let format = formats.get(name);
  if (!format) formats.set(name, (format = new IntlMessageFormat(message, language.locale())));
  return format.format(values) as string;
}

/** The text of a code that the backend sends; undefined for a code that has none. */
export function word(group: string, code: string | null | undefined, values?: Values): string | undefined {
  const name = `${group}.${code}`;
  return catalog[name] === undefined ? undefined : t(name as Key, values);
}
