// Every client decides as conformance/cases.json says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cases, combinations, sealed, steps } from './support/cases.mjs';
import { clients } from './support/clients.mjs';

const leases = await sealed(cases.leases);
const all = Object.keys(cases.answers).map((answer) => [...combinations(answer, leases)]);
const flat = all.flat();
const shared = []; // for each client, the results of the cases that all clients have

for (const [name, client] of Object.entries(clients)) {
  const concerns = ({ only = name }) => only === name;

  test(`${name}: every answer, with every state, lease and clock`, async (context) => {
    const results = await client(flat.map(({ input }) => input));
    shared.push(results.filter((_, at) => !flat[at].only));
    for (const [index, answer] of Object.keys(cases.answers).entries()) {
      const combined = all[index];
      const mine = results.splice(0, combined.length);
      if (!concerns(cases.answers[answer])) continue;
      await context.test(answer, () =>
        combined.forEach(({ name, expected: { until, ...expected } }, at) => {
          const { entitlement, message, problem, text } = mine[at];
          assert.deepEqual({ entitlement, message, problem }, expected, name);
          if (until) assert.ok(text.endsWith(`at most until ${until}.`), `${name}: ${text}`);
        }),
      );
    }
  });

  test(`${name}: stories`, async (context) => {
    for (const story of cases.stories.filter(concerns))
      await context.test(story.name, async () => {
        for await (const { step, result } of steps(story, client))
          for (const part of ['entitlement', 'message', 'problem', 'text'])
            if (part in step) assert.equal(result[part], step[part], `${part} after ${step.after} s`);
      });
  });
}

test('all clients leave the same state and tell the user the same', () => {
  const [expected, ...others] = shared;
  assert.equal(others.length, Object.keys(clients).length - 1);
  for (const results of others) assert.deepEqual(results, expected);
});

test('the TypeScript and the C# client have under 300 lines each', () => {
  for (const name of ['typescript/licenseClient.ts', 'csharp/LicenseClient.cs']) {
    const lines = readFileSync(new URL(`../../src/Clients/${name}`, import.meta.url), 'utf8').split('\n').length - 1;
    assert.ok(lines > 100 && lines < 300, `${name}: ${lines}`);
  }
});
