// Each page on a phone, a tablet and a wide screen, light and dark: accessibility, layout shift, policy, origins. Also the size of the
// first view.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Backend, licenses, people, root } from './support/backend.mjs';
import {
  assertAccessible,
  assertAccessibleInSchemes,
  assertAccessibleInView,
  assertNoLayoutShift,
  assertSmall,
  assertTidy,
  close,
  largestPage,
  launch,
  open,
  takeScreenshots,
  timeoutMs,
  track,
  waitUntilLoaded,
} from './support/browser.mjs';

let backend, browser;

before(async () => {
  backend = await Backend.start();
  browser = await launch();
  backend.sql(`update suspicious_activity_alerts set evidence = '{
    "rule": "PEOPLE_AT_ONCE", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T20:00:00Z",
    "measured": 95, "limit": 30, "minutes_at_once": 95, "people": 3, "device_limit": 1, "devices": [
      {"ea_instance_id": "EA-SARA-1", "account": 880711, "network": "198.51.100.71", "country": "GB", "city": "London",
       "first_at": "2026-11-20T08:00:00Z", "last_at": "2026-11-20T20:00:00Z", "records": 40, "minutes": 95},
      {"ea_instance_id": "EA-SARA-3", "account": 880731, "network": "203.0.113.9", "country": "BR", "city": "Recife",
       "first_at": "2026-11-20T12:00:00Z", "last_at": "2026-11-20T19:00:00Z", "records": 21, "minutes": 80}]}'
    where alert_id = '00000000-0000-4000-8000-000000000807';
    insert into usage_quarantine (source, code, field, detail, payload, payload_digest)
    values ('queue', 'MALFORMED', null, 'The text is not JSON.', '{"logged_at":', sha256('x'))`);
  backend.sql(`
    insert into suspicious_activity_alerts
        (alert_id, subscription_id, user_id, activity_type, severity, description, evidence, auto_action_taken)
    values ('00000000-0000-4000-8000-000000000899', '${licenses.paul}', '${people.paul}', 'OPENED_UNDER_CLOSE_ONLY', 'MEDIUM',
            '3 positions were opened although the license allows closing only (EXPIRED).',
            '{"opened": 3, "code": "EXPIRED", "close_only_since": "2026-11-20T08:00:00Z", "from": "2026-11-20T09:00:00Z",
              "to": "2026-11-20T11:00:00Z", "devices": [{"ea_instance_id": "EA-PAUL-1", "account": 620601, "opened": 3, "records": 2,
              "first_at": "2026-11-20T09:00:00Z", "last_at": "2026-11-20T11:00:00Z"}]}', 'NONE')`);
  await backend.addPayments(licenses.nora);
  await backend.call('POST', '/api/v1/webhook-endpoints', backend.token('operator', people.operator), {
    url: 'https://hooks.example.com/licenses',
    types: ['license.renewed', 'device.added'],
  });
  backend.sql(`insert into billing_details (user_id, name, address, country, tax_id)
    values ('${people.nora}', 'Nora Lindqvist', 'Storgatan 5\n111 51 Stockholm', 'SE', 'SE556677889901')`);
  await backend.addInvoices(licenses.nora);
  backend.sql(`
    insert into payment_cases (provider, reason, subject, amount_minor, currency, detail)
    values ('stripe', 'unknown_renewal', 'pi_3QkExampleOfAnIntent', 2950, 'usd', 'The charge names a renewal that doesn''t exist.');
    insert into refunds (refund_id, renewal_id, subscription_id, provider, amount_minor, period, reason, state, next_try_at, code, detail,
                         decided_at)
    select uuid_generate_v4(), renewal_id, subscription_id, 'stripe', 500, period, 'The customer asked for it by mail.', state,
           case when state = 'requested' then now() + interval '1 year' end, code, detail, case when state = 'refused' then now() end
    from renewals, (values ('keep', 'requested', 'no_answer', null),
                           ('shorten', 'refused', 'charge_disputed', 'Charge ch_3Qk has been charged back; cannot issue a refund.'))
      as refund (period, state, code, detail)
    where paid_with = 'card' and subscription_id = '${licenses.nora}'`);
  backend.sql(`
    insert into customer_notes (user_id, text, written_by) values
        ('${people.nora}', 'Called on Monday: the new laptop is hers.\nShe wants invoices by mail.', '${people.operator}');
    insert into audit_log (actor_kind, actor_id, action, subscription_id, reason, before, after) values
        ('operator', '${people.operator}', 'license.suspended', '${licenses.nora}', 'Token in a forum', null, '{"cause": "FRAUD"}'),
        ('operator', '${people.operator}', 'license.reinstated', '${licenses.nora}', 'Her own blog', '{"cause": "FRAUD"}', null),
        ('system', null, 'renewal.applied', '${licenses.nora}', null, '{"status": "charging"}', '{"status": "applied"}');
    insert into outbox (kind, dedup_key, payload, sent_at, dead_at, attempts, last_error) values
        ('email', 'page:1', '{"template": "renewed", "user_id": "${people.nora}",
           "model": {"master": "alpine.trend", "amount_usd": 49, "paid_until": "2026-12-20T00:00:00Z"}}', now(), null, 1, null),
        ('email', 'page:2', '{"template": "suspended", "user_id": "${people.sara}", "model": {}}', null, now(), 20, '550 5.1.1 unknown'),
        ('alert_webhook', 'page:3', '{"alert_id": "x"}', null, now(), 12, 'HTTP 500');
    insert into metric_days (day, name, label, value)
    select (now() at time zone 'UTC')::date - n, 'license_validations_total', code, count
    from generate_series(0, 29) n, lateral (values ('VALID', 90000 + n * 731 % 12000), ('EXPIRED', 300 + n * 97 % 150)) as c (code, count);
    insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
    select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', r.status, 49, now() + interval '9 days', now() + interval '1 day'
    from (values ('${licenses.peter}'::uuid, 'soft_declined'), ('${licenses.hana}', 'hard_declined'),
                 ('${licenses.marco}', 'awaiting_consent')) as r (license, status)
    join subscriptions s on s.subscription_id = r.license
    join license_tokens t on t.subscription_id = s.subscription_id and t.is_active`);
});

after(async () => {
  console.log(`# largest page: ${largestPage()}`);
  await browser?.close();
  await backend?.stop();
});

const phone = { width: 390, height: 844 };
const tablet = { width: 768, height: 1024 };
const all = [
  ['sign-in', null, '/'],
  ['not-found', people.nora, '/nowhere'],
  ['home', people.sara, '/'],
  ['home-nothing-to-do', people.nora, '/'],
  ['home-revoked', people.oskar, '/'],
  ['wallet', people.nora, '/wallet'],
  ['invoices', people.nora, '/invoices'],
  ['licenses', people.nora, '/licenses'],
  ['closing-only', people.paul, `/licenses/${licenses.paul}`],
  ['health', people.sara, `/licenses/${licenses.sara}`],
  ['usage', people.nora, `/licenses/${licenses.nora}/usage?span=month`],
  ['health-revoked', people.oskar, `/licenses/${licenses.oskar}`],
  ['devices', people.nora, `/licenses/${licenses.nora}/devices`],
  ['devices-refused', people.liam, `/licenses/${licenses.liam}/devices`],
  ['renewals', people.amara, `/licenses/${licenses.amara}/renewals`],
  ['renewals-never', people.george, `/licenses/${licenses.george}/renewals`],
  ['activity', people.nora, `/licenses/${licenses.nora}/activity`],
  ['activity-suspicious', people.sara, `/licenses/${licenses.sara}/activity`],
  ['activity-question', people.marco, `/licenses/${licenses.marco}/activity`],
  ['suspension', people.sara, `/licenses/${licenses.sara}/suspension`],
  ['cards', people.amara, '/payment-methods'],
  ['add-card', people.amara, '/payment-methods?add'],
  ['confirm', people.hana, `/payment-methods/confirm/${licenses.hana}`],
  ['price', null, '/price#nonsense'],
  ['was-this-you', null, '/was-this-you#nonsense'],
  ['alerts', people.operator, '/alerts?status=ALL'],
  ['alert', people.operator, '/alerts/00000000-0000-4000-8000-000000000807'],
  ['alert-refused-device', people.operator, '/alerts/00000000-0000-4000-8000-000000000808'],
  ['alert-opened-positions', people.operator, '/alerts/00000000-0000-4000-8000-000000000899'],
  ['shadow', people.operator, '/alerts/shadow'],
  ['all-licenses', people.operator, '/licenses'],
  ['operator-license', people.operator, `/licenses/${licenses.nora}`],
  ['operator-license-usage', people.operator, `/licenses/${licenses.nora}/usage`],
  ['operator-license-devices', people.operator, `/licenses/${licenses.nora}/devices`],
  ['operator-license-activity', people.operator, `/licenses/${licenses.sara}/activity`],
  ['operator-license-suspension', people.operator, `/licenses/${licenses.sara}/suspension`],
  ['operator-renewals', people.operator, '/renewals'],
  ['operator-renewals-upcoming', people.operator, '/renewals/upcoming?days=30'],
  ['operator-refunds', people.operator, '/renewals/refunds'],
  ['reconciliation', people.operator, '/renewals/reconciliation?first=2026-11-01&last=2026-11-03'],
  ['operator-payments', people.operator, `/licenses/${licenses.nora}/renewals`],
  ['operator-usage', people.operator, '/usage'],
  ['webhooks', people.operator, '/webhooks'],
  ['customer', people.operator, `/customers/${people.nora}`],
  ['audit', people.operator, '/audit'],
  ['all-payments', people.operator, '/payments'],
  ['reports', people.operator, '/reports'],
  ['system', people.operator, '/system'],
];

/** Opens a page as a link does, without a load of the document. */
async function goTo(page, path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, `/app${path}`);
  await waitUntilLoaded(page);
}

/** Shows the page again in the other color scheme, without a load of the document. */
async function assertNoShiftInOtherScheme(page, what, path, isDark) {
  const colorScheme = isDark ? 'light' : 'dark';
  await page.emulateMedia({ colorScheme });
  await goTo(page, '/nowhere');
  await goTo(page, path);
  await assertNoLayoutShift(page, `${what}, ${colorScheme}`);
  await page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' });
}

for (const [name, as, path] of all) {
  test(`page ${name}: small, accessible, tidy, no layout shift, no policy violation`, async () => {
    const isOperator = as === people.operator;
    const lookAtTablet = async (page) => {
      await assertAccessibleInView(page, `${name} tablet`);
      await assertTidy(page, `${name} tablet`);
      await takeScreenshots(page, `${name}-tablet`);
    };
    // One load for each order of the answers. texts.test.mjs loads customers' pages on a tablet.
    for (const [how, options] of [
      ['wide', { answers: 'first' }],
      ['phone', { answers: 'last', size: phone, dark: true }],
    ]) {
      const page = await open(browser, backend, { as, path, ...options });
      if (how === 'wide') await assertSmall(page, name);
      await assertNoLayoutShift(page, `${name} ${how}`);
      await assertAccessibleInSchemes(page, `${name} ${how}`);
      await assertTidy(page, `${name} ${how}`);
      await takeScreenshots(page, `${name}-${how}`);
      if (isOperator) await assertNoShiftInOtherScheme(page, `${name} ${how}`, path, options.dark);
      if (how === 'wide' && !isOperator) {
        await page.setViewportSize(tablet);
        await lookAtTablet(page);
      }
      await close(page);
    }
    if (!isOperator) return;
    const page = await open(browser, backend, { as, path, answers: 'first', size: tablet });
    await assertNoLayoutShift(page, `${name} tablet`);
    await lookAtTablet(page);
    await close(page);
  });
}

test('each page of the router is in the list of pages above', () => {
  const paths = all.map(([, , path]) => path.split(/[?#]/)[0]);
  const code = (file) => readFileSync(`${root}src/dashboard/src/${file}`, 'utf8');
  const routes = [
    ...[...code('App.tsx').matchAll(/<Route path="([^"]+)"/g)].map((match) => match[1]),
    ...[...code('customer/License.tsx').matchAll(/<Route path=\{(?:`\$\{base\}([^`]*)`|base)\}/g)].map(
      (match) => `/licenses/:id${match[1] ?? ''}`,
    ),
  ];
  assert.ok(routes.length > 25, `${routes}`);
  const missing = routes.filter((route) => {
    const pattern = new RegExp(`^${route.replace('/*?', '(/.*)?').replace(/:\w+/g, '[^/]+')}$`);
    return !paths.some((path) => pattern.test(path));
  });
  assert.deepEqual(missing, []);
});

test('the operators’ menu on a phone: closed it takes two lines, and it works by keyboard', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/system', size: phone });
  const header = page.getByRole('banner');
  assert.ok((await header.boundingBox()).height < 130);
  assert.equal(await header.getByRole('link', { name: 'Audit log' }).isVisible(), false);
  const button = header.getByRole('button', { name: 'Menu' });
  await button.focus();
  await page.keyboard.press('Enter');
  await header.getByRole('button', { name: 'Sign out' }).waitFor();
  await assertAccessible(page, 'open menu');
  await takeScreenshots(page, 'menu-phone');
  await page.keyboard.press('Escape');
  assert.equal(await button.getAttribute('aria-expanded'), 'false');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Menu');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Alerts', exact: true }).waitFor();
  await header.getByRole('link', { name: 'Audit log' }).waitFor({ state: 'hidden' });
  await close(page);
});

for (const locale of ['en', 'de'])
  test(`the customers’ header on a phone takes two lines; only a customer of several licenses has a list of them (${locale})`, async () => {
    const page = await open(browser, backend, { as: people.nora, path: '/wallet', size: phone, locale });
    const header = page.getByRole('banner');
    const links = header.getByRole('navigation').getByRole('link');
    assert.equal(await links.count(), 4);
    assert.ok((await header.boundingBox()).height <= 100);
    await header.getByText('nora.lindqvist').waitFor();
    await page.route('**/api/v1/licenses?limit=2', async (route) => {
      const response = await route.fetch();
      const { licenses } = await response.json();
      await route.fulfill({ response, json: { licenses: [...licenses, ...licenses], next: null } });
    });
    await page.reload();
    await waitUntilLoaded(page);
    assert.equal(await links.count(), 5);
    assert.ok((await header.boundingBox()).height <= 100);
    await assertTidy(page, 'header of several licenses');
    await assertAccessibleInSchemes(page, 'header of several licenses');
    await takeScreenshots(page, `header-several-${locale}-phone`);
    await links.nth(1).click();
    await page.waitForURL(/licenses$/);
    await waitUntilLoaded(page);
    assert.equal(await header.locator('[aria-current=page]').count(), 1);
    await close(page);
  });

for (const [path, link, current] of [
  ['/renewals', 'Renewals', 'page'],
  ['/payments', 'Renewals', 'true'],
  ['/reports', 'Renewals', 'true'],
  ['/renewals/reconciliation?first=2026-11-01&last=2026-11-03', 'Renewals', 'true'],
  [`/customers/${people.nora}`, 'Licenses', 'true'],
  [`/licenses/${licenses.nora}`, 'Licenses', 'true'],
  ['/alerts/shadow', 'Alerts', 'true'],
])
  test(`the menu marks ${link} on ${path.split('?')[0]}, and the heading has the focus`, async () => {
    const page = await open(browser, backend, { as: people.operator, path });
    const active = page.getByRole('navigation', { name: 'Main' }).locator('[aria-current]');
    assert.equal(await active.count(), 1);
    assert.equal(await active.innerText(), link);
    assert.equal(await active.getAttribute('aria-current'), current);
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');
    await close(page);
  });

test('a heading that comes with the data gets the focus, unless the user has moved it', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/licenses' });
  const focused = () => page.evaluate(() => document.activeElement.tagName);
  const answer = async (path, meanwhile) => {
    let send;
    const held = new Promise((resolve) => (send = resolve));
    await page.route(path, (route) => held.then(() => route.continue()));
    const asked = page.waitForRequest(path);
    await page
      .getByRole('row', { name: /nora\.lindqvist/ })
      .getByRole('link', { name: 'alpine.trend' })
      .click();
    await asked;
    await meanwhile();
    send();
    await page.locator('h1').waitFor();
    await waitUntilLoaded(page);
    await page.unroute(path);
  };
  const license = `**/api/v1/licenses/${licenses.nora}`;
  await answer(license, async () => {});
  assert.equal(await focused(), 'H1');
  await page.goBack();
  await page.getByRole('heading', { name: 'Licenses', exact: true }).waitFor();
  await waitUntilLoaded(page);
  await answer(license, () => page.keyboard.press('Control+k'));
  assert.equal(await focused(), 'INPUT');
  await close(page);
});

test('a dialog is accessible, takes the focus and returns it', async () => {
  const page = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}/devices` });
  const button = page.getByRole('button', { name: 'Rename EA-NORA-VPS' });
  await button.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await assertAccessible(page, 'dialog');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'INPUT');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement.textContent.startsWith('Rename'));
  await close(page);
});

/**
 * Opens a page in a browser without a cache that accepts only gzip, as over a connection without TLS. `arrive` goes to the page that
 * counts. Returns the last document and its files with the bytes that were transferred. Headers and responses of the API don't count.
 */
async function firstView({ as, path = '/', arrive = async () => {} }) {
  // The German catalog is the longer one.
  const context = await browser.newContext({ locale: 'de', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  track(page);
  if (as) {
    const { body } = await backend.call('POST', '/app/demo/sign-in', null, { user_id: as }, backend.demoHeaders());
    await page.addInitScript((token) => sessionStorage.setItem('license-session', token), body.token);
  }
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  await network.send('Network.setCacheDisabled', { cacheDisabled: true });
  await network.send('Network.setExtraHTTPHeaders', { headers: { 'Accept-Encoding': 'gzip' } });
  const requests = new Map();
  network.on('Network.requestWillBeSent', ({ requestId, type, request }) => {
    if (type === 'Document') requests.clear();
    requests.set(requestId, { path: new URL(request.url).pathname, bytes: 0 });
  });
  network.on('Network.responseReceived', ({ requestId, response }) => {
    const one = requests.get(requestId);
    if (one) Object.assign(one, { encoding: new Headers(response.headers).get('content-encoding'), head: response.encodedDataLength });
  });
  network.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = requests.get(requestId);
    if (one) one.bytes = encodedDataLength - one.head;
  });
  await page.goto(`${backend.address}/app${path}`);
  await arrive(page);
  await waitUntilLoaded(page);
  const heading = await page.locator('h1').innerText();
  await context.close();
  const files = [...requests.values()].filter((one) => one.path.startsWith('/app/') && !one.path.endsWith('.json'));
  for (const file of files) assert.ok(file.bytes > 0 && file.encoding === 'gzip', JSON.stringify(file));
  assert.ok(files.some((file) => file.path.endsWith('.js')) && files.some((file) => file.path.endsWith('.css')), JSON.stringify(files));
  return { files, heading, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

/** Signs in at an identity provider, which is at the backend's address for this test. */
const signInAs = (person, role) => async (page) => {
  const issuer = `${backend.address}/issuer`;
  await page.route('**/app/config.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), authority: issuer, client_id: 'pages', scope: 'openid' } });
  });
  await page.route('**/issuer/.well-known/openid-configuration', (route) =>
    route.fulfill({ json: { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` } }),
  );
  await page.route('**/issuer/authorize?*', (route) => {
    const asked = new URL(route.request().url()).searchParams;
    assert.equal(asked.get('code_challenge_method'), 'S256');
    const location = `${asked.get('redirect_uri')}?${new URLSearchParams({ code: 'a-code', state: asked.get('state') })}`;
    return route.fulfill({ status: 302, headers: { location } });
  });
  await page.route('**/issuer/token', (route) => {
    assert.equal(new URLSearchParams(route.request().postData()).get('code'), 'a-code');
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const id_token = backend.sign({ iss: issuer, sub: person, aud: 'pages', exp, iat: exp - 3600 });
    return route.fulfill({ json: { access_token: backend.token(role, person), id_token, token_type: 'Bearer' } });
  });
  await page.reload();
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByRole('button', { name: /^(Abmelden|Sign out)$/ }).waitFor();
};

const alertOf = (license) => backend.sql(`select alert_id from suspicious_activity_alerts where subscription_id = '${license}' limit 1`);

for (const [name, view, heading] of [
  ['a customer’s home', () => ({ as: people.nora }), 'Start'],
  ['a customer’s home after the sign-in at an identity provider', () => ({ arrive: signInAs(people.nora, 'subscriber') }), 'Start'],
  ['the operators’ alerts', () => ({ as: people.operator }), 'Alerts'],
  ['the operators’ alerts after the sign-in at an identity provider', () => ({ arrive: signInAs(people.operator, 'operator') }), 'Alerts'],
  ['the question of a mail', () => ({ path: backend.link('was-this-you', alertOf(licenses.marco)) }), 'Waren Sie das?'],
  ['the price of a mail', () => ({ path: '/price#nonsense' }), 'Dieser Link'],
])
  test(`${name}: its first view is under 130 KB gzip, without charts; its files are cached permanently`, async () => {
    const shown = await firstView(view());
    assert.ok(shown.heading.startsWith(heading), shown.heading);
    for (const { path } of shown.files.filter((file) => file.path.startsWith('/app/assets/'))) {
      const reply = await fetch(backend.address + path);
      assert.equal(reply.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      const content = await reply.text();
      for (const later of ['u-legend', 'scale(0.5)', 'Quarantined usage']) assert.ok(!content.includes(later), `${path} has ${later}`);
    }
    const sizes = shown.files.map((file) => `${file.path} ${file.bytes}`).join('\n');
    assert.ok(shown.bytes < 130 * 1024, `${shown.bytes} bytes:\n${sizes}`);
    console.log(`# first view: ${Math.round(shown.bytes / 1024)} KB gzip: ${name}`);
  });

test('files are sent with Brotli, with gzip, or as they are, by what the browser accepts', async () => {
  const send = (path, encodings) =>
    new Promise((answered, failed) => {
      const call = request(`${backend.address}${path}`, { headers: encodings && { 'accept-encoding': encodings } }, async (reply) => {
        const parts = [];
        for await (const part of reply) parts.push(part);
        answered({ headers: reply.headers, body: Buffer.concat(parts) });
      });
      call.on('error', failed);
      call.end();
    });
  const plain = await send('/app/widget.js');
  assert.equal(plain.headers['content-encoding'], undefined);
  for (const [accepted, used, unpack] of [
    ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
    ['gzip, deflate', 'gzip', gunzipSync],
  ]) {
    const packed = await send('/app/widget.js', accepted);
    assert.equal(packed.headers['content-encoding'], used);
    assert.equal(packed.headers.vary, 'Accept-Encoding');
    assert.ok(unpack(packed.body).equals(plain.body));
    // The first view of the widget, which is one file.
    assert.ok(packed.body.length < 130 * 1024, `${used}: ${packed.body.length} bytes`);
  }
});

test('the page’s headers: no cache, and the strict policy', async () => {
  const reply = await fetch(`${backend.address}/app/licenses/x`);
  assert.equal(reply.headers.get('cache-control'), 'no-cache');
  const policy = reply.headers.get('content-security-policy');
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ])
    assert.ok(policy.split('; ').includes(rule), `${rule} in ${policy}`);
  assert.equal((await fetch(`${backend.address}/app`, { redirect: 'manual' })).headers.get('location'), '/app/');
  assert.equal((await fetch(`${backend.address}/app/assets/none.js`)).status, 404);
  assert.equal((await fetch(`${backend.address}/app/..%2f..%2fhost.json`)).status, 404);
});

test('demo persons can sign in only with the secret, from a browser on this machine', async () => {
  const ask = (headers) =>
    new Promise((answered, failed) => {
      const call = request(`${backend.address}/app/demo/persons`, { headers: { ...backend.demoHeaders(), ...headers } }, (reply) => {
        reply.resume();
        answered(reply.statusCode);
      });
      call.on('error', failed);
      call.end();
    });
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ 'X-Demo-Secret': '' }), 404); // a proxy that sends Host: 127.0.0.1 and no X-Forwarded-For
  assert.equal(await ask({ 'X-Demo-Secret': backend.demoSecret.toLowerCase() }), 404);
  assert.equal(await ask({ 'X-Forwarded-For': '192.0.2.1' }), 404);
  assert.equal(await ask({ Forwarded: 'for=192.0.2.1' }), 404);
  assert.equal(await ask({ Host: 'licenses.example.com' }), 404);
  assert.equal(await ask({ Origin: 'https://elsewhere.example' }), 404);
  const signIn = (person, headers) => backend.call('POST', '/app/demo/sign-in', null, { user_id: person }, headers);
  assert.equal((await signIn(people.nora, {})).status, 404);
  assert.equal((await signIn(people.service, backend.demoHeaders())).status, 404);
});

test('10,000 alerts: the first 100 are shown, more on demand, and the keyboard works', async () => {
  backend.sql(`insert into suspicious_activity_alerts
      (detected_at, subscription_id, user_id, activity_type, severity, description, evidence)
    select now() - n * interval '1 minute' - interval '1 day', '${licenses.nora}', '${people.nora}', 'MULTIPLE_IPS', 'LOW',
      'Alert ' || n, '{}'
    from generate_series(1, 10000) n`);
  const page = await open(browser, backend, { as: people.operator, path: '/alerts?severity=LOW' });
  const rows = page.locator('tbody tr');
  assert.equal(await rows.count(), 100);
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(150).waitFor();
  assert.equal(await rows.count(), 200);
  await rows.nth(3).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await page.getByText('1 selected').waitFor();
  await page.keyboard.press('Space');
  await page.getByText('1 selected').waitFor({ state: 'detached' });
  const focused = () => page.evaluate(() => [...document.querySelectorAll('tbody tr')].indexOf(document.activeElement.closest('tr')));
  const before = Number(await focused());
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(Number(await focused()), before + 2);
  await page.keyboard.press('k');
  assert.equal(Number(await focused()), before + 1);
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor();
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Next, previous alert').waitFor();
  await assertAccessible(page, 'keyboard shortcuts', { within: 'dialog' });
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await rows.nth(20).focus();
  const top = await page.evaluate(() => scrollY);
  assert.ok(top > 0);
  await page.keyboard.press('Enter');
  await page.waitForURL(/alerts\/[0-9a-f-]{36}/);
  await waitUntilLoaded(page);
  await page.goBack();
  assert.match(page.url(), /severity=LOW/);
  await page.waitForFunction((before) => Math.abs(scrollY - before) < 2, top);
  await close(page);
  backend.sql(`delete from suspicious_activity_alerts where description like 'Alert %'`);
});
