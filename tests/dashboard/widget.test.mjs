// The widget on a page of another origin with a strict policy, loaded by one script tag.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Backend, licenses, people, root } from './support/backend.mjs';
import { assertAccessible, launch, takeScreenshot, timeoutMs, track } from './support/browser.mjs';

let backend,
  browser,
  site,
  body = '';

before(async () => {
  site = createServer((_, reply) => {
    reply.setHeader('content-type', 'text/html');
    reply.setHeader(
      'content-security-policy',
      `default-src 'none'; script-src ${backend.address} 'unsafe-inline'; connect-src ${backend.address}; style-src 'none'`,
    );
    reply.end(`<!doctype html><html lang="en"><title>Broker</title><main><h1>My broker</h1>${body}</main></html>`);
  });
  await new Promise((listening) => site.listen(0, '127.0.0.1', listening));
  site.address_ = `http://127.0.0.1:${site.address().port}`;
  backend = await Backend.start({ corsOrigin: site.address_ });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await backend?.stop();
  site?.close();
});

async function visit(html) {
  body = html;
  const page = await browser.newPage();
  track(page);
  page.setDefaultTimeout(timeoutMs);
  await page.goto(site.address_);
  return page;
}

const script = () => `<script src="${backend.address}/app/widget.js"></script>`;
const widget = (attributes) => `<license-health ${attributes}></license-health>`;

test('with a token: score, status, devices, expiry and suspicious activities, as text and not only as colors', async () => {
  const tonight = `date_trunc('day', now()) + interval '1 day - 1 second'`;
  backend.sql(`update license_tokens set expires_at = ${tonight} where subscription_id = '${licenses.nora}'`);
  const page = await visit(script() + widget(`subscription-id="${licenses.nora}" token="${backend.token('subscriber', people.nora)}"`));
  await page.getByText('/100').waitFor();
  const text = await page.locator('license-health').evaluate((element) => element.shadowRoot.textContent);
  assert.match(text, /\d+\/100 (Good|Fair|Poor)/);
  assert.match(text, /Devices2 of 2/);
  assert.match(text, /Expires today/);
  assert.match(text, /License health: alpine.trend/);
  await assertAccessible(page, 'widget');
  await takeScreenshot(page, 'widget');
  await page.close();
});

test('with lang="de", the widget is in German on an English page, and follows a change', async () => {
  const page = await visit(
    script() + widget(`lang="de" subscription-id="${licenses.nora}" token="${backend.token('subscriber', people.nora)}"`),
  );
  await page.getByText('Zustand der Lizenz: alpine.trend').waitFor();
  await page.getByText('2 von 2').waitFor();
  await page.evaluate(() => document.querySelector('license-health').setAttribute('lang', 'en'));
  await page.getByText('License health: alpine.trend').waitFor();
  await page.close();
});

test('the example of docs/integration.md, with the address, the license and the token of this test', async () => {
  const [, example] = /^## The widget$.*?```html\n(.*?)```/ms.exec(readFileSync(`${root}docs/integration.md`, 'utf8'));
  const token = backend.token('subscriber', people.nora);
  const values = {
    'https://licenses.example.com': backend.address,
    'subscription-id="…"': `subscription-id="${licenses.nora}"`,
    'token="…"': `token="${token}"`,
  };
  const filled = Object.entries(values).reduce((html, [from, to]) => {
    assert.equal(html.split(from).length, 2, from);
    return html.replace(from, to);
  }, example);
  const page = await visit(filled);
  await page.getByText('/100').waitFor();
  await page.close();

  // The alternative that the example has in a comment: the callback gives the token.
  const [, callback] = /<!-- or, instead of a token: (.*?) -->/s.exec(example);
  const withCallback = await visit(`${filled.replace(` token="${token}"`, '')}<script>${callback.replace('…', `'${token}'`)}</script>`);
  await withCallback.getByText('/100').waitFor();
  await withCallback.close();
});

test('with a callback that is set before the script is loaded', async () => {
  const page = await visit(`${widget(`subscription-id="${licenses.sara}"`)}
    <script>
      document.querySelector('license-health').getToken = async () => '${backend.token('subscriber', people.sara)}';
    </script>${script()}`);
  await page.getByText('Suspended', { exact: true }).waitFor();
  await page.close();
});

test('without a token, with another customer’s license, with an unavailable backend: it shows a message', async () => {
  const cases = [
    [`subscription-id="${licenses.nora}"`, 'to see the health of this license'],
    [`subscription-id="${licenses.nora}" token="expired.or.forged"`, 'to see the health of this license'],
    [`subscription-id="${licenses.nora}" token="${backend.token('subscriber', people.sara)}"`, 'There is no such license'],
  ];
  for (const [attributes, text] of cases) {
    const page = await visit(script() + widget(attributes));
    await page.getByText(text).waitFor();
    const link = page.getByRole('link', { name: 'Sign in' });
    if (text.startsWith('to see')) assert.equal(await link.getAttribute('href'), `${backend.address}/app/licenses/${licenses.nora}`);
    await page.close();
  }

  const page = await visit('');
  await page.route('**/health', (route) => route.abort());
  body = script() + widget(`subscription-id="${licenses.nora}" token="${backend.token('subscriber', people.nora)}"`);
  await page.goto(site.address_);
  await page.getByRole('alert').waitFor();
  await page.unroute('**/health');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('/100').waitFor();
  await page.close();
});

test('its theme is that of the browser, or that of the attribute', async () => {
  const page = await visit(script() + widget(`subscription-id="${licenses.nora}"`));
  const ground = () =>
    page.locator('license-health').evaluate((element) => getComputedStyle(element.shadowRoot.querySelector('section')).backgroundColor);
  const [light, dark] = ['rgb(255, 255, 255)', 'rgb(28, 32, 38)'];
  for (const [browsers, theme, shown] of [
    ['light', null, light],
    ['dark', null, dark],
    ['light', 'dark', dark],
    ['dark', 'light', light],
    ['dark', 'nonsense', dark],
  ]) {
    await page.emulateMedia({ colorScheme: browsers });
    await page
      .locator('license-health')
      .evaluate((element, value) => (value === null ? element.removeAttribute('theme') : element.setAttribute('theme', value)), theme);
    await page.waitForFunction(
      (value) => getComputedStyle(document.querySelector('license-health').shadowRoot.querySelector('section')).backgroundColor === value,
      shown,
    );
    assert.equal(await ground(), shown);
  }
  await page.close();
});

test('it refreshes automatically', async () => {
  backend.sql(`update license_tokens set expires_at = now() + interval '20 days' where subscription_id = '${licenses.nora}'`);
  const page = await visit(
    script() + widget(`subscription-id="${licenses.nora}" refresh="1" token="${backend.token('subscriber', people.nora)}"`),
  );
  await page.getByText('Expires in 20 days').waitFor();
  backend.sql(`update license_tokens set expires_at = now() + interval '9 days' where subscription_id = '${licenses.nora}'`);
  await page.getByText('Expires in 9 days').waitFor();
  await page.route('**/health', (route) => route.abort());
  await page.getByText('the last refresh failed', { exact: false }).waitFor();
  assert.equal(await page.getByText('Expires in 9 days').count(), 1);
  await page.unroute('**/health');
  await page.getByText('the last refresh failed', { exact: false }).waitFor({ state: 'detached' });
  await page.close();
});

test('an origin that is not in the setting gets no response', async () => {
  const reply = await fetch(`${backend.address}/api/v1/licenses/${licenses.nora}/health`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://elsewhere.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    },
  });
  assert.equal(reply.headers.get('access-control-allow-origin'), null);
});
