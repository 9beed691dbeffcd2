import { useEffect, useState } from 'react';
import { call, useAction, useLoad, usePages } from '../api';
import { Heading } from '../files';
import { format } from '../format';
import { Link } from '../router';
import { Badge, Button, Confirm, Empty, Facts, PageTitle, ProblemBox, notify, Show, Skeleton, Table } from '../ui/kit';
import { inChunks } from './bulk';
import { DeadMessages } from './DeadMessages';
import { More } from './Paged';
import { texts } from './pageTexts';
import { counts, runs, timers as names } from './records';
import { Results, type Result } from './Results';
import { moreSystemTexts, systemTexts } from './systemTexts';
import { Trends } from './Trends';

type State = {
  client_address: string | null;
  address_warning: string | null;
  clock_warning: string | null;
  queue: { active: number | null; dead_lettered: number | null; unknown_because: string | null; not_configured: string | null };
  waiting: {
    outbox_due: number;
    outbox_oldest_at: string | null;
    outbox_dead: number;
    outbox_dead_mails: number;
    outbox_dead_calls: number;
    quarantine_open: number;
    dead_letters_open: number;
    arrivals_waiting: number;
    arrivals_oldest_at: string | null;
    alerts_open: number;
    charges_unknown: number;
    payment_cases_open: number;
    disputes_open: number;
  };
  timers: {
    timer_name: string;
    last_started_at: string | null;
    fallback_at: string | null;
    last_finished_at: string | null;
    last_succeeded_at: string | null;
    last_status: string | null;
    last_counts: Record<string, unknown> | null;
    last_error: string | null;
    next_due_at: string | null;
    late_since: string | null;
    is_disabled: boolean;
  }[];
  skipped_rows: { source: string; row_id: string; reason: string; first_seen_at: string; last_seen_at: string }[];
  usage_log: { storage: string | null; warning: string | null };
  troubles: { trouble_id: string; cause: string; subject: string; name: string | null; opened_at: string }[];
};
type Entry = {
  quarantine_id: string;
  quarantined_at: string;
  source: string;
  code: string;
  field: string | null;
  detail: string;
  excerpt: string;
  size_bytes: number;
};

const words = systemTexts;
const since = (count: number, oldest: string | null) => `${format.number(count)}${oldest ? ` (${words.oldest(format.ago(oldest))})` : ''}`;

export default function System() {
  const system = useLoad<State>('/api/v1/system', 15);
  // What a mail links to is on the page only after it has its data.
  const isLoaded = system.data !== undefined;
  useEffect(() => {
    if (isLoaded) reveal(location.hash.slice(1));
  }, [isLoaded]);
  return (
    <>
      <PageTitle title={words.title} />
      <Show of={system} rows={8}>
        {({ waiting, queue, timers, skipped_rows, usage_log, client_address, address_warning, clock_warning, troubles }) => (
          <>
            <InWords
              waiting={waiting}
              timers={timers}
              troubles={troubles}
              queue={queue}
              skipped={skipped_rows.length}
              warnings={[clock_warning, usage_log.warning, address_warning]}
            />
            <section className="card" id="work">
              <h2>{words.work}</h2>
              <Facts
                rows={[
                  [words.outbox, since(waiting.outbox_due, waiting.outbox_oldest_at)],
                  [words.dead, format.number(waiting.outbox_dead)],
                  [words.unknown, format.number(waiting.charges_unknown)],
                  [words.cases, format.number(waiting.payment_cases_open)],
                  [words.disputes, format.number(waiting.disputes_open)],
                  [words.alerts, format.number(waiting.alerts_open)],
                  ...(queue.not_configured
                    ? []
                    : [
                        [
                          words.queue,
                          queue.unknown_because ??
                            `${format.number(queue.active!)} (${words.deadLettered(format.number(queue.dead_lettered!))})`,
                        ] as [string, string],
                      ]),
                  [
                    words.quarantined,
                    `${format.number(waiting.quarantine_open)} (${words.deadLetters(format.number(waiting.dead_letters_open))})`,
                  ],
                  [words.unscanned, since(waiting.arrivals_waiting, waiting.arrivals_oldest_at)],
                ]}
              />
            </section>
            {(queue.dead_lettered ?? 0) > 0 && (
              <section className="card" id="dead-letters">
                <h2>{moreSystemTexts.letters}</h2>
                {moreSystemTexts.lettersText.map((text) => (
                  <p key={text}>{text}</p>
                ))}
              </section>
            )}
            <section className="card" id="server">
              <h2>{words.server}</h2>
              <Facts
                rows={[
                  [words.clock, clock_warning ?? words.clockRight],
                  [words.usageLog, usage_log.warning ?? words.storage(usage_log.storage)],
                  [words.address, address_warning ?? client_address ?? words.noAddress],
                  ...(queue.not_configured ? [[words.queue, moreSystemTexts.notConfigured(queue.not_configured)] as [string, string]] : []),
                ]}
              />
            </section>
            <details open={timers.some(isNoticed)}>
              <summary>
                <h2>{words.timers}</h2>
              </summary>
              {timers.length === 0 ? (
                <Empty>{words.noTimers}</Empty>
              ) : (
                <Table
                  label={words.timers}
                  rows={[...timers].sort((a, b) => titleOf(a.timer_name).localeCompare(titleOf(b.timer_name)))}
                  id={(row) => row.timer_name}
                  columns={[
                    {
                      head: words.timer,
                      wide: true,
                      cell: (row) => (
                        <div id={rowOf(row.timer_name)}>
                          {titleOf(row.timer_name)}
                          <div className="small">
                            <code>{row.timer_name}</code>
                          </div>
                        </div>
                      ),
                    },
                    {
                      head: words.result,
                      cell: (row) => (
                        <>
                          {row.is_disabled ? (
                            <span className="small">
                              {moreSystemTexts.off(row.timer_name)} {moreSystemTexts.offMeans[row.timer_name]}
                            </span>
                          ) : (
                            <Badge of={row.late_since ? 'FAILED' : 'SUCCEEDED'}>
                              {row.late_since ? moreSystemTexts.lateBadge : moreSystemTexts.onTimeBadge}
                            </Badge>
                          )}{' '}
                          {row.last_status && row.last_status !== 'succeeded' && (
                            <Badge of={row.last_status.toUpperCase()}>{runs[row.last_status] ?? row.last_status}</Badge>
                          )}
                          {row.last_error && <div className="small">{row.last_error}</div>}
                          {row.fallback_at && <div className="small">{words.fallback(format.ago(row.fallback_at))}</div>}
                        </>
                      ),
                    },
                    { head: words.lastRun, cell: (row) => format.ago(row.last_started_at) },
                    { head: words.lastGood, cell: (row) => format.ago(row.last_succeeded_at) },
                    {
                      head: words.counts,
                      cell: (row) => row.last_counts && resultOf(row.last_counts),
                    },
                    { head: words.next, cell: (row) => format.moment(row.next_due_at) },
                  ]}
                />
              )}
            </details>
            {skipped_rows.length > 0 && (
              <>
                <h2 id="skipped">{words.skipped}</h2>
                <p>{words.skippedText}</p>
                <Table
                  label={words.skipped}
                  rows={skipped_rows}
                  id={(row) => `${row.source} ${row.row_id}`}
                  columns={[
                    { head: words.source, cell: (row) => moreSystemTexts.sources[row.source] ?? row.source },
                    { head: words.row, cell: (row) => <code>{row.row_id}</code> },
                    { head: words.fault, cell: (row) => row.reason },
                    { head: words.since, cell: (row) => format.ago(row.first_seen_at) },
                  ]}
                />
              </>
            )}
          </>
        )}
      </Show>
      <DeadMessages changed={system.reload} />
      <Quarantine changed={system.reload} />
      <Trends />
    </>
  );
}

/** What a run did, without what it did not do. */
function resultOf(result: Record<string, unknown>) {
  const parts = Object.entries(result).flatMap(([field, value]) => {
    const name = counts[field] ?? field.replaceAll('_', ' ');
    if (typeof value === 'number') return value === 0 ? [] : [`${format.number(value)} ${name}`];
    if (typeof value === 'boolean') return value ? [name] : [];
    const list = Array.isArray(value) ? value : Object.entries(value ?? {}).map(([key, n]) => `${key.replaceAll('_', ' ')} ${String(n)}`);
    return list.length === 0 ? [] : [`${name}: ${list.join(', ')}`];
  });
  return parts.length === 0 ? moreSystemTexts.nothing : parts.join(', ');
}

const nameOf = (timer: string) => (names[timer] ? `${names[timer]} (${timer})` : timer);

const titleOf = (timer: string) => names[timer] ?? timer;

const isNoticed = (timer: State['timers'][number]) =>
  timer.is_disabled
    ? moreSystemTexts.offMeans[timer.timer_name] !== undefined
    : timer.late_since !== null || timer.last_status === 'failed' || timer.fallback_at !== null;

/** Shows a part of the page, also one in closed details. */
function reveal(id: string) {
  const part = id ? document.getElementById(id) : null;
  const details = part?.closest('details');
  if (details) details.open = true;
  part?.scrollIntoView();
}

const rowOf = (timer: string) => `timer-${timer}`;

/** Where operators see a trouble and end it, by its cause. */
const places: Record<string, (subject: string) => string> = {
  RENEWALS_FAILING: () => '/renewals',
  TIMER_LATE: (timer) => `#${rowOf(timer)}`,
  DEAD_LETTERS: () => '#quarantine',
  DEAD_LETTERS_NOT_DRAINED: () => '#dead-letters',
  MAILS_DEAD: () => '#given-up',
  WEBHOOK_CALLS_DEAD: () => '#given-up',
  WEBHOOK_DISABLED: () => '/webhooks',
  DISPUTE_UNANSWERED: (dispute) => `/renewals#${dispute}`,
  DISPUTE_DUE: (dispute) => `/renewals#${dispute}`,
  DISPUTE_MISSED: (dispute) => `/renewals#${dispute}`,
};

/** A link to another page, or to a part of this one. */
const To = ({ place, children }: { place: string | undefined; children: string }) =>
  !place ? children : place.startsWith('#') ? <a href={place}>{children}</a> : <Link to={place}>{children}</Link>;

/** A sentence, and the place that shows what it is about. */
type Concern = [sentence: string, place: string];

/**
 * What needs attention, in sentences; each links to the place that has the details. Each message counts once: those that a trouble is about
 * are not counted again.
 */
function InWords({
  waiting,
  timers,
  troubles,
  queue,
  skipped,
  warnings,
}: {
  waiting: State['waiting'];
  timers: State['timers'];
  troubles: State['troubles'];
  queue: State['queue'];
  skipped: number;
  warnings: (string | null)[];
}) {
  const say = moreSystemTexts;
  const active = timers.filter((timer) => !timer.is_disabled);
  const late = active.filter((timer) => timer.late_since !== null);
  const failed = active.filter((timer) => timer.last_status === 'failed' && timer.late_since === null);
  const isTold = (cause: string, subject = '') => troubles.some((trouble) => trouble.cause === cause && trouble.subject === subject);
  const toldDisputes = troubles.filter((trouble) => trouble.cause.startsWith('DISPUTE_')).length;
  const toldLetters = isTold('DEAD_LETTERS') ? waiting.dead_letters_open : 0;
  const toldDead = (isTold('MAILS_DEAD') ? waiting.outbox_dead_mails : 0) + (isTold('WEBHOOK_CALLS_DEAD') ? waiting.outbox_dead_calls : 0);
  const some = (n: number, sentence: (n: number) => string, place: string): Concern[] => (n > 0 ? [[sentence(n), place]] : []);
  const others = (all: number, told: number, sentence: (n: number, more: boolean) => string, place: string) =>
    some(all - told, (n) => sentence(n, told > 0), place);
  const urgent: Concern[] = [
    ...late
      .filter((timer) => !isTold('TIMER_LATE', timer.timer_name))
      .map((timer): Concern => [say.late(nameOf(timer.timer_name), format.moment(timer.late_since)), `#${rowOf(timer.timer_name)}`]),
    ...timers
      .filter((timer) => timer.is_disabled && say.offMeans[timer.timer_name] && !isTold('TIMER_LATE', timer.timer_name))
      .map((timer): Concern => [say.offConcern(nameOf(timer.timer_name)), `#${rowOf(timer.timer_name)}`]),
    ...failed.map((timer): Concern => [
      say.failed(nameOf(timer.timer_name), format.ago(timer.last_finished_at), timer.last_error),
      `#${rowOf(timer.timer_name)}`,
    ]),
    ...warnings.filter((one) => one !== null).map((one): Concern => [one, '#server']),
    ...some(isTold('DEAD_LETTERS_NOT_DRAINED') ? 0 : (queue.dead_lettered ?? 0), say.waits.deadLetters, '#dead-letters'),
    ...some(skipped, say.waits.skipped, '#skipped'),
    ...some(waiting.charges_unknown, say.waits.unknown, '/renewals#charges'),
    ...some(waiting.payment_cases_open, say.waits.cases, '/renewals#cases'),
    ...others(waiting.disputes_open, toldDisputes, say.waits.disputes, '/renewals#disputes'),
    ...others(waiting.outbox_dead, toldDead, say.waits.dead, '#given-up'),
    ...others(waiting.quarantine_open, toldLetters, say.waits.quarantine, '#quarantine'),
  ];
  const normal: Concern[] = [
    ...some(waiting.alerts_open, say.waits.alerts, '/alerts'),
    ...some(waiting.outbox_due, (n) => say.waits.outbox(n, format.ago(waiting.outbox_oldest_at)), '#work'),
    ...some(waiting.arrivals_waiting, (n) => say.waits.scan(n, format.ago(waiting.arrivals_oldest_at)), '#work'),
  ];
  const count = troubles.length + urgent.length;
  const isBroken = troubles.length + late.length + failed.length > 0 || warnings.some((one) => one !== null);
  return (
    <section className={`card summary ${isBroken ? 'poor' : count > 0 || queue.unknown_because ? 'fair' : ''}`}>
      <h2>{count > 0 ? say.attention(count) : queue.unknown_because ? say.knownWell : say.allWell}</h2>
      <p>{say.onTime(active.length - late.length, active.length)}.</p>
      {queue.unknown_because && <p>{say.queueUnknown(queue.unknown_because)}</p>}
      {count > 0 && (
        <ul>
          {troubles.map((trouble) => {
            const place = places[trouble.cause]?.(trouble.subject);
            const about = trouble.cause === 'TIMER_LATE' ? nameOf(trouble.subject) : (trouble.name ?? trouble.subject);
            return (
              <li key={trouble.trouble_id}>
                <To place={place}>{words.causes[trouble.cause]?.(about) ?? trouble.cause}</To>,{' '}
                {words.opened(format.ago(trouble.opened_at))}
              </li>
            );
          })}
          {urgent.map(([sentence, place]) => (
            <li key={sentence}>
              <To place={place}>{sentence}</To>
            </li>
          ))}
        </ul>
      )}
      {normal.map(([sentence, place]) => (
        <p key={sentence}>
          <To place={place}>{sentence}</To>
        </p>
      ))}
      {normal.length === 0 && count === 0 && !queue.unknown_because && <p>{say.nothingWaits}</p>}
    </section>
  );
}

/** The whole message is loaded when it is opened: it may be large. */
function Whole({ entry }: { entry: Entry }) {
  const [isOpen, setOpen] = useState(false);
  const message = useLoad<{ payload: string }>(isOpen ? `/api/v1/quarantine/${entry.quarantine_id}` : null);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.show(format.number(entry.size_bytes))}</summary>
      {isOpen && (
        <Show of={message} rows={2}>
          {({ payload }) => <pre tabIndex={0}>{payload}</pre>}
        </Show>
      )}
    </details>
  );
}

function Quarantine({ changed }: { changed: () => void }) {
  const list = usePages<Entry>('/api/v1/quarantine', (reply: { entries: Entry[]; next: string | null }) => ({
    rows: reply.entries,
    next: reply.next && `after=${reply.next}`,
  }));
  const [discarding, setDiscarding] = useState<Entry>();
  const [selected, setSelected] = useState(new Set<string>());
  const [discardsAll, setDiscardsAll] = useState(false);
  const [refused, setRefused] = useState<{ of: number; results: Result[] }>();
  const chosen = list.rows.filter((row) => selected.has(row.quarantine_id));
  const action = useAction();
  const settle = (entry: Entry, what: 'replay' | 'discard') =>
    action.run(async () => {
      try {
        await call('POST', `/api/v1/quarantine/${entry.quarantine_id}/${what}`);
        notify(what === 'replay' ? words.replayed : words.discarded);
      } finally {
        // A message that was rejected again has the new reason.
        list.reload();
        changed();
      }
    });
  const settleAll = (what: 'replay' | 'discard') =>
    action.run(async () => {
      const id = (row: Entry) => row.quarantine_id;
      const failed = await inChunks(chosen, id, async (chunk) => {
        const reply = await call<{ results: { quarantine_id: string; code: string | null; detail: string | null }[] }>(
          'POST',
          '/api/v1/quarantine/settle',
          { quarantine_ids: chunk.map(id), action: what },
        );
        return reply.results.flatMap((one) => (one.code ? [{ key: one.quarantine_id, detail: one.detail }] : []));
      });
      const times = new Map(chosen.map((row) => [row.quarantine_id, format.moment(row.quarantined_at)]));
      if (failed.length > 0) setRefused({ of: chosen.length, results: failed.map((one) => ({ ...one, name: times.get(one.key) })) });
      else notify(what === 'replay' ? words.replayed : words.discarded);
      // Those that were refused stay selected.
      setSelected(new Set(failed.map((one) => one.key)));
      setDiscardsAll(false);
      list.reload();
      changed();
    });
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  return (
    <>
      <Heading id="quarantine" title={words.quarantine} csv={list.rows.length > 0 && '/api/v1/quarantine'} name="quarantine" />
      {(list.problem ?? (discarding || discardsAll ? undefined : action.problem)) && (
        <ProblemBox problem={(list.problem ?? action.problem)!} />
      )}
      {list.first === undefined && !list.problem && <Skeleton rows={2} />}
      {list.first !== undefined && list.rows.length === 0 && <Empty>{words.noQuarantine}</Empty>}
      {list.rows.length > 1 && (
        <label className="check">
          <input
            type="checkbox"
            checked={chosen.length === list.rows.length}
            onChange={(event) => setSelected(new Set(event.target.checked ? list.rows.map((row) => row.quarantine_id) : []))}
          />
          {moreSystemTexts.selectAll}
        </label>
      )}
      {list.rows.length > 0 && (
        <Table
          label={words.table}
          rows={list.rows}
          id={(row) => row.quarantine_id}
          columns={[
            {
              head: texts.choose,
              cell: (row) => (
                <input
                  type="checkbox"
                  aria-label={moreSystemTexts.select(format.moment(row.quarantined_at))}
                  checked={selected.has(row.quarantine_id)}
                  onChange={() => toggle(row.quarantine_id)}
                />
              ),
            },
            { head: words.since, cell: (row) => format.moment(row.quarantined_at) },
            { head: words.source, cell: (row) => moreSystemTexts.origins[row.source] ?? row.source },
            {
              head: words.fault,
              cell: (row) => (
                <>
                  <code>{row.code}</code>
                  {row.field && <> · {row.field}</>}
                  <div className="small">{row.detail}</div>
                </>
              ),
            },
            {
              head: words.payload,
              cell: (row) => (
                <>
                  <pre tabIndex={0}>{row.excerpt}</pre>
                  <Whole entry={row} />
                </>
              ),
            },
            {
              head: texts.renewals.action,
              cell: (row) => (
                <div className="actions">
                  <Button isDisabled={action.busy} onPress={() => void settle(row, 'replay')}>
                    {words.replay}
                  </Button>
                  <Button
                    isDisabled={action.busy}
                    onPress={() => {
                      action.clear();
                      setDiscarding(row);
                    }}
                  >
                    {words.discard}
                  </Button>
                </div>
              ),
            },
          ]}
        />
      )}
      <More of={list} />
      {chosen.length > 0 && (
        <div className="bulk" role="region" aria-label={moreSystemTexts.selected(chosen.length)}>
          <strong>{moreSystemTexts.selected(chosen.length)}</strong>
          <Button isDisabled={action.busy} onPress={() => void settleAll('replay')}>
            {moreSystemTexts.replayAll}
          </Button>
          <Button
            isDisabled={action.busy}
            onPress={() => {
              action.clear();
              setDiscardsAll(true);
            }}
          >
            {moreSystemTexts.discardAll}
          </Button>
        </div>
      )}
      {refused && <Results {...refused} onClose={() => setRefused(undefined)} />}
      <Confirm
        open={discardsAll}
        title={moreSystemTexts.discardTitle(chosen.length)}
        text={moreSystemTexts.discardText}
        go={words.discard}
        look="danger"
        busy={action.busy}
        problem={action.problem}
        onClose={() => {
          setDiscardsAll(false);
          action.clear();
        }}
        onGo={() => void settleAll('discard')}
      />
      <Confirm
        open={discarding !== undefined}
        title={words.discardTitle}
        text={words.discardText}
        go={words.discard}
        look="danger"
        busy={action.busy}
        problem={action.problem}
        onClose={() => {
          setDiscarding(undefined);
          action.clear();
        }}
        onGo={() => void settle(discarding!, 'discard').then((done) => done && setDiscarding(undefined))}
      />
    </>
  );
}
