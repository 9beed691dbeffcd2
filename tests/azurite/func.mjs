#!/usr/bin/env node
// A stand-in for func: checks its arguments and settings, then starts the app with the settings of local.settings.json, as func does.
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(realpathSync(fileURLToPath(import.meta.url))), '../..');
const sample = JSON.parse(readFileSync(join(root, 'local.settings.sample.json'), 'utf8')).Values;
// Newer than any version that Azurite 3.37.0 lists, like the version of the host's client.
const apiVersion = '2026-12-06';
const ports = [];

async function check(what, test) {
  try {
    const complaint = await test();
    console.log(complaint ? `not ok: ${what}: ${complaint}` : `ok: ${what}`);
  } catch (error) {
    console.log(`not ok: ${what}: ${error.message}`);
  }
}

const settings = JSON.parse(readFileSync('local.settings.json', 'utf8'));
const values = settings.Values;
const storage = Object.fromEntries(
  values.AzureWebJobsStorage.split(';')
    .filter(Boolean)
    .map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at), part.slice(at + 1)];
    }),
);

await check('func gets the expected arguments', () =>
  process.argv.slice(2, 5).join(' ') === 'start --no-build --port' ? '' : process.argv.join(' '),
);
await check('host.json is in the folder', () => (existsSync('host.json') ? '' : process.cwd()));
await check('nothing is encrypted', () => (settings.IsEncrypted === false ? '' : 'IsEncrypted'));
await check('local.settings.json has every setting of the sample', () =>
  Object.keys(sample)
    .filter((name) => !(name in values))
    .join(),
);
await check('local.settings.json has no placeholder of the sample', () =>
  Object.entries(values)
    .filter(([, value]) => /NAMESPACE|user:password|UseDevelopmentStorage/.test(value))
    .map(([name]) => name)
    .join(),
);
await check('no setting of the sample is an environment variable', () =>
  Object.keys(sample)
    .filter((name) => name in process.env)
    .join(),
);
await check('settings that bindings refer to have a value', () =>
  [...Object.keys(sample).filter((name) => name.endsWith('_SCHEDULE')), 'USAGE_QUEUE'].filter((name) => !values[name]).join(),
);
const off = values.ServiceBus ? undefined : 'true';
await check(`both queue functions are ${off ? 'off' : 'on'}`, () =>
  ['IngestUsage', 'DrainDeadLetters'].filter((name) => values[`AzureWebJobs.${name}.Disabled`] !== off).join(),
);
await check('the keys of the local issuer are set', () => ['AUTH_SIGNING_KEY', 'LINK_SIGNING_KEYS'].filter((name) => !values[name]).join());

// Does what the Functions host does for a timer: creates a container and a blob, and takes a lease on the blob.
await check('Azurite keeps a lease on a blob', async () => {
  const container = `check-${randomUUID()}`;
  const answers = [
    await blob('PUT', container, 'restype=container'),
    await blob('PUT', `${container}/lock`, '', { 'x-ms-blob-type': 'BlockBlob' }),
    await blob('PUT', `${container}/lock`, 'comp=lease', { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '15' }),
    await blob('PUT', `${container}/lock`, 'comp=lease', { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': '15' }),
  ];
  return answers.join() === '201,201,201,409' ? '' : answers.join();
});
for (const kind of ['Blob', 'Queue', 'Table']) {
  await check(`Azurite's ${kind.toLowerCase()} service answers`, async () => {
    const endpoint = new URL(storage[`${kind}Endpoint`]);
    ports.push(endpoint.port);
    const answer = await fetch(`${endpoint}?comp=list`, { headers: { 'x-ms-version': apiVersion } });
    return answer.headers.get('server')?.startsWith(`Azurite-${kind}`) ? '' : `${answer.status} ${answer.headers.get('server')}`;
  });
}

async function blob(method, path, query, headers = {}) {
  const url = new URL(`${storage.BlobEndpoint}/${path}${query && `?${query}`}`);
  const ours = Object.entries({ 'x-ms-date': new Date().toUTCString(), 'x-ms-version': apiVersion, ...headers }).sort();
  const canonical = `/${storage.AccountName}${url.pathname}${query && `\n${query.replace('=', ':')}`}`;
  const toSign = [method, ...Array(11).fill(''), ...ours.map(([name, value]) => `${name}:${value}`), canonical].join('\n');
  const signature = createHmac('sha256', Buffer.from(storage.AccountKey, 'base64')).update(toSign, 'utf8').digest('base64');
  const answer = await fetch(url, {
    method,
    headers: { ...Object.fromEntries(ours), Authorization: `SharedKey ${storage.AccountName}:${signature}` },
  });
  return answer.status;
}

const port = process.argv[5];
ports.push(port);
const app = spawn('dotnet', ['LicenseFunctions.dll'], {
  // Without this, the standalone app would connect to a broker at its start, and this test has none.
  env: { ...process.env, ...values, ServiceBus: '', ASPNETCORE_URLS: `http://127.0.0.1:${port}` },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let output = '';
app.stderr.on('data', (text) => {
  output += text;
});
await check(
  'the app starts with these settings',
  () =>
    new Promise((resolve) => {
      app.stdout.on('data', (text) => {
        output += text;
        if (output.includes('listening on http')) resolve('');
      });
      app.on('exit', () => resolve(output.slice(-600)));
    }),
);
await check('the database answers and has the schema', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  return answer.status === 200 ? '' : `${answer.status} ${await answer.text()}`;
});
await check('the demo data is loaded', async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/licenses/validate`, {
    method: 'POST',
    headers: { Authorization: 'License demo-tunde', 'Content-Type': 'application/json' },
    body: JSON.stringify({ ea_instance_id: 'EA-1', mt5_account_number: 1001 }),
  });
  const text = await answer.text();
  return text.includes('"VALID"') ? '' : text;
});
const gone = new Promise((resolve) => app.on('exit', resolve));
app.kill();
await gone;
ports.push(new URL(`postgresql://${/Host=([^;]+);Port=(\d+)/.exec(values.DATABASE_URL).slice(1).join(':')}`).port);
console.log(`ports: ${ports.join(' ')}`);
console.log('all checks done');
