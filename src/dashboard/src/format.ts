import { language, t, word } from './language';

const make = (locale: string) => {
  const fixed = (digits: number) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return {
    locale,
    day: new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }),
    date: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }),
    moment: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
    month: new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric', timeZone: 'UTC' }),
    tickDay: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' }),
    tickDate: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }),
    tickHour: new Intl.DateTimeFormat(locale, { timeStyle: 'short' }),
    dollars: new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD' }),
    signed: new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD', signDisplay: 'exceptZero' }),
    decimals: { 0: fixed(0), 2: fixed(2), 3: fixed(3) },
    tenths: fixed(1),
    plain: new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }),
    share: new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    compact: new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }),
    points: new Intl.NumberFormat(locale, { signDisplay: 'exceptZero' }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
    countries: new Intl.DisplayNames(locale, { type: 'region' }),
  };
};
let made: ReturnType<typeof make> | undefined;
/** The formats of the current language. */
const of = () => (made?.locale === language.locale() ? made : (made = make(language.locale())));

// Currencies of the provider whose amounts don't have two decimals; the same lists as in MinorUnits.cs.
const withoutDecimals = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ');
const withThreeDecimals = 'bhd jod kwd omr tnd'.split(' ');

const decimals = (currency: string | null) =>
  withoutDecimals.includes(currency ?? '') ? 0 : withThreeDecimals.includes(currency ?? '') ? 3 : 2;

const brands: Record<string, string> = {
  amex: 'American Express',
  diners: 'Diners Club',
  jcb: 'JCB',
  mastercard: 'Mastercard',
  paypal: 'PayPal',
  unionpay: 'UnionPay',
};

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Negative numbers with the minus sign, not with the hyphen that the formats have. */
const minus = (text: string) => text.replace('-', '−');

/** A text that is not broken into lines. */
const whole = (text: string) => text.replaceAll(' ', '\u00a0');

export const format = {
  day: (time: string | null | undefined) => (time ? whole(of().day.format(new Date(time))) : t('none')),
  /** A UTC day, as in the backend's day counts. In the local time zone it could become the day before. */
  date: (day: string) => whole(of().date.format(new Date(day))),
  /** A UTC month, such as 2026-11. */
  month: (month: string) => whole(of().month.format(new Date(`${month}-01`))),
  /** A line may end between the day and the time. */
  moment: (time: string | null | undefined) =>
    time
      ? of()
          .moment.formatToParts(new Date(time))
          .map(({ type, value }, n, parts) => (type === 'literal' && parts[n + 1]?.type === 'hour' ? value : whole(value)))
          .join('')
      : t('none'),
  /** A mark on a time axis, in seconds. */
  tick: (seconds: number, marks: 'dates' | 'days' | 'hours') =>
    of()[({ dates: 'tickDate', days: 'tickDay', hours: 'tickHour' } as const)[marks]].format(seconds * 1000),
  /**
   * Why a payment failed or will fail: a code of the backend or the provider, or a sentence of an operator. `own` is for the customer whose
   * payment it is.
   */
  reason(code: string, own = false) {
    const known = (own ? word('renewals.ownObstacles', code) : undefined) ?? word('renewals.obstacles', code);
    if (known) return known;
    // The provider's answer 5xx, a timeout or a lost connection, with its code.
    if (/^(\d{3}|timeout|connection|no_answer)(_|$)/.test(code)) return t('renewals.noAnswer');
    if (code.startsWith('intent_canceled')) return t('renewals.canceledAtProvider');
    return /^[a-z_]+$/.test(code) ? code.replaceAll('_', ' ') : code;
  },
  /** The same with a capital letter, for a cell of a table. */
  reasonAlone(code: string, own = false) {
    const text = format.reason(code, own);
    return text.charAt(0).toUpperCase() + text.slice(1);
  },
  money: (usd: number | null | undefined) => (usd === null || usd === undefined ? t('none') : minus(of().dollars.format(usd))),
  /** A card's brand as its owner writes it; the provider has it in lower case. */
  brand: (brand: string | null) =>
    brand ? (brands[brand] ?? `${brand.charAt(0).toUpperCase()}${brand.slice(1)}`) : t('cards.unknownBrand'),
  /** "Visa ••9995". */
  card: (brand: string | null, four: string | null) =>
    four && brand !== 'paypal' ? t('cards.short', { brand: format.brand(brand), four }) : format.brand(brand),
  /** With a sign. */
  points: (n: number) => minus(of().points.format(n)),
  /** With a sign, for an entry of a wallet. */
  signed: (usd: number) => minus(of().signed.format(usd)),
  /** An amount in minor units of a currency, without the currency's code. */
  minor: (minor: number, currency: string | null = 'usd') =>
    minus(of().decimals[decimals(currency)].format(minor / 10 ** decimals(currency))),
  /** The same with the currency, as other amounts are shown. */
  amount: (minor: number | null, currency: string | null) =>
    minor === null
      ? t('none')
      : minus(
          new Intl.NumberFormat(of().locale, {
            style: 'currency',
            currency: currency ?? 'usd',
            minimumFractionDigits: decimals(currency),
            maximumFractionDigits: decimals(currency),
          }).format(minor / 10 ** decimals(currency)),
        ),
  /** The end of an ID: it differs also where IDs are counted. */
  id: (id: string) => id.slice(-12),
  number: (n: number | null | undefined) => (n === null || n === undefined ? t('none') : minus(of().plain.format(n))),
  /** With one decimal, for a column of measurements. */
  tenths: (n: number) => minus(of().tenths.format(n)),
  /** A number on an axis: 90K. */
  short: (n: number) => minus((Math.abs(n) < 10_000 ? of().plain : of().compact).format(n)),
  share: (n: number | null | undefined) => (n === null || n === undefined ? t('none') : minus(of().share.format(n))),
  ago(time: string | null | undefined) {
    if (!time) return t('never');
    const seconds = (Date.parse(time) - Date.now()) / 1000;
    for (const [unit, length] of steps)
      // Whole units, as the backend counts days.
      if (Math.abs(seconds) >= length) return whole(of().relative.format(Math.trunc(seconds / length), unit));
    return t('justNow');
  },
  /** Milliseconds as hours and minutes. */
  duration(milliseconds: number) {
    const minutes = Math.round(milliseconds / 60_000);
    const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
    if (hours === 0) return t('duration.minutes', { minutes });
    return rest === 0 ? t('duration.hours', { hours }) : t('duration.both', { hours, minutes: rest });
  },
  country(code: string | null | undefined) {
    if (!code || !/^[A-Z]{2}$/.test(code) || code === 'ZZ') return t('unknownLocation');
    return of().countries.of(code) ?? code;
  },
  location: (city: string | null | undefined, code: string | null | undefined) =>
    city && code ? `${city}, ${format.country(code)}` : (city ?? format.country(code)),
  /** An amount in US dollars that somebody typed; NaN if it is none. */
  typed: (text: string) => (/^\s*\d+(\.\d{1,2})?\s*$/.test(text) ? Number(text) : NaN),
};
