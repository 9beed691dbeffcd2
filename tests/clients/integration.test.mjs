// Runs the examples of docs/integration.md and src/Clients/README.md with the address and the tokens of this test's backend.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import rhea from 'rhea';
import { Backend, freePort, licenses, people, root } from '../dashboard/support/backend.mjs';
import { example, languages } from './support/examples.mjs';

const folder = mkdtempSync(join(tmpdir(), 'integration-'));
const page = readFileSync(`${root}docs/integration.md`, 'utf8');
/** Each heading with its examples, in order. */
const examples = Object.fromEntries(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [
      section.split('\n')[0],
      [...section.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language, text]) => ({ language, text })),
    ])
    .filter(([, found]) => found.length),
);
const started = [];
let backend, amqpPort;

before(async () => {
  amqpPort = await freePort();
  backend = await Backend.start({ settings: { WEBHOOK_ALLOW_PRIVATE: 'true', LOCALWORKER_AMQP_PORT: `${amqpPort}` } });
  symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'));
});

after(async () => {
  for (const child of started) child.kill('SIGKILL');
  await backend.stop();
  rmSync(folder, { recursive: true });
});

/** Runs an example in a shell in which `./dev token` gives tokens of the backend's issuer. Repeats it while the backend is too busy. */
function shell(text, changes = {}, tries = 20) {
  let script = text.replaceAll('http://127.0.0.1:7071', backend.address).replaceAll('./dev token', 'token_of');
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(script.includes(from), `${from} is not in:\n${script}`);
    script = script.replaceAll(from, to);
  }
  const tokens = ['service', 'operator'].map((role) => `${role}) echo ${backend.token(role, people[role])} ;;`);
  const answer = execFileSync('bash', ['-euo', 'pipefail', '-c', `token_of() { case $1 in ${tokens.join(' ')} esac }\n${script}`], {
    cwd: folder,
    encoding: 'utf8',
  });
  const read = answer ? JSON.parse(answer) : undefined;
  if (read?.status !== 503 || tries === 1) return read;
  execFileSync('sleep', ['1']);
  return shell(text, changes, tries - 1);
}

/** Starts an example for Node.js. */
function program(text, settings, input) {
  const file = join(folder, `example-${started.length}.mjs`);
  writeFileSync(file, text);
  return start([process.execPath, file], { settings, input });
}

/** Starts a program. `line` of the result waits for the next line that it prints, `ended` for its exit code. */
function start([file, ...args], { settings, input = '', cwd = folder } = {}) {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...settings },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  started.push(child);
  let errors = '';
  child.stderr.on('data', (part) => (errors += part));
  child.stdin.on('error', () => {}); // an example that ends without reading
  child.stdin.end(input);
  const ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, errors })));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, ended, line: async () => (await lines.next()).value };
}

/** A record as in the page's example, of another id. */
const record = (more) =>
  JSON.stringify({
    record_id: randomUUID(),
    logged_at: new Date().toISOString(),
    token_hash: createHash('sha256').update('demo-tunde').digest('hex'),
    subscription_id: licenses.tunde,
    ip_address: '198.51.100.7',
    ea_instance_id: 'EA-1',
    mt5_account_number: 1001,
    ...more,
  });

const suspend = (license) =>
  backend.call('POST', `/api/v1/licenses/${license}/suspend`, backend.token('operator', people.operator), { reason: 'a test' });

// A new example needs one of the tests below. The widget has its own test; the json and text blocks are not programs.
test('every example of the page is known', () =>
  assert.deepEqual(
    Object.fromEntries(Object.entries(examples).map(([heading, found]) => [heading, found.map((one) => one.language).join(' ')])),
    {
      'License checks': 'sh sh',
      'Usage records': 'sh js',
      "The platform's database": 'sh text',
      'SQL functions and views': 'sql',
      Events: 'sh js sh js',
      'The widget': 'html',
      'The alert webhook': 'json',
      'Sign-in of customers and operators': 'json',
    },
  ));

test('an EA and a service check a license', () => {
  const [ea, service] = examples['License checks'].map(({ text }) => shell(text));

  assert.deepEqual([ea.valid, ea.code, ea.nonce, ea.device.is_new], [true, 'VALID', 'c2f1a0', true]);
  assert.deepEqual([service.valid, service.code, service.subscription_id], [true, 'VALID', licenses.tunde]);
});

test('a usage record is stored', () => {
  const answer = shell(examples['Usage records'][0].text);

  assert.deepEqual([answer.accepted, answer.duplicates, answer.quarantined], [1, 0, []]);
});

test('the sender counts a record as sent when the queue has accepted it, and then it is stored', async () => {
  const records = [3, 4].map((signals_received) => record({ ea_instance_id: 'EA-Q', signals_received }));
  const sender = program(examples['Usage records'][1].text, { AMQP_PORT: `${amqpPort}` }, `${records.join('\n')}\n`);

  const accepted = [await sender.line(), await sender.line()];
  assert.deepEqual(backend.sql("select signals_received from license_usage_log where ea_instance_id = 'EA-Q' order by 1").split('\n'), [
    '3',
    '4',
  ]);
  assert.deepEqual(accepted.sort(), records.map((one) => `accepted ${JSON.parse(one).record_id}`).sort());
  assert.deepEqual(await sender.ended, { code: 0, errors: '' });
});

/** Listens for AMQP 1.0, and settles the messages of the queue with `outcomes`, in turn. */
async function broker(outcomes) {
  const received = [];
  const container = rhea.create_container();
  container.on('disconnected', () => {}); // or it prints a warning
  container.on('message', ({ delivery, message, connection }) => {
    received.push(message.body.content.toString());
    outcomes.shift()(delivery, connection);
  });
  const server = container.listen({ port: 0, host: '127.0.0.1', receiver_options: { autoaccept: false } });
  await new Promise((listening) => server.once('listening', listening));
  return { received, port: `${server.address().port}`, close: () => server.close() };
}

test('the sender sends again what was released, modified or lost with the connection, and stops at a rejection', async () => {
  const { received, port, close } = await broker([
    (delivery) => delivery.release(),
    (delivery) => delivery.modified({ delivery_failed: true }),
    (_, connection) => connection.socket.destroy(),
    (delivery) => delivery.accept(),
    (delivery) => delivery.reject({ condition: 'amqp:resource-limit-exceeded', description: 'The queue is full' }),
  ]);
  try {
    const [accepted, rejected] = [record(), record()];
    const first = program(examples['Usage records'][1].text, { AMQP_PORT: port }, accepted);
    assert.equal(await first.line(), `accepted ${JSON.parse(accepted).record_id}`);
    assert.deepEqual(await first.ended, { code: 0, errors: '' });
    const second = await program(examples['Usage records'][1].text, { AMQP_PORT: port }, rejected).ended;
    assert.equal(second.code, 1);
    assert.ok(second.errors.includes('The queue is full') && second.errors.includes(JSON.parse(rejected).record_id), second.errors);
    assert.deepEqual(received, [accepted, accepted, accepted, accepted, rejected]);
  } finally {
    close();
  }
});

test('the functions and views work in SQL', () => {
  const [id, health] = backend.sql(examples['SQL functions and views'][0].text).split('\n');

  assert.equal(backend.sql(`select signals_executed from license_usage_log where ea_instance_id = 'EA-1' and log_id = '${id}'`), '2');
  assert.ok(health.includes(licenses.tunde));
});

test('the consumer reads each event, and continues where it was killed', async () => {
  const [{ text: request }, { text: consumer }] = examples.Events;
  const settings = { API: backend.address, TOKEN: backend.token('service', people.service) };
  const all = shell(request, { 'wait=20': 'wait=20&limit=1000' }).events;
  assert.ok(all.length > 0);

  const first = program(consumer, settings);
  for (const event of all) assert.ok((await first.line()).startsWith(`${event.id} ${event.type} ${event.subscription_id} {`));
  await suspend(licenses.mira);
  const [id, type, license] = (await first.line()).split(' ');
  assert.deepEqual([type, license], ['license.suspended', licenses.mira]);
  while (readFileSync(join(folder, 'next.txt'), 'utf8') !== id) await new Promise((again) => setTimeout(again, 10));
  first.child.kill('SIGKILL');

  const second = program(consumer, settings);
  await suspend(licenses.marco);
  assert.ok((await second.line()).startsWith(`${Number(id) + 1} license.suspended ${licenses.marco} {`));
});

test('the receiver gets the events of the endpoint, verified, and each once', async () => {
  const [, , { text: request }, { text: receiver }] = examples.Events;
  const port = await freePort();
  const { secret } = shell(request, { '127.0.0.1:8080': `127.0.0.1:${port}` });
  const { line } = program(receiver, { WEBHOOK_SECRET: secret, PORT: `${port}` });
  const forge = () => fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: '{}' }).catch(() => undefined);
  let refused;
  while (!(refused = await forge())) await new Promise((listening) => setTimeout(listening, 20));
  assert.equal(refused.status, 401);
  await suspend(licenses.nora);

  await backend.runTimer('DeliverEvents');
  assert.match(await line(), new RegExp(`^\\d+ license\\.suspended ${licenses.nora} {`));
});

const address = 'https://licenses.example.com';
/** Starts a bridge in a folder of its own, and returns its first line when it has saved the answer. */
async function bridge(name, command, settings) {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  const { child, line } = start(command, { cwd, settings });
  const text = await line();
  while (!existsSync(join(cwd, 'license.json'))) await new Promise((saved) => setTimeout(saved, 20));
  child.kill('SIGKILL');
  return text;
}

test('the expert advisor of the page checks, and does what the verdict allows', () => {
  const run = (verdict) => execFileSync(fileURLToPath(new URL('bin/page', import.meta.url)), ['a-token', verdict], { encoding: 'utf8' });
  const answer = '"valid":true,"code":"VALID","detail":"The license is valid"';

  assert.equal(run(`${answer},"entitlement":"FULL"`), '11 The license is valid.\n');
  assert.match(run(`${answer},"entitlement":"CLOSE_ONLY"`), /^10 The license is valid\. /);
  assert.match(run(`${answer},"entitlement":"NONE"`), /^00 /);
});

test('the bridge of the page in TypeScript checks with the backend', async () => {
  const client = fileURLToPath(new URL('bin/bridge/licenseClient.js', import.meta.url));
  const bridgeFile = readFileSync(new URL('bin/bridge/bridge.js', import.meta.url), 'utf8');
  assert.ok(bridgeFile.includes(address));
  copyFileSync(client, join(folder, 'licenseClient.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'bridge.js'), bridgeFile.replaceAll(address, backend.address));

  const text = await bridge('typescript', [process.execPath, join(folder, 'bridge.js')], { LICENSE_TOKEN: 'demo-tunde' });
  assert.match(text, /^The license is valid\b/);
});

test('the bridge of the page in C# is the one that is compiled, and checks with the backend', async () => {
  const compiled = readFileSync(`${root}tests/ClientDriver/Bridge.cs`, 'utf8');
  const indented = example('csharp')
    .replaceAll(`"${address}"`, 'url')
    .replaceAll(/^(?=.)/gm, ' '.repeat(8));
  assert.ok(compiled.includes(`compares the two.\n${indented}    }\n`), 'tests/ClientDriver/Bridge.cs must be as the example');

  const driver = `${root}tests/ClientDriver/bin/Release/net10.0/ClientDriver.dll`;
  assert.match(await bridge('csharp', ['dotnet', driver, 'bridge', backend.address, 'demo-tunde']), /^The license is valid\b/);
});

test('the ingest server of the page is compiled and started as shown, and sends signals to an EA', async () => {
  const port = await freePort();
  // The compiler has run already, with these arguments and -D warnings.
  const shown = `-O --edition 2021 src/Clients/rust/ingest.rs -o ${folder}/ingest`;
  const rustc = `rustc() { [ "$*" = "${shown}" ] && cp "$BUILT" ${folder}/ingest; }`;
  const listening = `until (: 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.1; done`;
  const [compile, launch, ea] = example('sh')
    .replaceAll('/tmp/', `${folder}/`)
    .replaceAll('127.0.0.1:7071', backend.address.slice('http://'.length))
    .replaceAll('9000', `${port}`)
    .replaceAll('$(./dev token service)', backend.token('service', people.service))
    .trim()
    .split('\n');
  const output = execFileSync('bash', ['-euc', [rustc, compile, launch, 'trap "kill %1" EXIT', listening, ea].join('\n')], {
    env: { ...process.env, BUILT: fileURLToPath(new URL('bin/ingest', import.meta.url)) },
    encoding: 'utf8',
  });

  assert.match(output, /^FULL\nOPEN EURUSD BUY 0\.10\nCLOSE EURUSD$/m);
});

test('every example of the clients’ page has one of the tests above', () => assert.deepEqual(languages, ['sh', 'cpp', 'ts', 'csharp']));

test('a token with the claims of the page is accepted, and none without exp, sub or role', async () => {
  const claims = JSON.parse(examples['Sign-in of customers and operators'][0].text);
  const status = async (payload) => (await backend.call('GET', `/api/v1/licenses/${licenses.tunde}`, backend.sign(payload))).status;

  assert.equal(claims.sub, people.tunde);
  assert.equal(await status(claims), 200);
  for (const name of ['exp', 'sub', 'role']) assert.equal(await status({ ...claims, [name]: undefined }), 401, name);
});

test('the schema is added to the tables of a platform, and what differs is named', () => {
  const [{ text: command }, { text: refusal }] = examples["The platform's database"];
  assert.match(command, /^DATABASE_URL=postgresql:\/\/\S+ licensectl migrate\n$/);
  const database = `${backend.database}_platform`;
  const inPlatform = (act) => {
    const own = Object.assign(new Backend(), backend, { connection: backend.connection.replace(backend.database, database) });
    return act(own);
  };
  backend.sql(`create database ${database}`);
  try {
    inPlatform((own) => {
      own.sql(readFileSync(`${root}sql/migrations/0001_platform.sql`, 'utf8').replace(/^insert into schema_migrations .*$/m, ''));
      own.sql('alter table subscriptions alter column state type varchar(20) using state::text');
      const refused = own.licensectl('migrate');
      assert.equal(refused.status, 1);
      assert.ok(refused.output.includes(refusal.trim()), refused.output);

      own.sql('alter table subscriptions alter column state type subscription_state using state::subscription_state');
      assert.equal(own.licensectl('migrate').status, 0);
    });
  } finally {
    backend.sql(`drop database ${database} with (force)`);
  }
});
