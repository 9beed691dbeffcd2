// The TypeScript and the C# client over HTTP: what they send, and what they make of a server that misbehaves.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { LicenseClient, clients } from './support/clients.mjs';
import { keys } from './support/leases.mjs';

const requests = [];
let respond;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  requests.push({ method: request.method, url: request.url, headers: request.headers, body });
  if (request.url === '/.well-known/jwks.json') response.end(keys);
  else respond(response, body ? JSON.parse(body) : {});
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;
after(() => {
  server.closeAllConnections();
  server.close();
});

const verdict = (response, { nonce }, more = {}) =>
  response.end(JSON.stringify({ valid: true, code: 'VALID', detail: 'The license is valid', entitlement: 'FULL', nonce, ...more }));

const noServer = 'http://127.0.0.1:1';

async function withTypeScript(address, saved, { token = 'secret-token', fails = false } = {}) {
  const fail = () => {
    if (fails) throw new Error('The disk is full.');
  };
  const client = new LicenseClient({
    url: address,
    token,
    eaInstanceId: 'EA-1',
    account: 1001,
    load: async () => saved,
    save: (text) => {
      saved = text;
      fail();
    },
    onDecision: fail,
  });
  const { setTimeout } = globalThis;
  let wait;
  globalThis.setTimeout = (act, milliseconds, ...more) => {
    wait = milliseconds / 1000;
    return setTimeout(act, milliseconds, ...more);
  };
  try {
    await client.start();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  client.stop();
  return { ...client.decide(), saved, wait, printed: inspect(client, { depth: 9 }) + JSON.stringify(client) };
}

const checks = {
  typescript: withTypeScript,
  csharp: async (address, saved, more) => (await clients.csharp([{ op: 'check', url: address, saved, ...more }]))[0],
};

for (const [name, check] of Object.entries(checks)) {
  test(`${name}: the request is that of docs/integration.md`, async () => {
    respond = verdict;
    requests.length = 0;
    const { entitlement, message, saved } = await check(url);

    assert.deepEqual([entitlement, message], ['FULL', 'VALID']);
    const [jwks, checked] = requests;
    assert.deepEqual([jwks.method, jwks.url, jwks.headers.authorization], ['GET', '/.well-known/jwks.json', undefined]);
    assert.deepEqual([checked.method, checked.url], ['POST', '/api/v1/licenses/validate']);
    assert.equal(checked.headers.authorization, 'License secret-token');
    assert.match(checked.headers['content-type'], /^application\/json/);
    const { nonce, ea_instance_id, mt5_account_number } = JSON.parse(checked.body);
    assert.match(nonce, /^[0-9a-f]{32}$/);
    assert.deepEqual([ea_instance_id, Number(mt5_account_number)], ['EA-1', 1001]);
    assert.doesNotMatch(saved, /secret/);
  });

  test(`${name}: what was saved counts in an outage after a restart`, async () => {
    respond = verdict;
    const { saved } = await check(url);
    const { entitlement, message, problem } = await check(noServer, saved);

    assert.deepEqual([entitlement, message, problem], ['FULL', 'KEPT', 'NO_ANSWER']);
  });

  test(`${name}: a damaged saved text counts as none: positions are managed, and none is opened`, async () => {
    respond = verdict;
    const { saved } = await check(url);
    const good = JSON.parse(saved);
    const state = 'state' in good ? 'state' : 'State';
    const damaged = ['', '{', 'null', '[]', '{}', saved.slice(0, -9), saved.replace('FULL', 'ALL'), saved.replace('"FULL"', '5')];
    damaged.push(...[5, null, 'x', []].map((value) => JSON.stringify({ ...good, [state]: value })));
    for (const [field, value] of Object.entries(good[state]))
      for (const wrong of [null, {}, [], typeof value === 'number' ? 'x' : 5, ...(typeof value === 'number' ? [1e300] : [])])
        damaged.push(JSON.stringify({ ...good, [state]: { ...good[state], [field]: wrong } }));
    assert.ok(damaged.length > 60);
    for (const text of damaged) {
      const { entitlement, message } = await check(noServer, text);
      assert.deepEqual([entitlement, message], ['CLOSE_ONLY', 'NOT_CHECKED'], text);
    }
  });

  test(`${name}: what was saved for one token says nothing about another`, async () => {
    respond = (response, request) =>
      verdict(response, request, { valid: false, code: 'NOT_FOUND', detail: 'Invalid license token', entitlement: 'NONE' });
    const { saved, entitlement } = await check(url, undefined, { token: 'mistyped' });
    assert.equal(entitlement, 'NONE');
    assert.equal((await check(noServer, saved, { token: 'mistyped' })).entitlement, 'NONE');
    assert.equal((await check(noServer, saved)).message, 'NOT_CHECKED');
  });

  test(`${name}: a function of the caller that fails does not end the checks`, async () => {
    respond = verdict;
    const { entitlement, wait, saved } = await check(url, undefined, { fails: true });

    assert.equal(entitlement, 'FULL');
    assert.ok(saved.length > 0 && wait >= 270 && wait <= 300, `${wait}`);
  });

  test(`${name}: nothing that is printed has the token`, async () => {
    respond = verdict;
    const { printed } = await check(url);

    assert.match(printed, /LicenseClient/);
    assert.doesNotMatch(printed, /secret/);
  });

  const problem = JSON.stringify({ code: 'RATE_LIMITED', detail: 'Too many requests' });
  for (const [retryAfter, body, least, most] of [
    ['60', problem, 60, 90],
    ['3600', problem, 400, 600],
    ['3600', '<html>Sign in</html>', 15, 22.5],
    ['3600', '{}', 15, 22.5],
    ['-5', problem, 15, 22.5],
    ['soon', problem, 15, 22.5],
  ])
    test(`${name}: with Retry-After ${retryAfter} and ${body.slice(0, 9)}, the next check comes after ${least} to ${most} s`, async () => {
      respond = (response) => response.writeHead(503, { 'retry-after': retryAfter }).end(body);
      const { wait } = await check(url);

      assert.ok(wait >= least && wait <= most, `${wait}`);
    });

  const faults = {
    'a server that never answers': [() => {}, 'NO_ANSWER'],
    'a body that never ends': [(response) => response.write('{"valid":'), 'NO_ANSWER'],
    'a connection that is cut': [(response) => response.destroy(), 'NO_ANSWER'],
    'a redirect, which must not get the token': [
      (response) => response.writeHead(307, { location: `${url}/elsewhere` }).end(),
      'NOT_THE_SERVER',
    ],
    'a sign-in page': [
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>'),
      'NOT_THE_SERVER',
    ],
    'a body that is not UTF-8': [(response) => response.end(Buffer.from('fffe00ff', 'hex')), 'NOT_THE_SERVER'],
    'a charset that does not exist': [
      (response) => response.writeHead(200, { 'content-type': 'text/html; charset=none' }).end('x'),
      ['NOT_THE_SERVER', 'NO_ANSWER'],
    ],
    'half of a surrogate pair': [
      (response, { nonce }) => response.end(`{"valid":false,"code":"\\ud800","\\ud800":1,"nonce":"${nonce}x"}`),
      'NOT_THE_SERVER',
    ],
    'an answer of a megabyte': [(response) => response.end('x'.repeat(1 << 20)), ['NOT_THE_SERVER', 'NO_ANSWER']],
    'a busy server': [(response) => response.writeHead(503, { 'retry-after': '7' }).end('{}'), 'SERVER_ERROR'],
  };
  for (const [fault, [behavior, expected]] of Object.entries(faults))
    test(`${name}: ${fault} changes nothing`, async () => {
      respond = verdict;
      const { saved } = await check(url);
      respond = behavior;
      requests.length = 0;
      const { entitlement, message, problem } = await check(url, saved);

      assert.deepEqual([entitlement, message], ['FULL', 'KEPT']);
      assert.ok([expected].flat().includes(problem), problem);
      assert.ok(!requests.some((request) => request.url === '/elsewhere'));
    });
}
