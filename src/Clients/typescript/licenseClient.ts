/** A license client for Node.js 20 and later. conformance/cases.json defines its decisions; times are seconds since 1970, UTC. */
import { createHash, createPublicKey, randomBytes, verify, type JsonWebKey } from 'node:crypto';

const [GRACE_SECONDS, CLOCK_TOLERANCE_SECONDS, LONGEST_PAUSE_SECONDS] = [3600, 300, 30 * 86400];
const [TIMEOUT_MS, LARGEST_ANSWER, END_OF_TIME] = [3000, 65536, 32503680000]; // the year 3000
const [CHECK_SECONDS, FIRST_RETRY_SECONDS, LONGEST_WAIT_SECONDS] = [300, 15, 400]; // and up to a half of it more, at random

export type Entitlement = 'FULL' | 'CLOSE_ONLY' | 'NONE';
export type Message = 'VALID' | 'CLOSE_ONLY' | 'REFUSED' | 'LEASE' | 'KEPT' | 'UNCONFIRMED' | 'NOT_CHECKED';
export type Problem = '' | 'NO_ANSWER' | 'NOT_THE_SERVER' | 'SERVER_ERROR' | 'REJECTED' | 'CLOCK_WRONG';

/** What is stored between two checks and over restarts. */
export const NEW_STATE = {
  entitlement: '' as Entitlement | '', // of the last verdict; '' before the first
  detail: '', // the server's sentence
  subscription: '',
  lease: '',
  close_only_until: 0, // 0 if it has no end
  full_until: 0, // FULL ends here if there is neither a verdict nor a good lease
  clock_offset: 0, // how far the clock was ahead of the server's at the last verdict
  highest_time: 0, // the server's time and what elapsed since; follows the clock while the process does not run
  server_time: 0, // the server's time and what elapsed since; stops while the process does not run
  awaits_clock: false, // true from the process's start until the clock shows a possible time
  newest_iat: 0, // of the leases seen
  refused_at: 0, // the last verdict other than FULL
  problem: '' as Problem, // of the last answer; '' if it was a verdict
  problem_detail: '',
};
export type State = typeof NEW_STATE;

/** The outcome of one request. Status 0: there was no HTTP answer. `nonce` is the request's; `retryAfter` is in seconds. */
export type Answer = { status: number; body: string; nonce: string; retryAfter?: number };
export type Decision = { entitlement: Entitlement; message: Message; problem: Problem; text: string }; // the text is for the user

// What a lease must be for: the text of jwks.json, PUBLIC_URL of the server, deviceHash, and maybe the jti of /api/v1/revocations.
export type LeaseUse = { keys: string; issuer: string; device: string; revoked?: ReadonlySet<string> } & Partial<State>;
export type Lease = { iss: string; sub: string; dev: string; ent: string; iat: number; exp: number; jti?: string };
type Json = Record<string, unknown>;

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? (value as Json | null) : null;
  } catch {
    return null;
  }
}

/** Null unless it is the only base64url form of some bytes. */
function decode(part: string): Buffer | null {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : null;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const isTime = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < END_OF_TIME;
const sha256 = (words: string): string => createHash('sha256').update(words, 'utf8').digest('base64url');
export const deviceHash = (eaInstanceId: string, account: number | string): string => sha256(`${eaInstanceId}\n${account}`);

/** The lease, or why it is not good at this time. */
export function verifyLease(compact: string, use: LeaseUse, now: number): Lease | string {
  const parts = compact.split('.');
  const [header64, claims64, signature64] = parts.map(decode);
  const header = header64 && parse(header64.toString('utf8'));
  const claims = claims64 && (parse(claims64.toString('utf8')) as Partial<Lease> | null);
  if (compact.length > 4096 || parts.length !== 3 || !header || !claims || !signature64) return 'MALFORMED';
  // Only this algorithm and type are accepted, and no critical extension.
  if (header.alg !== 'EdDSA' || header.typ !== 'license-lease+jwt' || 'crit' in header) return 'WRONG_TYPE';
  const keys = parse(use.keys)?.keys;
  const isKey = (one: JsonWebKey | null) => one?.kid === header.kid && one?.kty === 'OKP' && one.crv === 'Ed25519';
  const key = typeof header.kid === 'string' && Array.isArray(keys) ? (keys as JsonWebKey[]).find(isKey) : null;
  if (!key || decode(text(key.x))?.length !== 32) return 'UNKNOWN_KEY';
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' });
  if (!verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), publicKey, signature64)) return 'BAD_SIGNATURE';

  const { iss, sub, dev, ent, iat, exp } = claims;
  if ([iss, sub, dev, ent].some((one) => typeof one !== 'string') || !isTime(iat) || !isTime(exp)) return 'MALFORMED';
  if (iss !== use.issuer) return 'OTHER_ISSUER';
  if (ent !== 'FULL') return 'NOT_FULL';
  if (dev !== use.device) return 'OTHER_DEVICE';
  if (use.subscription && sub !== use.subscription) return 'OTHER_LICENSE';
  if (iat < (use.newest_iat ?? 0)) return 'ROLLED_BACK';
  if (iat <= (use.refused_at ?? 0) || use.revoked?.has(text(claims.jti))) return 'REVOKED';
  return now < exp ? (claims as Lease) : 'EXPIRED';
}

/** Seconds since 1970 of a time as in RFC 3339; 0 if it isn't one. */
function seconds(value: unknown): number {
  const match = /^(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text(value));
  return match && match[1]! < '3000' ? Math.max(0, Math.floor(Date.parse(text(value)) / 1000)) || 0 : 0;
}

const minute = (time: number): string => `${new Date(time * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const sentence = (words: string): string => (words.endsWith('.') ? words : `${words}.`);
const MANAGED = 'Open positions are managed and closed';
const problemText = (problem: Problem, detail: string): string =>
  ({
    '': '',
    NO_ANSWER: 'The license server does not answer. ',
    NOT_THE_SERVER: 'The answer is not from the license server. Does the network require a sign-in? ',
    SERVER_ERROR: 'The license server has an error or is busy. ',
    REJECTED: `The license server rejected the request: ${sentence(detail)} `,
    CLOCK_WRONG: 'The clock of this computer is wrong or was changed; check it. ',
  })[problem];

/** The JSON of a verdict, or null. The server returns the request's nonce. A stored answer has another one. */
function verdictOf({ status, body, nonce }: Answer): Json | null {
  const json = status === 200 && body.length <= LARGEST_ANSWER ? parse(body) : null;
  return json && typeof json.valid === 'boolean' && typeof json.code === 'string' && json.nonce === nonce ? json : null;
}

/** An older server sends no entitlement. An unknown entitlement counts as CLOSE_ONLY. */
function entitlementOf({ valid, entitlement }: Json, before: string): Entitlement {
  if (entitlement == null) return valid ? 'FULL' : before === 'FULL' || before === 'CLOSE_ONLY' ? 'CLOSE_ONLY' : 'NONE';
  return entitlement === 'NONE' ? 'NONE' : entitlement === 'FULL' && valid ? 'FULL' : 'CLOSE_ONLY';
}

function applyVerdict(state: State, json: Json, clock: number, use: LeaseUse): void {
  const server = seconds(json.checked_at);
  const now = server || clock;
  Object.assign(state, { server_time: server, highest_time: now, clock_offset: clock - now, awaits_clock: false });
  Object.assign(state, { problem: '', problem_detail: '', close_only_until: seconds(json.close_only_until) });
  state.entitlement = entitlementOf(json, state.entitlement);
  state.detail = typeof json.detail === 'string' ? json.detail : text(json.code);
  if (typeof json.subscription_id === 'string' && json.subscription_id !== state.subscription)
    Object.assign(state, { subscription: json.subscription_id, lease: '', newest_iat: 0, refused_at: 0 });
  const isFull = state.entitlement === 'FULL';
  Object.assign(state, isFull ? { full_until: now + GRACE_SECONDS } : { lease: '', full_until: 0, refused_at: now });
  if (!isFull || typeof json.lease !== 'string') return;
  // This verdict is newer than every refusal, so an earlier refusal doesn't count.
  const lease = verifyLease(json.lease, { ...use, ...state, refused_at: 0 }, now);
  if (typeof lease !== 'string') Object.assign(state, { lease: json.lease, newest_iat: lease.iat, refused_at: 0 });
  else if (state.lease === '') state.detail = `${sentence(state.detail)} In an outage, trading ends: the lease is not accepted (${lease}).`;
}

/** Only an error of this backend has a detail (RFC 9457). */
function problemOf({ status, body }: Answer): { problem: Problem; problem_detail: string } {
  const json = status >= 400 ? parse(body) : null;
  const detail = typeof json?.code === 'string' ? text(json.detail) : '';
  const isError = status === 429 || (status >= 500 && status !== 511);
  const problem = status === 0 ? 'NO_ANSWER' : isError ? 'SERVER_ERROR' : detail === '' ? 'NOT_THE_SERVER' : 'REJECTED';
  return { problem, problem_detail: detail };
}

/** Advances the times by what elapsed, and compares the clock. The clock moves the highest time only at the start of the process. */
function advance(state: State, clock: number, elapsed: number): { latest: number; isWrong: boolean } {
  state.awaits_clock ||= elapsed < 0;
  state.highest_time += Math.max(0, elapsed);
  state.server_time += Math.max(0, elapsed);
  const highest = state.highest_time;
  // A clock that was wrong at the last verdict may have been corrected since. If both are possible, the later time counts.
  const shown = [clock - state.clock_offset, clock];
  const limit = highest + (state.awaits_clock ? LONGEST_PAUSE_SECONDS : CLOCK_TOLERANCE_SECONDS);
  const possible = shown.filter((time) => time >= highest - CLOCK_TOLERANCE_SECONDS && time <= limit);
  if (possible.length === 0) return { latest: Math.max(highest, Math.min(...shown)), isWrong: true };
  const time = Math.max(...possible);
  if (time === clock) state.clock_offset = 0;
  if (state.awaits_clock) Object.assign(state, { highest_time: Math.max(highest, time), awaits_clock: false });
  return { latest: state.highest_time, isWrong: false };
}

// What the client may do. answer is null if only time has passed. elapsed is the number of seconds since the previous decision of this
// process, by a clock that nobody can set; -1 for the first decision.
export function decide(before: State, answer: Answer | null, clock: number, elapsed: number, use: LeaseUse) {
  const state = { ...before };
  const verdict = answer && verdictOf(answer);
  if (verdict) applyVerdict(state, verdict, clock, use);
  else if (answer) Object.assign(state, problemOf(answer));
  const { latest, isWrong } = state.entitlement === '' ? { latest: 0, isWrong: false } : advance(state, clock, verdict ? 0 : elapsed);
  const isOff = isWrong || (state.problem === '' && Math.abs(state.clock_offset) > CLOCK_TOLERANCE_SECONDS);
  const problem = isOff ? 'CLOCK_WRONG' : state.problem;
  const decided = (entitlement: Entitlement, message: Message, words: string): { state: State; decision: Decision } => ({
    state,
    decision: { entitlement, message, problem, text: problemText(problem, state.problem_detail) + words },
  });
  if (state.entitlement === '')
    return decided('CLOSE_ONLY', 'NOT_CHECKED', `The license has not been checked yet. ${MANAGED}; no position is opened.`);
  // The clock alone never ends CLOSE_ONLY.
  const [until, isCloseOnly] = [state.close_only_until, state.entitlement === 'CLOSE_ONLY'];
  if (state.entitlement === 'NONE' || (isCloseOnly && until > 0 && state.server_time >= until))
    return decided('NONE', 'REFUSED', sentence(state.detail));
  const managed = `${sentence(state.detail)} ${MANAGED}${until > 0 ? ` until ${minute(until)}` : ''}; no position is opened.`;
  if (isCloseOnly) return decided('CLOSE_ONLY', 'CLOSE_ONLY', managed);

  // If a wrong clock is ahead, the lease must be valid at its time, too. Otherwise FULL ends in an hour, or with the lease.
  const time = state.highest_time;
  const lease = state.awaits_clock ? '' : verifyLease(state.lease, { ...use, ...state }, latest);
  const leasedUntil = typeof lease === 'string' ? 0 : lease.exp;
  if (leasedUntil > 0) state.full_until = Math.min(time + GRACE_SECONDS, leasedUntil);
  if (state.awaits_clock || (leasedUntil === 0 && time >= state.full_until))
    return decided('CLOSE_ONLY', 'UNCONFIRMED', `No position is opened until a check succeeds. ${MANAGED}.`);
  if (state.problem === '') return decided('FULL', 'VALID', sentence(state.detail));
  const most = `at most until ${minute(leasedUntil || state.full_until)}.`;
  if (leasedUntil === 0) return decided('FULL', 'KEPT', `Trading continues ${most}`);
  return decided('FULL', 'LEASE', `Trading continues with the saved lease, ${most}`);
}

export interface Options {
  url: string; // such as https://licenses.example.com
  token: string;
  eaInstanceId: string;
  account: number | string;
  issuer?: string; // PUBLIC_URL of the server, if it is not url
  keys?: string; // the text of jwks.json, to accept no other keys; otherwise they are fetched
  load?: () => Promise<string | null>; // the text that was saved last
  save?: (text: string) => Promise<void>;
  onDecision?: (decision: Decision) => void;
}

/** What the caller's function returns; undefined if it throws, because the checks must continue. */
const guarded = <T>(call: () => T) => new Promise<T>((resolve) => resolve(call())).catch(() => undefined);

/** A damaged state is ignored. */
function restored(saved: unknown): State {
  const state = { ...NEW_STATE, ...(saved as State) };
  const kind = (one: unknown) => (typeof one === 'number' && Math.abs(one) >= END_OF_TIME ? 'damaged' : typeof one);
  const kinds = (one: State) => Object.values(one).map(kind).join();
  const isWord = ['', 'FULL', 'CLOSE_ONLY', 'NONE'].includes(state.entitlement);
  return isWord && kinds(state).startsWith(kinds(NEW_STATE)) ? state : NEW_STATE;
}

export class LicenseClient {
  readonly #options: Options; // not shown by console.log, because it has the token
  readonly #owner: string; // a verdict about one token says nothing about another one
  private state: State = NEW_STATE;
  private keys = '';
  private keysAt = -Infinity;
  private decidedAt = NaN;
  private failures = 0;
  private timer: NodeJS.Timeout | null | undefined = null; // null if the client is stopped

  constructor(options: Options) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') };
    this.#owner = sha256(`${options.token}\n${options.eaInstanceId}\n${options.account}`).slice(0, 16);
  }

  /** Loads the saved state, checks now, and then every five minutes, or sooner after a failure. */
  async start(): Promise<void> {
    const saved = parse(text(await guarded(() => this.#options.load?.())));
    if (saved?.owner === this.#owner) [this.state, this.decidedAt] = [restored(saved.state), NaN];
    this.keys = this.#options.keys ?? text(saved?.keys);
    this.timer = undefined;
    await this.check();
  }

  stop(): void {
    clearTimeout(this.timer ?? undefined);
    this.timer = null;
  }

  /** One check. It never throws. */
  async check(): Promise<Decision> {
    clearTimeout(this.timer ?? undefined);
    const { token, eaInstanceId, account, keys, save, onDecision } = this.#options;
    if (keys === undefined && performance.now() - this.keysAt > 3_600_000) {
      const { status, body } = await this.request('/.well-known/jwks.json', '', {});
      if (status === 200 && Array.isArray(parse(body)?.keys)) [this.keys, this.keysAt] = [body, performance.now()];
    }
    const nonce = randomBytes(16).toString('hex');
    const answer = await this.request('/api/v1/licenses/validate', nonce, {
      method: 'POST',
      headers: { authorization: `License ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ea_instance_id: eaInstanceId, mt5_account_number: String(account), nonce }),
    });
    const decision = this.decide(answer);
    this.failures = this.state.problem === '' ? 0 : this.failures + 1;
    // Retry-After counts only if this backend sent it. Random delay: clients must not all retry at the same moment after an outage.
    const backoff = Math.min(CHECK_SECONDS, FIRST_RETRY_SECONDS * 2 ** (this.failures - 1));
    const asked = Math.max(backoff, this.state.problem_detail === '' ? 0 : (answer.retryAfter ?? 0));
    const random = Math.random();
    const wait = this.failures === 0 ? CHECK_SECONDS * (1 - random / 10) : Math.min(LONGEST_WAIT_SECONDS, asked) * (1 + random / 2);
    if (this.timer !== null) this.timer = setTimeout(() => void this.check(), 1000 * wait);
    await guarded(() => save?.(JSON.stringify({ owner: this.#owner, state: this.state, keys: this.keys })));
    await guarded(() => onDecision?.(decision));
    return decision;
  }

  /** What may be done now. Ask before each trade, because a lease or a grace may have ended. */
  decide(answer: Answer | null = null): Decision {
    const { url, issuer = url, eaInstanceId, account } = this.#options;
    const isFirst = Number.isNaN(this.decidedAt);
    const elapsed = isFirst ? -1 : Math.floor((performance.now() - this.decidedAt) / 1000);
    this.decidedAt = isFirst ? performance.now() : this.decidedAt + elapsed * 1000;
    const use = { keys: this.keys, issuer, device: deviceHash(eaInstanceId, account) };
    const { state, decision } = decide(this.state, answer, Math.floor(Date.now() / 1000), elapsed, use);
    this.state = state;
    return decision;
  }

  private async request(path: string, nonce: string, init: RequestInit): Promise<Answer> {
    try {
      // A redirect is not followed: the token is for this server only.
      const response = await fetch(this.#options.url + path, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
      return { status: response.status, body: await response.text(), nonce, retryAfter: Number(response.headers.get('retry-after')) || 0 };
    } catch {
      return { status: 0, body: '', nonce };
    }
  }
}
