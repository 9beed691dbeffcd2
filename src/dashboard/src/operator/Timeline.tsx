import { deviceName, type RefusedDevice, type Session } from '../alerts';
import { format } from '../format';
import { alertTexts } from './alertTexts';

export type Overlap = { from: number; to: number; devices: string[] };

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
 * When each device was in use. Simultaneous use is marked: what the license allowed in one way, and more than that in another. `limit` is
 * the number of devices that the license allowed, if the alert has it. A refused device has a mark at the time of its check.
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
  const words = alertTexts.use;
  const shared = overlaps(sessions, 1);
  const beyond = limit === undefined ? [] : overlaps(sessions, limit);
  const allowed = shared.filter((one) => limit === undefined || one.devices.length <= limit);
  const listed = beyond.length > 0 ? beyond : allowed;
  const begin = time(from);
  const end = Math.max(time(to), refused ? time(refused.at) : 0);
  const at = (moment: number) => (100 * (Math.min(Math.max(moment, begin), end) - begin)) / Math.max(1, end - begin);
  const names = [...new Set(sessions.map(nameOf))].sort();
  const total = listed.reduce((sum, one) => sum + one.to - one.from, 0);
  const bar = (kind: string, first: number, last: number) => (
    <span key={`${kind} ${first} ${last}`} className={kind} style={{ left: `${at(first)}%`, width: `${at(last) - at(first)}%` }} />
  );
  return (
    <section aria-label={words.title}>
      <h2>{words.title}</h2>
      <p>
        {total === 0
          ? words.never
          : limit === undefined
            ? words.atLeastTwo(format.duration(total), listed.length)
            : (beyond.length > 0 ? words.beyond : words.within)(format.duration(total), format.number(limit), listed.length)}
      </p>
      {isCut && <p className="notice fair">{words.cut(format.number(sessions.length), format.moment(sessions.at(-1)!.from))}</p>}
      <div className="timeline card">
        {names.map((name) => {
          const own = sessions.filter((one) => nameOf(one) === name);
          const of = (periods: Overlap[]) => periods.filter((one) => one.devices.includes(name));
          return (
            <div key={name}>
              <span className="small">
                {name}, {places(own)}
              </span>
              <div className="track" aria-hidden="true">
                {/* In two locations at once, a device has two sessions at the same time. */}
                {[...new Set(own.map((one) => `${one.from} ${one.to}`))].map((one) => {
                  const [first, last] = one.split(' ');
                  return bar('span', time(first!), time(last!));
                })}
                {of(allowed).map((one) => bar('shared', one.from, one.to))}
                {of(beyond).map((one) => bar('beyond', one.from, one.to))}
              </div>
            </div>
          );
        })}
        {refused && (
          <div>
            <span className="small">
              {deviceName(refused.device.ea_instance_id, refused.device.mt5_account_number)},{' '}
              {format.location(refused.device.city, refused.device.country)}: {words.refused(format.moment(refused.at))}
            </span>
            <div className="track" aria-hidden="true">
              {bar('refused', time(refused.at), time(refused.at))}
            </div>
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
          {allowed.length > 0 && (
            <span>
              <span className="key shared" /> {limit === undefined ? words.atOnce : words.allowed}
            </span>
          )}
          {beyond.length > 0 && (
            <span>
              <span className="key beyond" /> {words.tooMany}
            </span>
          )}
          {refused && (
            <span>
              <span className="key refused" /> {words.isRefused}
            </span>
          )}
        </p>
      </div>
      {listed.length > 0 && (
        <ul aria-label={beyond.length > 0 ? words.tooMany : words.atOnce}>
          {listed.slice(0, mostRows).map((one) => (
            <li key={one.from}>
              {words.period(format.moment(iso(one.from)), format.moment(iso(one.to)), format.duration(one.to - one.from))}
              {one.devices.join(', ')}
            </li>
          ))}
        </ul>
      )}
      {listed.length > mostRows && <p className="small">{words.longest(mostRows, listed.length)}</p>}
    </section>
  );
}

const places = (sessions: Session[]) => [...new Set(sessions.map((one) => format.location(one.city, one.country)))].join('; ');
