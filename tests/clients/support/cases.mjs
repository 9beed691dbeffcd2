// Expands conformance/cases.json: each answer with each state, lease and clock
import { readFileSync } from 'node:fs';
import { deviceHash, first, issuer, keys, other, sign } from './leases.mjs';

export const cases = JSON.parse(readFileSync(new URL('../../../src/Clients/conformance/cases.json', import.meta.url), 'utf8'));
const { ea_instance_id, mt5_account_number } = cases.device;
const device = `${ea_instance_id}\n${mt5_account_number}`;
const iso = (time) => new Date(time * 1000).toISOString();
const messages = { FULL: 'VALID', CLOSE_ONLY: 'CLOSE_ONLY', NONE: 'REFUSED' };

/** A lease of the file: its times are relative to `now`. */
async function lease({ iat, exp, dev = device, sub = cases.subscription, iss = issuer, key }) {
  const claims = { iss, sub, dev: deviceHash(dev), ent: 'FULL', iat: cases.now + iat, exp: cases.now + exp, jti: `jti${iat}` };
  return sign(claims, key === 'other' ? other : first);
}

export async function sealed(leases) {
  const entries = Object.entries(leases).map(async ([name, claims]) => [name, claims ? await lease(claims) : '']);
  return Object.fromEntries(await Promise.all(entries));
}

/** The answer as the client gets it. */
function received({ status, body, fault }, time, leases) {
  if (status === undefined) return null;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const filled = text
    .replace('$nonce', cases.nonce)
    .replace('$checked_at', iso(time))
    .replace(/\$lease:(\w+)/, (_, name) => leases[name]);
  return { status, body: filled, nonce: cases.nonce, fault };
}

const line = (state, answer, now, elapsed) => ({ op: 'decide', state, answer, now, elapsed, keys, issuer, device: deviceHash(device) });

/** All combinations of one answer, and what each must lead to. The lease changes last, because clients remember a verified one. */
export function* combinations(name, leases) {
  const answer = cases.answers[name];
  for (const lease of Object.keys(cases.leases))
    for (const before of Object.keys(cases.before))
      for (const clock of Object.keys(cases.clocks)) {
        const { iat, newest_iat = iat, refused_at } = cases.leases[lease] ?? {};
        const state = { ...cases.before[before], lease: leases[lease] };
        if (iat) state.newest_iat = cases.now + newest_iat;
        if (refused_at) state.refused_at = cases.now + refused_at;
        const input = line(state, received(answer, cases.now, leases), cases.now + cases.clocks[clock], 300);
        yield {
          name: `${before}, ${lease}, clock ${clock}`,
          only: answer.only,
          input,
          expected: expected({ answer: name, before, lease, clock }),
        };
      }
}

function expected(given) {
  const { entitlement, problem } = cases.answers[given.answer];
  if (entitlement) return { entitlement, message: messages[entitlement], problem: given.clock === 'right' ? '' : 'CLOCK_WRONG' };
  // The first rule that fits. Before the first check, the client doesn't know the time.
  const parts = ['answer', 'before', 'lease', 'clock'];
  const rule = cases.rules.find((one) => parts.every((part) => one[part] === undefined || one[part] === given[part]));
  const isWrong = given.clock !== 'right' && given.before !== 'never checked';
  return { entitlement: rule.entitlement, message: rule.message, until: rule.until, problem: isWrong ? 'CLOCK_WRONG' : problem };
}

/** Runs a story with one client: each step starts with the state that the previous one left. Elapsed time is counted from
 * zero at each start of the process. */
export async function* steps(story, client) {
  const leases = { ...(await sealed(cases.leases)), ...(await sealed(story.leases ?? {})) };
  let state = {};
  let last;
  for (const step of story.steps) {
    const { after, answer, clock = 0, restart = last === undefined } = step;
    const now = cases.now + after;
    const response = received(typeof answer === 'string' ? cases.answers[answer] : answer, now, leases);
    const [result] = await client([line(state, response, now + clock, restart ? -1 : after - last)]);
    [state, last] = [result.state, after];
    yield { step, result };
  }
}
