// Whole stories, as the people in them live them: what one does, the other sees.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Backend, licenses, people } from './support/backend.mjs';
import { accessible, close, launch, open, settled, shot } from './support/browser.mjs';

let backend, browser;

before(async () => {
  backend = await Backend.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await backend?.stop();
});

const mails = (template) => backend.sql(`select count(*) from outbox where kind = 'email' and payload ->> 'template' = '${template}'`);

async function check(device, account, address) {
  const { body } = await backend.call('POST', '/api/v1/licenses/validate', backend.token('service', people.service), {
    token_hash: createHash('sha256').update('demo-tunde').digest('hex'), ea_instance_id: device, mt5_account_number: account, ip_address: address,
  });
  return body.code;
}

test('a demo person signs in by the picker, and out again', async () => {
  const page = await open(browser, backend);
  await page.getByRole('button', { name: 'nora.lindqvist' }).click();
  await page.getByRole('heading', { name: 'My licences' }).waitFor();
  await page.getByRole('link', { name: /alpine.trend/ }).click();
  await page.getByRole('heading', { name: 'License Health' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await close(page);
});

test('a third device suspends; the customer appeals, the operator sees it first and reinstates, and the device works', async () => {
  assert.equal(await check('EA-1', 1001, '198.51.100.1'), 'VALID');
  assert.equal(await check('EA-2', 1002, '203.0.113.2'), 'VALID');
  assert.equal(await check('EA-3', 1003, '192.0.2.3'), 'SUSPENDED');
  assert.equal(mails('suspended'), '1');

  const customer = await open(browser, backend, { as: people.tunde, path: '/licenses' });
  await customer.getByRole('link', { name: /alpine.trend.*Suspended/s }).click();
  await customer.getByRole('link', { name: 'Suspension' }).click();
  await customer.getByLabel('What should we know?').fill('The third one is my new laptop.');
  await customer.getByRole('button', { name: 'Send the appeal' }).click();
  await customer.getByText(/You appealed on/).waitFor();
  await accessible(customer, 'appealed');
  await shot(customer, 'story-appealed');

  const operator = await open(browser, backend, { as: people.operator, path: '/alerts' });
  const first = operator.locator('tbody tr').first();
  assert.match(await first.innerText(), /Appeal/);
  await first.click();
  await operator.getByText('The third one is my new laptop.').waitFor();
  await operator.getByRole('button', { name: 'False alarm…' }).click();
  await operator.getByLabel(/Why\?/).fill('His own laptop.');
  assert.ok(await operator.getByLabel(/Reinstate the licence/).isChecked());
  await operator.getByRole('dialog').getByRole('button', { name: 'False alarm' }).click();
  await operator.getByText('1 alert updated.').waitFor();
  await shot(operator, 'story-reinstated');

  assert.equal(mails('reinstated'), '1');
  assert.equal(await check('EA-3', 1003, '192.0.2.3'), 'VALID');
  await customer.reload();
  await settled(customer);
  assert.equal(await customer.getByText('Suspended', { exact: true }).count(), 0);
  await close(customer);
  await close(operator);
});

test('an operator suspends, and takes it back', async () => {
  const page = await open(browser, backend, { as: people.operator, path: `/licenses/${licenses.nora}` });
  await page.getByRole('button', { name: 'Suspend…' }).click();
  await page.getByText(/its 2 devices are refused/).waitFor();
  await page.getByLabel(/Reason/).fill('Token found in a forum');
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend…' }).click();
  await page.getByRole('button', { name: 'Reinstate…' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Suspend…' }).waitFor();
  assert.equal(backend.sql(`select count(*) from license_suspensions where subscription_id = '${licenses.nora}' and closed_at is null`), '0');
  await close(page);
});

test('a declined card; another card; renewed', async () => {
  const page = await open(browser, backend, { as: people.amara, path: `/licenses/${licenses.amara}/renewals` });
  const renew = async () => {
    await page.getByRole('button', { name: 'Renew now' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await renew();
  await page.getByText('Declined', { exact: true }).waitFor();
  await shot(page, 'story-declined');

  await page.getByRole('link', { name: 'Payment methods' }).last().click();
  await page.getByRole('button', { name: 'Add a card' }).click();
  await page.getByLabel('Test cards').selectOption('pm_card_visa');
  await page.getByRole('button', { name: 'Save the card' }).click();
  const added = page.locator('li.card', { hasText: '4242' });
  await added.waitFor();
  if (await added.getByRole('button', { name: 'Make default' }).count()) await added.getByRole('button', { name: 'Make default' }).click();
  await added.getByText('Default', { exact: true }).waitFor();
  await shot(page, 'story-new-card');

  await page.goto(`${backend.address}/app/licenses/${licenses.amara}/renewals`);
  await settled(page);
  await renew();
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(backend.sql(`select expires_at > now() + interval '20 days' from v_current_license_tokens where subscription_id = '${licenses.amara}'`), 't');
  assert.equal(mails('renewed'), '1');
  await close(page);
});

test('a bank that asks: the customer confirms the payment on the page', async () => {
  const page = await open(browser, backend, { as: people.hana, path: '/payment-methods' });
  await page.getByRole('button', { name: 'Add a card' }).click();
  await page.getByLabel('Test cards').selectOption('pm_card_authenticationRequired');
  await page.getByRole('button', { name: 'Save the card' }).click();
  const added = page.locator('li.card', { hasText: '3184' });
  await added.waitFor();
  if (await added.getByRole('button', { name: 'Make default' }).count()) await added.getByRole('button', { name: 'Make default' }).click();
  await added.getByText('Default', { exact: true }).waitFor();

  await page.goto(`${backend.address}/app/licenses/${licenses.hana}/renewals`);
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('link', { name: 'Confirm the payment' }).click();
  await accessible(page, 'bank-asks');
  await shot(page, 'story-bank-asks');
  await page.getByRole('button', { name: 'Confirm the payment' }).click();
  await page.getByText(/Thank you. The licence runs until/).waitFor();
  await page.getByRole('link', { name: 'To the renewal' }).click();
  await page.getByText('Paid', { exact: true }).waitFor();
  assert.equal(await page.getByText('Your bank asks for you').count(), 0);
  assert.equal(backend.sql(`select expires_at > now() + interval '20 days' from v_current_license_tokens where subscription_id = '${licenses.hana}'`), 't');
  await close(page);
});

test('a licence that lapsed is brought back on the page', async () => {
  backend.sql(`select credit_wallet('${people.paul}', 100, 'DEPOSIT', 'Deposit by bank transfer')`);
  const page = await open(browser, backend, { as: people.paul, path: `/licenses/${licenses.paul}/renewals` });
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(backend.sql(`select state from subscriptions where subscription_id = '${licenses.paul}'`), 'SYNCED');
  await close(page);
});

test('a device gets a name, and gives its place up', async () => {
  const page = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}/devices` });
  await page.getByRole('button', { name: 'Rename EA-NORA-HOME' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Desk at home');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Desk at home' }).waitFor();
  await page.getByRole('button', { name: 'Remove Desk at home' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('1 of 2 places are in use.', { exact: false }).waitFor();
  await close(page);
});

test('nobody sees the licence of another', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/licenses' });
  await page.goto(`${backend.address}/app/licenses/${licenses.amara}`);
  await page.getByText('There is no such license, or it is not yours.').waitFor();
  const list = await backend.call('GET', `/api/v1/licenses?search=amara`, backend.token('subscriber', people.nora));
  assert.deepEqual(list.body.licenses, []);
  const found = await backend.call('GET', `/api/v1/licenses?search=AMARA`, backend.token('operator', people.operator));
  assert.deepEqual(found.body.licenses.map((one) => one.owner_email), ['amara.okafor@example.com']);
  const pages = [];
  for (let after = ''; after !== null;) {
    const { body } = await backend.call('GET', `/api/v1/licenses?limit=7${after && `&after=${after}`}`, backend.token('operator', people.operator));
    pages.push(...body.licenses.map((one) => one.subscription_id));
    after = body.next;
  }
  assert.equal(pages.length, 25);
  assert.equal(new Set(pages).size, 25);
  await close(page);
});

test('an operator replays and discards what is quarantined', async () => {
  backend.sql(`insert into usage_quarantine (source, code, field, detail, payload, payload_digest) values ('queue', 'MALFORMED', null, 'It is no JSON.', '{"logged_at":', sha256('y'))`);
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  await page.getByText('It is no JSON.').waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Nothing is quarantined.').waitFor();
  await close(page);
});
