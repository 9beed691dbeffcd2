// The worked example of an ingest server in Rust, with the real backend: while it answers, and after it has stopped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Backend, licenses, people } from '../dashboard/support/backend.mjs';
import { ingest } from './support/clients.mjs';

const folder = mkdtempSync(join(tmpdir(), 'ingest-'));
const OPENS = 'OPEN EURUSD BUY 0.10';
const CLOSES = 'CLOSE EURUSD';
let backend, server, lines, port, lease;

async function startServer() {
  server = spawn(ingest, ['0', backend.address.slice('http://'.length), backend.address, join(folder, 'keys.json')], {
    env: { ...process.env, SERVICE_TOKEN: backend.token('service', people.service) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  port = Number((await lines.next()).value.split(':').at(-1));
}

const stopServer = () => new Promise((resolve) => server.once('exit', resolve) && server.kill('SIGKILL'));

/** The lines that the server sends to an EA. */
const signals = (...words) =>
  new Promise((resolve, reject) => {
    let text = '';
    connect(port, '127.0.0.1', function () {
      this.write(`${words.join(' ')}\n`);
    })
      .on('data', (data) => (text += data))
      .on('end', () => resolve(text.trim().split('\n')))
      .on('error', reject);
  });

const check = async (ea_instance_id) => {
  const reply = await fetch(`${backend.address}/api/v1/licenses/validate`, {
    method: 'POST',
    headers: { authorization: 'License demo-tunde', 'content-type': 'application/json' },
    body: JSON.stringify({ ea_instance_id, mt5_account_number: 1001 }),
  });
  return reply.json();
};

before(async () => {
  backend = await Backend.start();
  await startServer();
  lease = (await check('EA-1')).lease;
});

after(async () => {
  await stopServer();
  await backend.stop();
  rmSync(folder, { recursive: true });
});

test('an EA gets the signals that its license allows', async () => {
  assert.deepEqual(await signals('demo-tunde', 'EA-1', '1001'), ['FULL', OPENS, CLOSES]);
  assert.deepEqual(await signals('no-such-token', 'EA-1', '1001'), ['NONE']);
  assert.match((await signals('demo-tunde', 'EA-1'))[0], /^ERROR/);
  assert.match((await signals('demo-tunde', 'EA-1', 'x'))[0], /^ERROR/);
});

test('a revoked lease is known before the backend stops, and a refusal counts after it', async () => {
  const { lease: revoked } = await check('EA-2');
  const devices = await backend.call('GET', `/api/v1/licenses/${licenses.tunde}/devices`, backend.token('operator', people.operator));
  const device = devices.body.devices.find(({ ea_instance_id }) => ea_instance_id === 'EA-2');
  const removed = await backend.call(
    'DELETE',
    `/api/v1/licenses/${licenses.tunde}/devices/${device.device_id}`,
    backend.token('subscriber', people.tunde),
  );
  assert.equal(removed.status, 204);
  // A new server reads the keys and the revocations when it starts.
  await stopServer();
  await startServer();
  assert.equal((await lines.next()).value, 'keys and revocations read');
  assert.deepEqual(await signals('no-such-token', 'EA-1', '1001'), ['NONE']);

  const [{ child: app }] = backend.processes;
  app.kill('SIGTERM');
  await new Promise((resolve) => app.once('exit', resolve));

  assert.deepEqual(await signals('demo-tunde', 'EA-1', '1001', lease), ['FULL', OPENS, CLOSES]);
  assert.deepEqual(await signals('demo-tunde', 'EA-2', '1001', revoked), ['CLOSE_ONLY', CLOSES]);
  assert.deepEqual(await signals('demo-tunde', 'EA-3', '1001', lease), ['CLOSE_ONLY', CLOSES]);
  assert.deepEqual(await signals('demo-tunde', 'EA-3', '1001'), ['CLOSE_ONLY', CLOSES]);
  assert.deepEqual(await signals('no-such-token', 'EA-1', '1001', lease), ['NONE']);
});

test('a server that starts while nobody answers uses the saved keys', async () => {
  await stopServer();
  await startServer();
  assert.deepEqual(await signals('demo-tunde', 'EA-1', '1001', lease), ['FULL', OPENS, CLOSES]);
});
