// The TypeScript and the C# client over HTTP: what they send, and what they make of a server that misbehaves.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
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

async function withTypeScript(address, saved) {
  const save = async (text) => {
    saved = text;
  };
  const client = new LicenseClient({
    url: address,
    token: 'secret-token',
    eaInstanceId: 'EA-1',
    account: 1001,
    load: async () => saved,
    save,
  });
  await client.start();
  client.stop();
  return { ...client.decide(), saved };
}

const checks = {
  typescript: withTypeScript,
  csharp: async (address, saved) => (await clients.csharp([{ op: 'check', url: address, saved }]))[0],
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
    const { entitlement, message, problem } = await check('http://127.0.0.1:1', saved);

    assert.deepEqual([entitlement, message, problem], ['FULL', 'KEPT', 'NO_ANSWER']);
  });

  test(`${name}: a damaged saved text counts as none`, async () => {
    for (const saved of ['', '{', 'null', '[]', '{}'])
      assert.equal((await check('http://127.0.0.1:1', saved)).message, 'NOT_CHECKED', saved);
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
