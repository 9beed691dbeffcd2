// Starts the backend as a process with a separate database with demo data, and Stripe's stand-in.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
const built = (path) => `${root}${path}`;
const demo = (n) => `00000000-0000-4000-8000-000000000${n}`;

/** Identifiers of the demo data. */
export const people = {
  operator: demo('001'),
  service: demo('002'),
  nora: demo('101'),
  tunde: demo('102'),
  amara: demo('105'),
  paul: demo('106'),
  sara: demo('107'),
  hana: demo('115'),
  peter: demo('122'),
  fatima: demo('113'),
  nadia: demo('121'),
  marco: demo('120'),
  mira: demo('103'),
  jonas: demo('104'),
  yuki: demo('109'),
  liam: demo('108'),
  kofi: demo('118'),
  george: demo('114'),
  oskar: demo('112'),
  samir: demo('125'),
  rosa: demo('124'),
  diego: demo('110'),
  ines: demo('111'),
};
export const licenses = {
  nora: demo('301'),
  tunde: demo('302'),
  amara: demo('305'),
  paul: demo('306'),
  sara: demo('307'),
  hana: demo('315'),
  peter: demo('322'),
  fatima: demo('313'),
  nadia: demo('321'),
  mira: demo('303'),
  marco: demo('320'),
  jonas: demo('304'),
  liam: demo('308'),
  george: demo('314'),
  oskar: demo('312'),
  kofi: demo('318'),
  rosa: demo('324'),
};

// Tests count mails, payments and alerts, so timers must not run on their schedule; a test that needs one fires it. The schedule is six
// months ahead.
const schedules = readFileSync(`${root}local.settings.sample.json`, 'utf8').match(/[A-Z_]+_SCHEDULE/g);
const sixMonthsAhead = `0 0 0 1 ${((new Date().getUTCMonth() + 6) % 12) + 1} *`;

/** The port is below the range for outgoing connections (32768 and up), because one of those could take it before the program listens. */
export const freePort = () =>
  new Promise((found) => {
    const port = 10000 + Math.floor(Math.random() * 10000);
    const server = createServer();
    server.on('error', () => found(freePort()));
    server.listen(port, '127.0.0.1', () => server.close(() => found(port)));
  });

/** Starts a program. `started` resolves when the output contains `ready`. */
function launch(file, args, settings, ready) {
  const child = spawn('dotnet', [built(file), ...args], { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const started = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
        if (output.includes(ready)) resolve();
      });
    }
    child.on('exit', (code) => reject(new Error(`${file} ended with ${code}:\n${output}`)));
  });
  return { child, started, output: () => output };
}

const inDatabase = (server, name) => server.replace(/Database=[^;]*/i, `Database=${name}`);

/**
 * The database with the demo data, which each test file copies: making it takes longer. The files of a run have the same parent process; it
 * and its start name the database, so that no run gets the old data of another.
 */
function demoDatabase(server) {
  const startOf = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[19];
    } catch {
      return undefined; // it has ended
    }
  };
  const run = process.env.NODE_TEST_CONTEXT ? process.ppid : process.pid;
  const name = `dashboard_demo_${run}_${startOf(run)}`;
  const all = psql(server, "select datname from pg_database where datname like 'dashboard\\_demo\\_%'").split('\n').filter(Boolean);
  if (all.includes(name)) return name;
  for (const other of all) {
    const [, , pid, start] = other.split('_');
    if (startOf(pid) !== start) psql(server, `drop database if exists ${other}`);
  }
  const own = `${name}_${process.pid}`;
  psql(server, `create database ${own}`);
  for (const command of ['migrate', 'demo-data'])
    execFileSync('dotnet', [built('src/LicenseTool/bin/Release/net10.0/licensectl.dll'), command], {
      env: { ...process.env, DATABASE_URL: inDatabase(server, own), AUTH_SIGNING_KEY: randomBytes(32).toString('base64') },
      stdio: 'pipe',
    });
  // Two files run at the same time, and both may find none.
  psql(server, `do $$ begin alter database ${own} rename to ${name}; exception when duplicate_database then null; end $$`);
  return psql(server, `select datname from pg_database where datname = '${own}'`) || name;
}

export class Backend {
  static async start({ corsOrigin, settings: more } = {}) {
    const server = process.env.TEST_DATABASE_URL;
    if (!server) throw new Error('TEST_DATABASE_URL is missing: ./dev test sets it.');
    const backend = new Backend();
    backend.tokens = [];
    backend.server = server;
    backend.database = `dashboard_${randomBytes(6).toString('hex')}`;
    const template = demoDatabase(server);
    psql(server, `create database ${backend.database} template ${template}`);
    const url = inDatabase(server, backend.database);
    backend.connection = url;
    const key = randomBytes(32);
    backend.key = key;
    backend.demoSecret = randomBytes(32).toString('base64');
    backend.linkKey = randomBytes(32);
    const settings = { DATABASE_URL: url, AUTH_SIGNING_KEY: key.toString('base64') };

    const [port, stripe, payPal] = [await freePort(), await freePort(), await freePort()];
    backend.address = `http://127.0.0.1:${port}`;
    backend.stripe = `http://127.0.0.1:${stripe}`;
    const standIn = launch(
      'src/DevServices/StripeStandIn/bin/Release/net10.0/StripeStandIn.dll',
      [
        '--urls',
        `http://127.0.0.1:${stripe}`,
        '--demo-customers',
        'true',
        '--webhook-url',
        `${backend.address}/api/v1/stripe/webhook`,
        '--webhook-secret',
        'whsec_standin',
        '--secret-key',
        'sk_test_standin',
        '--publishable-key',
        'pk_test_standin',
      ],
      {},
      'listening on',
    );
    const payPalStandIn = launch(
      'src/DevServices/PayPalStandIn/bin/Release/net10.0/PayPalStandIn.dll',
      ['--urls', `http://127.0.0.1:${payPal}`, '--webhook-url', `${backend.address}/api/v1/paypal/webhook`],
      {},
      'listening on',
    );
    const app = launch(
      'src/DevServices/DemoSignIn/bin/Release/net10.0/DemoSignIn.dll',
      [],
      {
        ...settings,
        ASPNETCORE_URLS: backend.address,
        DEMO_SIGN_IN_SECRET: backend.demoSecret,
        LINK_SIGNING_KEYS: backend.linkKey.toString('base64'),
        WEBHOOK_SECRET_KEYS: randomBytes(32).toString('base64'),
        STRIPE_SECRET_KEY: 'sk_test_standin',
        STRIPE_PUBLISHABLE_KEY: 'pk_test_standin',
        STRIPE_WEBHOOK_SECRET: 'whsec_standin',
        STRIPE_API_BASE: `http://127.0.0.1:${stripe}`,
        PAYPAL_CLIENT_ID: 'client_standin',
        PAYPAL_CLIENT_SECRET: 'secret_standin',
        PAYPAL_WEBHOOK_ID: 'WHSTANDIN',
        PAYPAL_API_URL: `http://127.0.0.1:${payPal}`,
        CORS_ALLOWED_ORIGINS: corsOrigin ?? '',
        RATE_LIMIT_PER_MINUTE: '100000',
        VALIDATION_TIMEOUT_SECONDS: '30', // the machine may be busy
        PUBLIC_URL: backend.address,
        INVOICE_SELLER_NAME: 'Northwind Signals GmbH',
        INVOICE_SELLER_ADDRESS: 'Hafenstraße 12|20457 Hamburg',
        INVOICE_SELLER_COUNTRY: 'DE',
        INVOICE_SELLER_TAX_ID: 'DE123456789',
        INVOICE_PREFIX: 'NW',
        INVOICE_TAX_RATES: 'DE=19,AT=20,FR=20,US=0',
        LEASE_SIGNING_KEYS: [randomBytes(32), randomBytes(32)].map((one) => one.toString('base64')).join(','),
        SHADOW_DETECTION_POLICY: 'device_limit=1',
        ...Object.fromEntries(schedules.map((name) => [name, sixMonthsAhead])),
        ...more,
      },
      `listening on ${backend.address}`,
    );
    backend.processes = [app, standIn, payPalStandIn];
    await Promise.all([app.started, standIn.started, payPalStandIn.started]);
    return backend;
  }

  /** Runs licensectl, whose exit code is returned with its output. */
  licensectl(...args) {
    const { status, stdout, stderr } = spawnSync('dotnet', [built('src/LicenseTool/bin/Release/net10.0/licensectl.dll'), ...args], {
      env: { ...process.env, DATABASE_URL: this.connection, STRIPE_SECRET_KEY: 'sk_test_standin', STRIPE_API_BASE: this.stripe },
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  }

  sql(text) {
    return psql(this.connection, text);
  }

  /** A bearer token of the issuer that this backend trusts. */
  token(role, userId) {
    return this.sign({ sub: userId, role, exp: Math.floor(Date.now() / 1000) + 3600 });
  }

  sign(claims) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
    const token = `${body}.${createHmac('sha256', this.key).update(body).digest('base64url')}`;
    this.tokens.push(token);
    return token;
  }

  /** Sends a request, and repeats it while the backend is too busy, as a client does. */
  async call(method, path, token, body, more = {}, tries = 20) {
    const reply = await fetch(this.address + path, {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...more },
      body: body && JSON.stringify(body),
    });
    const text = await reply.text();
    if (reply.status === 503 && tries > 1) {
      await new Promise((later) => setTimeout(later, 1_000));
      return this.call(method, path, token, body, more, tries - 1);
    }
    return { status: reply.status, body: text && (reply.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text };
  }

  /** A request to Stripe's stand-in. */
  async callStripe(method, path, form) {
    const reply = await fetch(this.stripe + path, {
      method,
      headers: { authorization: 'Bearer sk_test_standin' },
      body: form && new URLSearchParams(form),
    });
    return reply.json();
  }

  /** The license's present period, paid by card and disputed, and one from the wallet before it. Returns the dispute's id. */
  async addPayments(license) {
    const intent = await this.callStripe('POST', '/v1/payment_intents', {
      amount: 2950,
      currency: 'usd',
      payment_method: 'pm_card_createDispute',
      confirm: 'true',
    });
    const { data } = await this.callStripe('GET', '/v1/events?type=charge.dispute.created&limit=1');
    const dispute = data[0].data.object;
    // In place of the renewal of the demo data.
    this.sql(`delete from license_renewal_history where subscription_id = '${license}'`);
    this.sql(`delete from renewals where subscription_id = '${license}'`);
    this.sql(`
      with license as (
        select s.subscription_id, s.subscriber_id, t.expires_at from subscriptions s join license_tokens t using (subscription_id)
        where s.subscription_id = '${license}' and t.is_active
      ), paid as (
        insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, paid_with, paid_from, paid_until,
                              gives_up_at, intent_id)
        select subscription_id, subscriber_id, expires_at - days, 'auto', 'applied', amount, pays, expires_at - days,
               expires_at - days + interval '30 days', expires_at, intent
        from license, (values (interval '30 days', 29.50, 'card', '${intent.id}'), (interval '60 days', 25.00, 'wallet', null))
          as payment (days, amount, pays, intent)
        returning *
      ), history as (
        insert into license_renewal_history (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
        select renewal_id, period_start, subscription_id, user_id, 'auto', amount_usd, 'success' from paid
      )
      insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, reason, intent_id, changed_at,
                                     evidence_due_at, renewal_id, subscription_id, applied_state, applied_at)
      select 'stripe', 'dispute', '${dispute.id}', 'open', 2950, 'usd', 'fraudulent', intent_id, now(), now() + interval '7 days',
             renewal_id, subscription_id, 'open', now()
      from paid where paid_with = 'card'
      on conflict (provider, kind, provider_id) do update
      set renewal_id = excluded.renewal_id, subscription_id = excluded.subscription_id`);
    return dispute.id;
  }

  /** The path of a mail's link, as the backend signs it. */
  link(purpose, id) {
    const text = `${id.replaceAll('-', '')}.${Math.floor(Date.now() / 1000) + 3600}`;
    return `/${purpose}#${text}.${createHmac('sha256', this.linkKey).update(`${purpose}:${text}`).digest('base64url')}`;
  }

  /** Books a paid renewal of a license and a refund of a part of it, and issues the documents. */
  async addInvoices(license) {
    // Only for these: the demo data has renewals to invoice, too.
    this.sql('delete from renewals_to_invoice');
    this.sql(`
      with license as (
        select s.subscription_id, s.subscriber_id from subscriptions s where s.subscription_id = '${license}'
      ), paid as (
        insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, paid_with, paid_from, paid_until,
                              gives_up_at)
        select subscription_id, subscriber_id, start, 'auto', 'applied', 49.99, 'card', start, start + interval '30 days', start
        from license, (select now() - interval '300 days' as start) p
        returning renewal_id, subscription_id, user_id, period_start, paid_until
      ), history as (
        insert into license_renewal_history (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, previous_expiry,
                                             new_expiry, payment_provider, status)
        select renewal_id, period_start, subscription_id, user_id, 'auto', 49.99, period_start, paid_until, 'stripe', 'success' from paid
      ), wallet as (
        insert into user_wallets (user_id, balance_usd) select user_id, 0 from paid on conflict do nothing
      )
      insert into renewals_to_invoice (renewal_id, marked_at) select renewal_id, now() - interval '1 hour' from paid`);
    const post = (name, type, amount) =>
      this.sql(`select ${name}(r.user_id, ${amount}, '${type}', 'License renewal', case when '${type}' <> 'DEPOSIT' then r.renewal_id end)
        from renewals_to_invoice m join renewals r using (renewal_id)`);
    post('credit_wallet', 'DEPOSIT', 49.99);
    post('debit_wallet', 'FEE_SUBSCRIPTION', 49.99);
    post('credit_wallet', 'REFUND', 10);
    post('debit_wallet', 'WITHDRAWAL', 10);
    await this.runTimer('IssueInvoices');
  }

  /** The header that the demo sign-in requires. */
  demoHeaders() {
    return { 'x-demo-secret': this.demoSecret };
  }

  /** Runs a timer's function once, as an operator does, and returns when the run has ended. */
  async runTimer(timer) {
    const finished = () => this.sql(`select max(last_finished_at) from timer_leases where timer_name = '${timer}'`);
    const before = finished();
    const { status } = await this.call('POST', `/admin/functions/${timer}`, this.token('operator', people.operator), {});
    if (status !== 202) throw new Error(`${timer}: ${status}`);
    while (finished() === before) {
      if (this.processes[0].child.exitCode !== null) throw new Error(`${timer}: the backend ended`);
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  /** Writes the log, and the secrets that must not be in it, for the search by ./dev test. */
  writeLogs() {
    if (!process.env.TEST_LOGS || !this.processes) return;
    const file = `${process.env.TEST_LOGS}/${this.database}`;
    writeFileSync(`${file}.log`, this.processes[0].output());
    const secrets = [this.key.toString('base64'), this.demoSecret, ...this.tokens, this.sql('select email from users')];
    writeFileSync(`${file}.secrets`, `${secrets.join('\n')}\n`);
  }

  async stop() {
    for (const { child } of this.processes ?? []) child.kill('SIGTERM');
    await Promise.all((this.processes ?? []).map(({ child }) => child.exitCode ?? new Promise((ended) => child.once('exit', ended))));
    this.writeLogs();
    psql(this.server, `drop database if exists ${this.database} with (force)`);
  }
}

function psql(connection, text) {
  const of = (name) => new RegExp(`${name}=([^;]*)`, 'i').exec(connection)?.[1] ?? '';
  return execFileSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', text], {
    env: {
      ...process.env,
      PGHOST: of('Host'),
      PGPORT: of('Port'),
      PGUSER: of('Username'),
      PGPASSWORD: of('Password'),
      PGDATABASE: of('Database'),
    },
    encoding: 'utf8',
  }).trim();
}
