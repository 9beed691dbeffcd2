// Random histories of clocks and restarts in an outage. A clock alone never strands a position and never prolongs FULL beyond the lease.
// SEED=2 npm test -- clocks.test.mjs tries others; a failure names the history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clients } from './support/clients.mjs';
import { randomOf } from './support/forged.mjs';
import { deviceHash, issuer, keys, sign } from './support/leases.mjs';

const NOW = 1800000000;
const [HOUR, DAY, YEARS] = [3600, 86400, 2 * 31536000];
const SEED = Number(process.env.SEED ?? 1);
const [HISTORIES, STEPS] = [Number(process.env.HISTORIES ?? 150), 40];
const device = deviceHash('EA-1\n1001');
const subscription_id = '00000000-0000-4000-8000-000000000301';
const iso = (time) => new Date((NOW + time) * 1000).toISOString();

/** A lease of FULL, or a time of CLOSE_ONLY, of `length` seconds. The clock is off by `error` at the verdict. */
async function historyOf(random, isFull) {
  const one = (list) => list[Math.floor(random() * list.length)];
  const length = HOUR + Math.floor(random() * 71 * HOUR);
  const error = one([0, 0, 60, -60, 290, -290, 5 * HOUR, -5 * HOUR, DAY, -DAY, YEARS, -YEARS]);
  const claims = { iss: issuer, sub: subscription_id, dev: device, ent: 'FULL', iat: NOW, exp: NOW + length, jti: 'j' };
  const verdict = { valid: isFull, code: isFull ? 'VALID' : 'EXPIRED', detail: 'x', subscription_id, nonce: 'n', checked_at: iso(0) };
  if (isFull) Object.assign(verdict, { entitlement: 'FULL', close_only_until: null, lease: await sign(claims) });
  else Object.assign(verdict, { entitlement: 'CLOSE_ONLY', close_only_until: iso(length) });
  const steps = [{ after: 0, error, elapsed: -1, answer: { status: 200, body: JSON.stringify(verdict), nonce: 'n' } }];
  const hasRestarts = random() < 0.7;
  const isUntouched = random() < 0.3; // the clock stays as wrong as it was
  let [after, isAwaiting] = [0, false];
  while (steps.length < STEPS) {
    const passed = one([1, 60, 300, HOUR, Math.floor(random() * 12 * HOUR)]);
    after += passed;
    const isRestart = hasRestarts && random() < 0.3;
    isAwaiting ||= isRestart;
    // A client can't notice a clock that is set back to a time after the last one while the process does not run. All else is tried.
    const errors = [
      0,
      0,
      0,
      60,
      5 * HOUR,
      DAY,
      YEARS,
      -YEARS,
      ...(isAwaiting ? [] : [-60, -290, -5 * HOUR, -DAY, one([-1, 1]) * random() * DAY]),
    ];
    const step = { after, elapsed: isRestart ? -1 : passed, error: isUntouched ? error : Math.floor(one(errors)) };
    if (Math.abs(step.error) < YEARS || isUntouched) isAwaiting = false;
    steps.push({ ...step, answer: { status: 0, body: '', nonce: 'm' } });
  }
  return { length, steps, hasRestarts };
}

for (const [name, client] of Object.entries(clients)) {
  for (const isFull of [true, false])
    test(`${name}: ${isFull ? 'FULL' : 'CLOSE_ONLY'} survives every clock, and none prolongs it`, async () => {
      const random = randomOf(SEED);
      const histories = await Promise.all(Array.from({ length: HISTORIES }, () => historyOf(random, isFull)));
      const states = histories.map(() => ({}));
      const seen = {};
      for (let at = 0; at < STEPS; at++) {
        const lines = histories.map(({ steps }, index) => {
          const { after, error, elapsed, answer } = steps[at];
          return { op: 'decide', state: states[index], answer, now: NOW + after + error, elapsed, keys, issuer, device };
        });
        for (const [index, { state, entitlement, message }] of (await client(lines)).entries()) {
          states[index] = state;
          const { length, steps, hasRestarts } = histories[index];
          const { after, error } = steps[at];
          const past = steps
            .slice(0, at + 1)
            .map((one) => `${one.elapsed < 0 ? 'restart ' : ''}${one.after}${one.error < 0 ? '' : '+'}${one.error}`);
          const told = `SEED=${SEED} ${length} s: ${past.join(', ')}`;
          seen[entitlement] = (seen[entitlement] ?? 0) + 1;
          if (isFull) assert.notEqual(entitlement, 'NONE', told);
          else if (after < length) assert.equal(entitlement, 'CLOSE_ONLY', told);
          else assert.notEqual(entitlement, 'FULL', told);
          if (isFull && after >= length) assert.notEqual(entitlement, 'FULL', told);
          // Without restarts, a clock that is right again changes nothing.
          if (isFull && !hasRestarts && error === 0 && after < length) assert.match(message, at === 0 ? /^VALID$/ : /^LEASE$/, told);
          if (!isFull && !hasRestarts && after >= length) assert.equal(entitlement, 'NONE', told);
        }
      }
      assert.ok(Object.values(seen).length === 2 && Object.values(seen).every((count) => count > HISTORIES), JSON.stringify(seen));
    });
}
