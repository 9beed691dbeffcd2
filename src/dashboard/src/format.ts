import { texts } from './texts';

// The texts are American English, so dates, numbers and money are, too.
const locale = 'en-US';
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const tickDay = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const tickDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const tickHour = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });
const dollars = new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD' });
const fixed = (digits: number) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const decimals = { 0: fixed(0), 2: fixed(2), 3: fixed(3) };
// Currencies of the provider whose amounts don't have two decimals; the same lists as in MinorUnits.cs.
const withoutDecimals = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ');
const withThreeDecimals = 'bhd jod kwd omr tnd'.split(' ');
const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const share = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const countries = new Intl.DisplayNames('en', { type: 'region' });

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export const format = {
  day: (time: string | null | undefined) => (time ? day.format(new Date(time)) : texts.none),
  /** A UTC day, as in the backend's day counts. In the local time zone it could become the day before. */
  date: (day: string) => date.format(new Date(day)),
  moment: (time: string | null | undefined) => (time ? moment.format(new Date(time)) : texts.none),
  /** A mark on a time axis, in seconds. */
  tick: (seconds: number, marks: 'dates' | 'days' | 'hours') =>
    ({ dates: tickDate, days: tickDay, hours: tickHour })[marks].format(seconds * 1000),
  /**
   * Why a payment failed or will fail: a code of the backend or the provider, or a sentence of an operator. `own` is for the customer whose
   * payment it is.
   */
  reason(code: string, own = false) {
    const words = texts.renewals;
    const known = (own ? words.ownObstacles[code] : undefined) ?? words.obstacles[code];
    if (known) return known;
    // The provider's answer 5xx, a timeout or a lost connection, with its code.
    if (/^(\d{3}|timeout|connection|no_answer)(_|$)/.test(code)) return words.noAnswer;
    if (code.startsWith('intent_canceled')) return words.canceledAtProvider;
    return /^[a-z_]+$/.test(code) ? code.replaceAll('_', ' ') : code;
  },
  /** The same with a capital letter, for a cell of a table. */
  reasonAlone(code: string, own = false) {
    const text = format.reason(code, own);
    return text.charAt(0).toUpperCase() + text.slice(1);
  },
  money: (usd: number | null | undefined) => (usd === null || usd === undefined ? texts.none : dollars.format(usd)),
  /** An amount in minor units of a currency, without the currency's code. */
  minor(minor: number, currency: string | null = 'usd') {
    const digits = withoutDecimals.includes(currency ?? '') ? 0 : withThreeDecimals.includes(currency ?? '') ? 3 : 2;
    return decimals[digits].format(minor / 10 ** digits);
  },
  /** The same, followed by the currency's code. */
  amount: (minor: number | null, currency: string | null) =>
    minor === null ? texts.none : `${format.minor(minor, currency)} ${(currency ?? 'usd').toUpperCase()}`,
  /** The end of an ID: it differs also where IDs are counted. */
  id: (id: string) => id.slice(-12),
  number: (n: number | null | undefined) => (n === null || n === undefined ? texts.none : plain.format(n)),
  /** A number on an axis: 90K. */
  short: (n: number) => (Math.abs(n) < 10_000 ? plain.format(n) : compact.format(n)),
  share: (n: number | null | undefined) => (n === null || n === undefined ? texts.none : share.format(n)),
  ago(time: string | null | undefined) {
    if (!time) return texts.never;
    const seconds = (Date.parse(time) - Date.now()) / 1000;
    for (const [unit, length] of steps) if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
    return texts.justNow;
  },
  /** Milliseconds as hours and minutes. */
  duration(milliseconds: number) {
    const minutes = Math.round(milliseconds / 60_000);
    return minutes < 60 ? texts.duration(0, minutes) : texts.duration(Math.floor(minutes / 60), minutes % 60);
  },
  country(code: string | null | undefined) {
    if (!code || !/^[A-Z]{2}$/.test(code) || code === 'ZZ') return texts.unknownLocation;
    return countries.of(code) ?? code;
  },
  location: (city: string | null | undefined, code: string | null | undefined) =>
    city && code ? `${city}, ${format.country(code)}` : (city ?? format.country(code)),
  /** An amount in US dollars that somebody typed; NaN if it is none. */
  typed: (text: string) => (/^\s*\d+(\.\d{1,2})?\s*$/.test(text) ? Number(text) : NaN),
};
