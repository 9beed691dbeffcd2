import type { RefusedDevice, Session } from '../alerts';
import { format } from '../format';
import { texts } from '../texts';

export type Overlap = { from: number; to: number; devices: string[] };

export const deviceName = (ea: string | null | undefined, account: number | null | undefined) => `${ea ?? '?'} · ${account ?? '?'}`;

const nameOf = (session: Session) => deviceName(session.ea_instance_id, session.mt5_account_number);
const time = (at: string) => Date.parse(at);
const iso = (at: number) => new Date(at).toISOString();

/** The periods in which more than `most` devices were in use at the same time, the longest first. */
export function overlaps(sessions: Session[], most: number): Overlap[] {
  const uses = sessions.map((one) => ({ name: nameOf(one), from: time(one.from), to: time(one.to) }));
  const edges = [...new Set(uses.flatMap((one) => [one.from, one.to]))].sort((a, b) => a - b);
  const found: Overlap[] = [];
  for (const [n, from] of edges.slice(0, -1).entries()) {
    const to = edges[n + 1]!;
    const devices = [...new Set(uses.filter((one) => one.from <= from && one.to >= to).map((one) => one.name))].sort();
    if (devices.length <= most) continue;
    const last = found.at(-1);
    if (last?.to === from && last.devices.join() === devices.join()) last.to = to;
    else found.push({ from, to, devices });
  }
  return found.sort((a, b) => b.to - b.from - (a.to - a.from));
}

/** Marks of the time axis, in percent of its length. */
const quarters = [0, 25, 50, 75, 100];

/** Only the longest periods are listed. Nobody would read more. */
const mostRows = 10;

/**
 * When each device was in use, with the periods of simultaneous use marked. `limit` is the number of devices that the license allowed, if
 * the alert has it. If no more than these were in use, the periods with at least two are marked. A refused device has a mark at the time of
 * its check.
 */
export function Timeline({
  sessions,
  from,
  to,
  limit,
  isCut,
  refused,
}: {
  sessions: Session[];
  from: string;
  to: string;
  limit?: number;
  /** Whether later sessions are left out. */
  isCut: boolean;
  refused?: { device: RefusedDevice; at: string };
}) {
  const words = texts.alert.use;
  const beyond = limit === undefined ? [] : overlaps(sessions, limit);
  const marked = beyond.length > 0 ? beyond : overlaps(sessions, 1);
  const begin = time(from);
  const end = Math.max(time(to), refused ? time(refused.at) : 0);
  const at = (moment: number) => (1000 * (Math.min(Math.max(moment, begin), end) - begin)) / Math.max(1, end - begin);
  const names = [...new Set(sessions.map(nameOf))].sort();
  const total = marked.reduce((sum, one) => sum + one.to - one.from, 0);
  return (
    <section aria-label={words.title}>
      <h2>{words.title}</h2>
      <p>
        {total === 0
          ? words.never
          : limit === undefined
            ? words.atLeastTwo(format.duration(total), marked.length)
            : (beyond.length > 0 ? words.beyond : words.within)(format.duration(total), format.number(limit), marked.length)}
      </p>
      {isCut && <p className="notice fair">{words.cut(format.number(sessions.length), format.moment(sessions.at(-1)!.from))}</p>}
      <div className="timeline card">
        {names.map((name) => (
          <div key={name}>
            <span className="small">
              {name}, {places(sessions.filter((one) => nameOf(one) === name))}
            </span>
            <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
              <rect className="all" width="1000" height="10" />
              <path className="grid" d="M250 0V10M500 0V10M750 0V10" />
              {sessions
                .filter((one) => nameOf(one) === name)
                .map((one) => (
                  <rect
                    key={`${one.from} ${one.city}`}
                    className="span"
                    x={at(time(one.from))}
                    width={Math.max(2, at(time(one.to)) - at(time(one.from)))}
                    height="10"
                  />
                ))}
              {marked
                .filter((one) => one.devices.includes(name))
                .map((one) => (
                  <rect key={one.from} className="overlap" x={at(one.from)} width={Math.max(2, at(one.to) - at(one.from))} height="10" />
                ))}
            </svg>
          </div>
        ))}
        {refused && (
          <div>
            <span className="small">
              {deviceName(refused.device.ea_instance_id, refused.device.mt5_account_number)},{' '}
              {format.location(refused.device.city, refused.device.country)}: {words.refused(format.moment(refused.at))}
            </span>
            <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
              <rect className="all" width="1000" height="10" />
              <path className="grid" d="M250 0V10M500 0V10M750 0V10" />
              <rect className="overlap" x={Math.min(995, at(time(refused.at)))} width="5" height="10" />
            </svg>
          </div>
        )}
        <div className="axis small">
          {quarters.map((part) => (
            <span key={part} style={{ left: `${part}%` }}>
              {format.moment(iso(begin + ((end - begin) * part) / 100))}
            </span>
          ))}
        </div>
        <p className="small legend">
          <span>
            <span className="key span" /> {words.inUse}
          </span>
          <span>
            <span className="key overlap" /> {refused ? words.atOnceOrRefused : words.atOnce}
          </span>
        </p>
      </div>
      {marked.length > 0 && (
        <ul aria-label={words.atOnce}>
          {marked.slice(0, mostRows).map((one) => (
            <li key={one.from}>
              {words.period(format.moment(iso(one.from)), format.moment(iso(one.to)), format.duration(one.to - one.from))}
              {one.devices.join(', ')}
            </li>
          ))}
        </ul>
      )}
      {marked.length > mostRows && <p className="small">{words.longest(mostRows, marked.length)}</p>}
    </section>
  );
}

const places = (sessions: Session[]) => [...new Set(sessions.map((one) => format.location(one.city, one.country)))].join('; ');
