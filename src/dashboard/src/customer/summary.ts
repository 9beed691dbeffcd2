import { format } from '../format';
import { language, t, word } from '../language';

/** What was seen, as a code with values. */
export type Summary = {
  code: string;
  from: string | null;
  to: string | null;
  people: number | null;
  devices: number | null;
  limit: number | null;
  minutes: number | null;
  number: number | null;
  named: { ea_instance_id: string | null; city: string | null; country: string | null; mt5_account_number?: number | null }[];
};

/** The sentence of a summary; undefined for a code of a newer backend. */
export function say({ code, from, to, people, devices, limit, minutes, number, named }: Summary) {
  const [first, last] = [format.day(from), format.day(to)];
  const list = named.map(({ ea_instance_id, mt5_account_number, city, country }) => {
    const ea = ea_instance_id || t('activityPage.unnamed');
    const where = [
      mt5_account_number && t('activityPage.account', { account: String(mt5_account_number) }),
      (city || country) && format.location(city, country),
    ].filter(Boolean);
    return where.length > 0 ? t('activityPage.device', { ea, where: where.join(', ') }) : ea;
  });
  const others = (devices ?? 0) - named.length;
  if (others > 0) list.push(t('activityPage.others', { n: others }));
  return word('activityPage.saw', code, {
    from: first,
    when: first === last ? t('activityPage.on', { day: last }) : t('activityPage.between', { from: first, to: last }),
    length: format.duration((minutes ?? 0) * 60_000),
    people: people ?? 0,
    devices: devices ?? 0,
    limit: limit ?? 0,
    number: number ?? 0,
    named: new Intl.ListFormat(language.locale()).format(list),
  });
}
