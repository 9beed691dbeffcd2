// Every client and the ingest server refuse forged, moved, expired, revoked and rolled-back leases.
// FORGED=250000 SEED=2 npm test -- forged.test.mjs tries a million, a quarter with each. A failure names the seed that repeats it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clients, rust } from './support/clients.mjs';
import { lineOf, randomOf } from './support/forged.mjs';

const COUNT = Number(process.env.FORGED ?? 1500);
const SEED = Number(process.env.SEED ?? 1);
const BATCH = 500;

for (const [index, [name, client]] of Object.entries({ ...clients, rust }).entries())
  test(`${name}: no forged lease is accepted`, async () => {
    const random = randomOf(SEED * 1000 + index);
    const tried = {};
    for (let done = 0; done < COUNT; done += BATCH) {
      const batch = [];
      while (batch.length < Math.min(BATCH, COUNT - done)) batch.push(await lineOf(random, { readsRevocations: name !== 'mql5' }));
      const results = await client(batch.map(({ line }) => line));
      batch.forEach(({ kind, expected, line }, at) => {
        const { fault } = results[at];
        tried[kind] = (tried[kind] ?? 0) + 1;
        if (expected === undefined) assert.notEqual(fault, '', `SEED=${SEED} ${kind}: ${JSON.stringify(line)}`);
        else assert.equal(fault, expected, `SEED=${SEED} ${kind}: ${JSON.stringify(line)}`);
      });
    }
    if (process.env.FORGED) console.log(name, tried);
    assert.ok(Object.keys(tried).length >= 32 && tried.genuine > 0, `only ${Object.keys(tried)}`);
  });
