/** A license client for Node.js 20 and later. conformance/cases.json defines its decisions; times are seconds since 1970, UTC. */
import { createHash, createPublicKey, randomBytes, verify, type JsonWebKey } from 'node:crypto';

export const [GRACE_SECONDS, CLOCK_TOLERANCE_SECONDS] = [3600, 300];
const END_OF_TIME = 32503680000; // the year 3000
const [CHECK_SECONDS, FIRST_RETRY_SECONDS, LONGEST_WAIT_SECONDS] = [300, 15, 3600];
const [TIMEOUT_MS, LARGEST_ANSWER] = [3000, 65536];

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
  clock_offset: 0, // how far the clock is ahead of the server's, if it is wrong; otherwise 0
  highest_time: 0, // of the corrected clock and of the server
  newest_iat: 0, // of the leases seen
  refused_at: 0, // the last verdict other than FULL
  problem: '' as Problem, // of the last answer; '' if it was a verdict
  problem_detail: '',
};
export type State = typeof NEW_STATE;

/** The outcome of one request. Status 0: there was no HTTP answer. `nonce` is the request's. */
export type Answer = { status: number; body: string; nonce: string };

/** `text` is for the user. */
export type Decision = { entitlement: Entitlement; message: Message; problem: Problem; text: string };

/** What a lease must be for. */
export interface LeaseUse {
  keys: string; // the text of jwks.json
  device: string; // deviceHash
  subscription?: string;
  newest_iat?: number;
  refused_at?: number; // leases of this time and before it count as revoked
  revoked?: ReadonlySet<string>; // the jti of /api/v1/revocations, if the caller may read them
}

export type Lease = { sub: string; dev: string; ent: string; iat: number; exp: number; jti?: string };
type Json = Record<string, unknown>;

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
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

export function deviceHash(eaInstanceId: string, account: number | string): string {
  return createHash('sha256').update(`${eaInstanceId}\n${account}`, 'utf8').digest('base64url');
}

/** The lease, or why it is not good at this time. */
export function verifyLease(compact: string, use: LeaseUse, now: number): Lease | string {
  const parts = compact.split('.');
  const [header64, claims64, signature64] = parts.map(decode);
  const header = header64 && parse(header64.toString('utf8'));
  const claims = claims64 && (parse(claims64.toString('utf8')) as Partial<Lease> | null);
  if (compact.length > 4096 || parts.length !== 3 || !header || !claims || !signature64) return 'MALFORMED';
  // The header decides nothing: only this algorithm and this type are accepted, and no extension.
  if (header.alg !== 'EdDSA' || header.typ !== 'license-lease+jwt' || 'crit' in header) return 'WRONG_TYPE';
  const keys = parse(use.keys)?.keys;
  const key = (Array.isArray(keys) ? (keys as JsonWebKey[]) : []).find(
    (one) => typeof header.kid === 'string' && one?.kid === header.kid && one.kty === 'OKP' && one.crv === 'Ed25519',
  );
  if (!key || decode(text(key.x))?.length !== 32) return 'UNKNOWN_KEY';
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.x }, format: 'jwk' });
  if (!verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), publicKey, signature64)) return 'BAD_SIGNATURE';

  const { sub, dev, ent, iat, exp } = claims;
  if (typeof sub !== 'string' || typeof dev !== 'string' || typeof ent !== 'string' || !isTime(iat) || !isTime(exp)) return 'MALFORMED';
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

function problemText(problem: Problem, detail: string): string {
  return {
    '': '',
    NO_ANSWER: 'The license server does not answer. ',
    NOT_THE_SERVER: 'The answer is not from the license server. Does the network require a sign-in? ',
    SERVER_ERROR: 'The license server has an error or is busy. ',
    REJECTED: `The license server rejected the request: ${sentence(detail)} `,
    CLOCK_WRONG: 'The clock of this computer is wrong; set it. ',
  }[problem];
}

/** The JSON of a verdict, or null. An answer of the server repeats the request's nonce; a stored copy can't. */
function verdictOf({ status, body, nonce }: Answer): Json | null {
  const json = status === 200 && body.length <= LARGEST_ANSWER ? parse(body) : null;
  return json && typeof json.valid === 'boolean' && typeof json.code === 'string' && json.nonce === nonce ? json : null;
}

/** A verdict without an entitlement is that of an older server. An unknown one opens nothing and strands nothing. */
function entitlementOf({ valid, entitlement }: Json, before: string): Entitlement {
  if (entitlement == null) return valid ? 'FULL' : before === 'FULL' || before === 'CLOSE_ONLY' ? 'CLOSE_ONLY' : 'NONE';
  return entitlement === 'NONE' ? 'NONE' : entitlement === 'FULL' && valid ? 'FULL' : 'CLOSE_ONLY';
}

function applyVerdict(state: State, json: Json, clock: number, use: LeaseUse): void {
  const server = seconds(json.checked_at) || clock;
  state.clock_offset = Math.abs(clock - server) > CLOCK_TOLERANCE_SECONDS ? clock - server : 0;
  state.highest_time = Math.max(clock - state.clock_offset, server);
  Object.assign(state, { problem: '', problem_detail: '' });
  state.entitlement = entitlementOf(json, state.entitlement);
  state.detail = typeof json.detail === 'string' ? json.detail : text(json.code);
  state.close_only_until = seconds(json.close_only_until);
  if (typeof json.subscription_id === 'string' && json.subscription_id !== state.subscription)
    Object.assign(state, { subscription: json.subscription_id, lease: '' });
  if (state.entitlement !== 'FULL') {
    Object.assign(state, { lease: '', full_until: 0, refused_at: server });
    return;
  }
  state.full_until = state.highest_time + GRACE_SECONDS;
  const lease = verifyLease(text(json.lease), { ...use, ...state }, server);
  if (typeof lease !== 'string') Object.assign(state, { lease: json.lease, newest_iat: lease.iat });
}

function applyProblem(state: State, { status, body }: Answer): void {
  const json = status >= 400 ? parse(body) : null;
  const isProblem = typeof json?.code === 'string' && typeof json.detail === 'string';
  state.problem_detail = '';
  if (status === 0) state.problem = 'NO_ANSWER';
  else if (status === 429 || (status >= 500 && status !== 511)) state.problem = 'SERVER_ERROR';
  else if (!isProblem) state.problem = 'NOT_THE_SERVER';
  else Object.assign(state, { problem: 'REJECTED', problem_detail: json.detail });
}

/**
 * What the client may do. `answer` is null if only time has passed. `elapsed` is the number of seconds since the previous decision of this
 * process, by a clock that nobody can set.
 */
export function decide(before: State, answer: Answer | null, clock: number, elapsed: number, use: LeaseUse) {
  const state = { ...before };
  let now = clock - state.clock_offset;
  // While the clock is behind, the highest time goes on by itself, so that a clock that is set back again and again gains nothing.
  if (now < state.highest_time - CLOCK_TOLERANCE_SECONDS) state.highest_time += elapsed;
  else state.highest_time = Math.max(state.highest_time, now);
  const verdict = answer && verdictOf(answer);
  if (verdict) applyVerdict(state, verdict, clock, use);
  else if (answer) applyProblem(state, answer);

  now = clock - state.clock_offset;
  const isBehind = now < state.highest_time - CLOCK_TOLERANCE_SECONDS;
  const time = state.highest_time;
  const problem = isBehind || (state.problem === '' && state.clock_offset !== 0) ? 'CLOCK_WRONG' : state.problem;
  const decided = (entitlement: Entitlement, message: Message, words: string): { state: State; decision: Decision } => ({
    state,
    decision: { entitlement, message, problem, text: problemText(problem, state.problem_detail) + words },
  });
  const until = state.close_only_until;
  if (state.entitlement === '') return decided('NONE', 'NOT_CHECKED', 'The license has not been checked yet.');
  if (state.entitlement === 'NONE' || (state.entitlement === 'CLOSE_ONLY' && until > 0 && time >= until))
    return decided('NONE', 'REFUSED', sentence(state.detail));
  if (state.entitlement === 'CLOSE_ONLY') {
    const end = until > 0 ? ` until ${minute(until)}` : '';
    const words = `${sentence(state.detail)} Open positions are managed and closed${end}; no position is opened.`;
    return decided('CLOSE_ONLY', 'CLOSE_ONLY', words);
  }

  const lease = isBehind ? '' : verifyLease(state.lease, { ...use, ...state }, time);
  const leasedUntil = typeof lease === 'string' ? 0 : lease.exp;
  // If the clock becomes wrong later, the lease can't be used. FULL then ends an hour later, but never after the lease.
  if (leasedUntil > 0) state.full_until = Math.min(time + GRACE_SECONDS, leasedUntil);
  if (leasedUntil === 0 && time >= state.full_until)
    return decided('CLOSE_ONLY', 'UNCONFIRMED', 'No position is opened until a check succeeds; open positions are managed and closed.');
  if (state.problem === '') return decided('FULL', 'VALID', sentence(state.detail));
  const end = `at most until ${minute(Math.max(state.full_until, leasedUntil))}.`;
  return leasedUntil > 0
    ? decided('FULL', 'LEASE', `Trading continues with the saved lease, ${end}`)
    : decided('FULL', 'KEPT', `Trading continues ${end}`);
}

export interface Options {
  url: string; // such as https://licenses.example.com
  token: string;
  eaInstanceId: string;
  account: number | string;
  keys?: string; // the text of jwks.json, to accept no other keys; otherwise they are fetched
  load?: () => Promise<string | null>; // the text that was saved last
  save?: (text: string) => Promise<void>;
  onDecision?: (decision: Decision) => void;
}

export class LicenseClient {
  private state: State = { ...NEW_STATE };
  private keys: string;
  private keysAt = -Infinity;
  private decidedAt = performance.now();
  private failures = 0;
  private isRunning = false;
  private timer?: NodeJS.Timeout;

  constructor(private readonly options: Options) {
    this.keys = options.keys ?? '';
  }

  /** Loads the saved state, checks now, and then every five minutes, or sooner after a failure. */
  async start(): Promise<void> {
    const saved = parse((await this.options.load?.().catch(() => null)) ?? '');
    if (saved) this.state = { ...NEW_STATE, ...(saved.state as State) };
    this.keys = this.options.keys ?? text(saved?.keys);
    this.isRunning = true;
    await this.check();
  }

  stop(): void {
    this.isRunning = false;
    clearTimeout(this.timer);
  }

  /** One check. It never throws. */
  async check(): Promise<Decision> {
    clearTimeout(this.timer);
    if (this.options.keys === undefined && performance.now() - this.keysAt > 3_600_000) await this.fetchKeys();
    const { token, eaInstanceId, account } = this.options;
    const nonce = randomBytes(16).toString('hex');
    const { answer, retryAfter } = await this.request('/api/v1/licenses/validate', nonce, {
      method: 'POST',
      headers: { authorization: `License ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ea_instance_id: eaInstanceId, mt5_account_number: String(account), nonce }),
    });
    const decision = this.decide(answer);
    this.failures = this.state.problem === '' ? 0 : this.failures + 1;
    await this.options.save?.(JSON.stringify({ state: this.state, keys: this.keys })).catch(() => undefined);
    this.options.onDecision?.(decision);
    if (this.isRunning) this.timer = setTimeout(() => void this.check(), 1000 * this.wait(retryAfter));
    return decision;
  }

  /** Seconds, in part random, so that many clients don't come at the same moment after an outage. */
  private wait(retryAfter: number): number {
    if (this.failures === 0) return CHECK_SECONDS * (1 - Math.random() / 10);
    const backoff = Math.min(CHECK_SECONDS, FIRST_RETRY_SECONDS * 2 ** (this.failures - 1));
    return Math.min(LONGEST_WAIT_SECONDS, Math.max(backoff, retryAfter)) * (1 + Math.random() / 2);
  }

  /** What may be done now. Ask before each trade, because a lease or a grace may have ended. */
  decide(answer: Answer | null = null): Decision {
    const elapsed = Math.floor((performance.now() - this.decidedAt) / 1000);
    this.decidedAt += elapsed * 1000;
    const use = { keys: this.keys, device: deviceHash(this.options.eaInstanceId, this.options.account) };
    const { state, decision } = decide(this.state, answer, Math.floor(Date.now() / 1000), elapsed, use);
    this.state = state;
    return decision;
  }

  private async fetchKeys(): Promise<void> {
    const { answer } = await this.request('/.well-known/jwks.json', '', {});
    if (answer.status !== 200 || !Array.isArray(parse(answer.body)?.keys)) return;
    this.keys = answer.body;
    this.keysAt = performance.now();
  }

  private async request(path: string, nonce: string, init: RequestInit): Promise<{ answer: Answer; retryAfter: number }> {
    try {
      const url = this.options.url.replace(/\/+$/, '') + path;
      // A redirect is not followed: the token is for this server only.
      const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
      const retryAfter = Number(response.headers.get('retry-after')) || 0;
      return { answer: { status: response.status, body: await response.text(), nonce }, retryAfter };
    } catch {
      return { answer: { status: 0, body: '', nonce }, retryAfter: 0 };
    }
  }
}
