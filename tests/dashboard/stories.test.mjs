// Stories across pages and users: one user acts, another sees the effect.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Backend, licenses, people } from './support/backend.mjs';
import { assertAccessible, assertTidy, close, countClicks, launch, open, waitUntilLoaded, takeScreenshot } from './support/browser.mjs';

let backend, browser;

before(async () => {
  backend = await Backend.start();
  browser = await launch();
  // The stories start with auto-renewal off for these two.
  backend.sql(
    `update license_tokens set metadata = metadata || '{"auto_renew": false}'
    where subscription_id in ('${licenses.fatima}', '${licenses.mira}')`,
  );
  // And with renewals that can begin; those of the demo data begin later.
  backend.sql(`
    update license_tokens t set expires_at = now() + due.days * interval '1 day'
    from (values ('${licenses.mira}'::uuid, 3), ('${licenses.jonas}', 5), ('${licenses.nadia}', 6), ('${licenses.fatima}', 2))
      as due (id, days)
    where t.subscription_id = due.id`);
});

after(async () => {
  await browser?.close();
  await backend?.stop();
});

const mails = (template, person) =>
  backend.sql(
    `select count(*) from outbox where kind = 'email' and payload ->> 'template' = '${template}' and payload ->> 'user_id' = '${person}'`,
  );

async function check(device, account, address, token = 'demo-tunde') {
  const { body } = await backend.call('POST', '/api/v1/licenses/validate', backend.token('service', people.service), {
    token_hash: createHash('sha256').update(token).digest('hex'),
    ea_instance_id: device,
    mt5_account_number: account,
    ip_address: address,
  });
  return body.code;
}

// What an action removes may still be there for a moment: parts of a page are read again separately.
const gone = (locator) => locator.first().waitFor({ state: 'detached' });

test('a demo person signs in with the list of persons, and signs out', async () => {
  const page = await open(browser, backend);
  await page.getByRole('button', { name: 'nora.lindqvist' }).click();
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  await page.getByRole('banner').getByText('nora.lindqvist@example.com').waitFor();
  await page.getByRole('banner').getByText('Customer', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'alpine.trend', exact: true }).click();
  await page.getByRole('heading', { name: 'License health' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/app/');
  await close(page);
});

test('a sign-in page without its configuration shows an error and a retry', async () => {
  const page = await open(browser, backend, { path: '/nowhere' });
  await page.route('**/app/config.json', (route) => route.abort());
  await page.reload();
  await page.getByText('The server could not be reached.', { exact: false }).waitFor();
  await page.unroute('**/app/config.json');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Demo sign-in').waitFor();
  await close(page);
});

test('a page whose file or settings can’t be loaded offers a retry', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/licenses' });
  await page.route('**/assets/Wallet-*.js', (route) => route.abort());
  await page.getByRole('link', { name: 'Wallet' }).click();
  await page.getByRole('heading', { name: 'This could not be loaded.' }).waitFor();
  // The rest of the pages works.
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Home' }).click();
  await page.getByRole('heading', { name: 'Your licenses' }).waitFor();
  await page.getByRole('link', { name: 'Wallet' }).click();
  await page.unroute('**/assets/Wallet-*.js');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Wallet' }).waitFor();

  await page.route('**/app/config.json', (route) => route.abort());
  await page.goto(`${backend.address}/app/payment-methods`);
  await page.getByRole('button', { name: 'Add a card' }).click();
  await page.getByText('The server could not be reached.', { exact: false }).waitFor();
  await page.unroute('**/app/config.json');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Test cards' }).waitFor();
  page.errors = page.errors.filter((error) => !error.includes('dynamically imported module'));
  await close(page);
});

test('without a connection, home says so once', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/wallet' });
  await page.route('**/api/v1/{tasks,licenses}', (route) => route.abort());
  await page.evaluate(() => Object.defineProperty(Navigator.prototype, 'onLine', { configurable: true, get: () => false }));
  await page.getByRole('banner').getByRole('link', { name: 'Home' }).click();
  await page.getByText('You are offline.', { exact: false }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 1);
  await takeScreenshot(page, 'story-offline');
  await page.route('**/assets/Invoices-*.js', (route) => route.abort());
  await page.getByRole('link', { name: 'Invoices' }).click();
  await page.getByRole('heading', { name: 'This could not be loaded.' }).waitFor();
  await page.getByText('You are offline.', { exact: false }).waitFor();
  await page.getByRole('link', { name: 'Home' }).click();
  await page.getByRole('heading', { name: 'Home' }).waitFor();
  page.errors = page.errors.filter((error) => !error.includes('dynamically imported module'));
  await page.unroute('**/api/v1/{tasks,licenses}');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('link', { name: 'alpine.trend', exact: true }).waitFor();
  page.isSpent = true;
  await close(page);
});

test('the source of locations is named where there are locations', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/wallet' });
  await page.route('**/app/config.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), places_by: 'DB-IP' } });
  });
  await page.goto(`${backend.address}/app/licenses/${licenses.nora}/devices`);
  await page.getByRole('link', { name: 'DB-IP' }).waitFor();
  await page.getByRole('link', { name: 'Wallet' }).click();
  await page.getByRole('heading', { name: 'Wallet' }).waitFor();
  await gone(page.getByRole('link', { name: 'DB-IP' }));
  await close(page);
});

test('a new customer reads what to do first, and the license’s page has the same tasks', async () => {
  const page = await open(browser, backend, { as: people.tunde, path: '/' });
  const tasks = page.locator('.task h3');
  await tasks.first().waitFor();
  const shown = await tasks.allInnerTexts();
  assert.match(shown[0], /: connect your expert advisor$/);
  assert.match(shown[1], / is not renewed automatically$/);
  await takeScreenshot(page, 'story-new-customer');
  await page.goto(`${backend.address}/app/licenses/${licenses.tunde}`);
  await tasks.first().waitFor();
  assert.deepEqual(await tasks.allInnerTexts(), shown);
  await page.getByRole('heading', { name: 'License health' }).waitFor();
  await gone(page.getByRole('heading', { name: 'What you can do' }));
  await assertAccessible(page, 'tasks of a license');
  await takeScreenshot(page, 'story-new-license');
  await close(page);
});

test('home and the license’s page say when the next renewal is charged, how much, and what pays it', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/' });
  const sentence = page.getByText(/^Renews on \w+\s\d+,\s\d+ for \$\d+\.\d\d (from the wallet|with .+)$/);
  await sentence.waitFor();
  const shown = await sentence.innerText();
  await page.goto(`${backend.address}/app/licenses/${licenses.nora}`);
  assert.equal(await sentence.innerText(), shown);
  await close(page);
});

test('a customer whose card has expired is asked to replace it before the renewal', async () => {
  const page = await open(browser, backend, { as: people.paul, path: '/' });
  await page.getByText('The saved payment method can’t pay: the card has expired.', { exact: false }).waitFor();
  await page.getByRole('link', { name: /^Add another payment method/ }).waitFor();
  await takeScreenshot(page, 'story-expired-card-home');
  await page.goto(`${backend.address}/app/licenses/${licenses.paul}/renewals?renew`);
  await page.getByRole('dialog').getByText('The saved card has expired.', { exact: false }).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Add another payment method' }).waitFor();
  await takeScreenshot(page, 'story-expired-card');
  await close(page);
  const renewed = await backend.call('POST', `/api/v1/licenses/${licenses.paul}/renew`, backend.token('subscriber', people.paul));
  assert.deepEqual([renewed.status, renewed.body.code], [409, 'NEEDS_ANOTHER_CARD']);
});

test('a third device suspends; the customer appeals, the operator sees it first and reinstates, and the device works', async () => {
  assert.equal(await check('EA-1', 1001, '198.51.100.1'), 'VALID');
  assert.equal(await check('EA-2', 1002, '203.0.113.2'), 'VALID');
  assert.equal(await check('EA-3', 1003, '192.0.2.3'), 'SUSPENDED');
  assert.equal(mails('suspended', people.tunde), '1');

  const customer = await open(browser, backend, { as: people.tunde, path: '/licenses' });
  await customer.getByRole('link', { name: 'See what to do' }).click();
  await customer.getByText('The license allows 2 devices. All slots were taken', { exact: false }).waitFor();
  await customer.getByText('another device asked for one: EA-3 (MT5 account 1003).', { exact: false }).waitFor();
  await gone(customer.getByText('2 active devices'));
  await customer.getByLabel('What should we know?').fill('The third one is my new laptop.');
  await customer.getByRole('button', { name: 'Send appeal' }).click();
  await customer.getByText(/You appealed on/).waitFor();
  await assertAccessible(customer, 'appealed');
  await takeScreenshot(customer, 'story-appealed');
  await customer.getByRole('link', { name: 'Activity' }).click();
  await customer.getByRole('cell').getByText('The license allows 2 devices. All slots were taken', { exact: false }).waitFor();

  const operator = await open(browser, backend, { as: people.operator, path: '/alerts' });
  const first = operator.locator('tbody tr').first();
  assert.match(await first.innerText(), /Appeal/);
  await first.click();
  await operator.getByText('The third one is my new laptop.').waitFor();
  await operator.getByRole('button', { name: 'Close as false alarm…' }).click();
  await operator.getByLabel(/Why\?/).fill('The customer’s own laptop.');
  await operator.getByLabel(/Reinstate the license/).uncheck();
  await operator.getByText('EA-3 · 1003 may use the license once it is reinstated.', { exact: false }).waitFor();
  await operator.getByLabel(/Reinstate the license/).check();
  await operator.getByText('EA-3 · 1003 may use the license from now on. If no slot is free, it gets an extra slot.').waitFor();
  await takeScreenshot(operator, 'story-false-alarm');
  await operator.getByRole('dialog').getByRole('button', { name: 'Close as false alarm' }).click();
  await operator.getByText('1 alert updated. EA-3 · 1003: allowed, with an extra slot if no slot is free.').waitFor();
  await takeScreenshot(operator, 'story-reinstated');

  assert.equal(mails('reinstated', people.tunde), '1');
  assert.equal(await check('EA-3', 1003, '192.0.2.3'), 'VALID');
  await customer.reload();
  await waitUntilLoaded(customer);
  await gone(customer.getByText('Suspended', { exact: true }));
  await customer.getByRole('link', { name: 'Devices' }).click();
  await customer.getByRole('heading', { name: '3 of 3 slots are taken' }).waitFor();
  await customer.getByText('One of them is an extra slot that our support allowed.').waitFor();
  const extra = customer.getByRole('listitem').filter({ hasText: 'Extra slot, allowed by us' });
  assert.equal(await extra.count(), 1);
  await extra.getByRole('heading', { name: 'EA-3' }).waitFor();
  await takeScreenshot(customer, 'story-extra-slot');

  // Its removal frees no slot, so it isn't offered in place of a fourth device.
  assert.equal(await check('EA-4', 1004, '192.0.2.4'), 'SUSPENDED');
  await customer.reload();
  await customer.getByRole('button', { name: 'Keep this one… EA-4' }).click();
  await customer.getByRole('dialog').getByRole('radio').first().waitFor();
  assert.deepEqual(
    (
      await customer
        .getByRole('dialog')
        .getByRole('radio')
        .evaluateAll((all) => all.map((one) => one.parentElement.innerText))
    ).map((text) => text.split('\n')[0]),
    ['EA-2', 'EA-1'],
  );
  await takeScreenshot(customer, 'story-keep-in-place');
  // The fourth device has suspended the license again. It is reinstated, because later stories use it.
  const operatorToken = backend.token('operator', people.operator);
  const reinstate = `/api/v1/licenses/${licenses.tunde}/reinstate`;
  const reinstated = await backend.call('POST', reinstate, operatorToken, { reason: 'Once is enough.' });
  assert.equal(reinstated.status, 200);
  await close(customer);
  await close(operator);
});

test('an operator suspends a license and undoes it', async () => {
  const page = await open(browser, backend, { as: people.operator, path: `/licenses/${licenses.nora}` });
  await page.getByRole('button', { name: 'Suspend license…' }).click();
  await page.getByText(/its 2 devices are refused/).waitFor();
  await page.getByLabel(/Reason/).fill('Token found in a forum');
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend', exact: true }).click();
  await page.getByRole('button', { name: 'Reinstate license…' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Suspend license…' }).waitFor();
  assert.equal(
    backend.sql(`select count(*) from license_suspensions where subscription_id = '${licenses.nora}' and closed_at is null`),
    '0',
  );
  await close(page);
});

test('a license that ended says what expert advisors may still do, and one that was suspended for fraud that they may not', async () => {
  const closing = /can still manage and close their open positions/;
  const expired = await open(browser, backend, { as: people.paul, path: `/licenses/${licenses.paul}` });
  await expired.getByText(closing).waitFor();
  await close(expired);

  const page = await open(browser, backend, { as: people.operator, path: `/licenses/${licenses.mira}` });
  await gone(page.getByText(closing));
  await page.getByRole('button', { name: 'Suspend license…' }).click();
  await page.getByLabel(/Reason/).fill('The card was stolen');
  await page.getByText('Fraud: devices may not even close their positions').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend', exact: true }).click();
  await page.getByText('Expert advisors can no longer trade with this license.', { exact: false }).waitFor();
  assert.equal(backend.sql(`select cause from license_suspensions where subscription_id = '${licenses.mira}'`), 'FRAUD');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Suspend license…' }).waitFor();
  await close(page);
});

test('the operator sees a charge whose renewal a restore lost, credits it, and then nothing differs', async () => {
  backend.sql(`update license_tokens set expires_at = now() + interval '1 day' where subscription_id = '${licenses.peter}'`);
  const customer = backend.token('subscriber', people.peter);
  const { body } = await backend.call('POST', `/api/v1/licenses/${licenses.peter}/renew`, customer);
  assert.equal(body.status, 'renewed', JSON.stringify(body));
  const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const page = await open(browser, backend, {
    as: people.operator,
    path: `/renewals/reconciliation?first=${day(-1)}&last=${day(0)}`,
  });
  await page.getByText('Nothing differs.').waitFor();
  await page.getByText(/^Booked by renewals: [1-9]/).waitFor();

  const lost = `select renewal_id from renewals where subscription_id = '${licenses.peter}'`;
  backend.sql(`delete from renewal_attempts where renewal_id in (${lost}); delete from renewals where renewal_id in (${lost})`);
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.getByText('1 payment differs.').waitFor();
  await page.getByText(/names a renewal that doesn.t exist/).waitFor();
  await assertAccessible(page, 'a difference');
  await takeScreenshot(page, 'story-difference');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-difference-phone');
  await page.setViewportSize({ width: 1280, height: 800 });

  const told = backend.licensectl('reconcile', '--from', day(-1), '--to', day(1));
  assert.equal(told.status, 2, told.output);
  assert.match(told.output, /^1 payment differs .*\n.*UNKNOWN_RENEWAL/);
  await page.getByRole('link', { name: 'Payments to decide' }).click();
  await page
    .getByRole('row', { name: /names a renewal/ })
    .getByRole('button', { name: 'Decide…' })
    .click();
  await page.getByRole('dialog').getByText("The charge names a renewal that doesn't exist.").waitFor();
  await page.getByLabel('Credit it to the customer’s wallet').check();
  await page.getByRole('dialog').getByRole('textbox').fill('The customer keeps it as a credit.');
  await page.getByRole('dialog').getByRole('button', { name: 'Credit it to the customer’s wallet' }).click();
  await page.getByText('The decision was recorded.').waitFor();

  await page.getByRole('link', { name: 'Compare the books with the provider' }).click();
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.getByText('Nothing differs.').waitFor();
  await page.getByText('Decided by operators: 1 charge,', { exact: false }).waitFor();
  await takeScreenshot(page, 'story-nothing-differs');
  await close(page);
});

let dispute;

test('an operator refunds a part of a payment after a preview', async () => {
  dispute = await backend.addPayments(licenses.tunde);
  const page = await open(browser, backend, { as: people.operator, path: `/licenses/${licenses.tunde}/renewals` });
  const payments = page.getByRole('region', { name: 'Payments' });
  await payments.getByText('Disputed', { exact: true }).waitFor();
  await payments.getByRole('button', { name: 'Refund…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Amount in US dollars').fill('30');
  await dialog.getByLabel('Note, for the audit log').fill('The signals stopped for a week.');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await dialog.getByText('amount_usd must be from 0.01 to 25.00').waitFor();
  await dialog.getByLabel('Amount in US dollars').fill('12,50');
  await dialog.getByText('Enter the amount with a point, for example 12.50.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Preview' }).isDisabled());
  await dialog.getByLabel('Amount in US dollars').fill('5');
  await dialog.getByLabel('The customer keeps it', { exact: true }).click();
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await dialog.getByText(/^We refunded \$5\.00 for /).waitFor();
  await assertAccessible(page, 'refund');
  await takeScreenshot(page, 'story-refund');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-refund-phone');
  // The buttons stay in view below a long preview.
  const button = await dialog.getByRole('button', { name: 'Refund $5.00' }).boundingBox();
  assert.ok(button.y + button.height <= 844, `the button is at ${button.y}`);
  await dialog.getByRole('button', { name: 'Refund $5.00' }).click();
  await page.getByText('The refund was made.').waitFor();
  await page.getByRole('region', { name: 'Refunds' }).getByText('Made', { exact: true }).waitFor();
  await page.getByRole('region', { name: 'Payments' }).getByText(/^pi_/).waitFor();

  assert.equal(mails('refunded', people.tunde), '1');
  assert.equal(backend.sql(`select state || ' ' || amount_minor from refunds where subscription_id = '${licenses.tunde}'`), 'made 500');
  await close(page);
});

test('an operator completes the evidence for a dispute and sends it once', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/renewals' });
  await page
    .getByRole('row', { name: new RegExp(dispute) })
    .getByText(/^ends in\s\d+\sdays$/)
    .waitFor();
  await page
    .getByRole('row', { name: new RegExp(dispute) })
    .getByRole('button', { name: 'Write…' })
    .click();
  const text = page.getByLabel('Text for the bank');
  await text.fill(`${await text.inputValue()}\nThe customer wrote on Monday.`);
  await assertAccessible(page, 'evidence');
  await takeScreenshot(page, 'story-evidence');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-evidence-phone');
  await page.getByRole('button', { name: 'Send to the bank…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('The evidence was sent.').waitFor();
  await page
    .getByRole('row', { name: new RegExp(dispute) })
    .getByRole('button', { name: 'Sent' })
    .waitFor();
  await gone(page.getByLabel('Text for the bank'));

  assert.match((await backend.callStripe('GET', `/v1/disputes/${dispute}`)).evidence.uncategorized_text, /on Monday\.$/);
  await close(page);
});

test('a mail’s link to a payment that is decided already says who decided it, and how', async () => {
  const [decided, closed] = backend
    .sql(
      `insert into payment_cases (provider, reason, subject, detail, decision, decided_at, decided_by, decided_why)
      values ('stripe', 'unreadable_event', 'evt_story_1', 'a test', 'dismissed', now(), '${people.operator}', 'Seen with the bank.'),
             ('stripe', 'unreadable_event', 'evt_story_2', 'a test', 'refunded', now(), null, null)
      returning case_id`,
    )
    .split('\n');
  const page = await open(browser, backend, { as: people.operator, path: `/renewals#${decided}` });
  await page.getByText('olga.operator@example.com decided this payment on', { exact: false }).waitFor();
  await page.getByText(': it was resolved, or needed no action.', { exact: false }).waitFor();
  await page.getByText('Seen with the bank.').waitFor();
  await assertAccessible(page, 'a decided payment');
  await takeScreenshot(page, 'story-decided');
  await page.goto(`${backend.address}/app/renewals#${closed}`);
  await page.getByText('The case of this payment was closed automatically on', { exact: false }).waitFor();
  await page.goto(`${backend.address}/app/renewals#${people.nora}`);
  await page.getByText('The payment or dispute of this link is not in the list', { exact: false }).waitFor();
  await page.goto(`${backend.address}/app/renewals`);
  await page.getByRole('heading', { name: 'Renewals by status' }).waitFor();
  assert.equal(await page.getByText(/this payment (on|was)|no longer listed/).count(), 0);
  await close(page);
});

test('a license in grace has that status on every page, and the filter for expired licenses finds it', async () => {
  const page = await open(browser, backend, { as: people.amara, path: `/licenses/${licenses.amara}` });
  await page.getByRole('main').getByRole('link', { name: 'Home' }).click();
  // In the list: the license's page, which is visible until the list is loaded, shows the status twice.
  await page.getByRole('listitem').getByText('Grace period', { exact: true }).waitFor();
  await page.getByRole('listitem').getByText('In the grace period: works until', { exact: false }).waitFor();
  await page.getByRole('link', { name: 'alpine.trend', exact: true }).click();
  await page.getByRole('link', { name: 'Usage', exact: true }).click();
  await page.getByText('The license has expired. It works until', { exact: false }).waitFor();
  await page.getByRole('link', { name: 'Renew now', exact: true }).click();
  await page.getByRole('heading', { name: 'Next renewal' }).waitFor();
  // While a payment is being checked, neither page asks for another one.
  backend.sql(`
    insert into payment_cases (provider, reason, subject, subscription_id, detail)
    values ('stripe', 'not_booked', 'pi_grace', '${licenses.amara}', 'a test')`);
  await page.goto(`${backend.address}/app/licenses`);
  await page.getByRole('listitem').getByText('In the grace period: works until', { exact: false }).waitFor();
  assert.equal(await page.getByRole('link', { name: /^Renew now/ }).count(), 0);
  await page.goto(`${backend.address}/app/licenses/${licenses.amara}`);
  await page.getByRole('heading', { name: 'License health' }).waitFor();
  assert.equal(await page.getByRole('link', { name: /^Renew now/ }).count(), 0);
  await page.getByRole('link', { name: 'Usage', exact: true }).click();
  await page.getByRole('link', { name: 'See the renewal', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: /^Renew now/ }).count(), 0);
  backend.sql(`delete from payment_cases where subject = 'pi_grace'`);
  await close(page);
  const { body } = await backend.call('GET', '/api/v1/licenses?status=EXPIRED', backend.token('operator', people.operator));
  assert.equal(body.licenses.find((one) => one.subscription_id === licenses.amara).status, 'GRACE');
});

test('a card is declined, another card is added, and the license is renewed', async () => {
  const page = await open(browser, backend, { as: people.amara, path: `/licenses/${licenses.amara}/renewals` });
  const renew = async (charged) => {
    await page.getByText('$49.00 is charged now.').waitFor();
    await page.getByRole('dialog').getByText(charged, { exact: true }).waitFor();
    // The warning is about the card that was declined.
    const warnings = await page.getByText('failed: not enough money is available. If nothing has changed', { exact: false }).count();
    assert.equal(warnings, charged === 'Visa ••9995' ? 1 : 0);
    await takeScreenshot(page, 'story-renew-again');
    await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await page.getByRole('button', { name: 'Renew now' }).click();
  await renew('Visa ••9995');
  await page.getByText('Declined', { exact: true }).waitFor();
  await page.getByText('Not enough money is available').first().waitFor();
  assert.doesNotMatch(await page.locator('main').innerText(), /insufficient_funds/);
  await takeScreenshot(page, 'story-declined');

  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Use another payment method' }).click();
  await page.getByLabel('Test cards').selectOption('pm_card_visa');
  await page.getByRole('button', { name: 'Save card' }).click();
  await page.locator('li.card', { hasText: '4242' }).getByRole('button', { name: 'Make default' }).waitFor();
  await takeScreenshot(page, 'story-new-card');

  // The card that was added for this renewal is chosen, and becomes the default.
  await page.getByRole('link', { name: 'Continue with the renewal' }).click();
  assert.ok(
    await page
      .getByRole('dialog')
      .getByRole('radio', { name: /^Visa ••4242/ })
      .isChecked(),
  );
  await page.getByText('Visa ••4242 also becomes your default payment method', { exact: false }).waitFor();
  await assertAccessible(page, 'another payment method', { within: 'dialog' });
  await renew('Visa ••4242');
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(
    backend.sql(`select expires_at > now() + interval '20 days' from v_current_license_tokens where subscription_id = '${licenses.amara}'`),
    't',
  );
  assert.equal(backend.sql(`select last_four from user_payment_methods where user_id = '${people.amara}' and is_default`), '4242');
  assert.equal(mails('renewed', people.amara), '1');
  // The history and the wallet say what paid.
  await page.getByRole('row', { name: /Paid/ }).getByRole('cell', { name: 'Visa ••4242' }).waitFor();
  await page
    .getByRole('row', { name: /Failed/ })
    .first()
    .getByRole('cell', { name: 'Visa ••9995' })
    .waitFor();
  await takeScreenshot(page, 'story-history');
  await page.goto(`${backend.address}/app/wallet`);
  await page.getByRole('cell', { name: /^Card payment/ }).waitFor();
  await gone(page.getByRole('cell', { name: /^Deposit.*Renewal until/ }));
  await close(page);
});

test('a saved card is offered in place of one that has expired, in the task and in the dialog', async () => {
  const spare = '00000000-0000-4000-8000-000000000599';
  backend.sql(`insert into user_payment_methods
      (payment_method_id, user_id, payment_provider, provider_customer_id, provider_payment_id, payment_type, last_four, brand,
       expiry_month, expiry_year, is_default)
    values ('${spare}', '${people.paul}', 'stripe', 'cus_demo_6', 'pm_spare', 'card', '4242', 'visa', 12, 2040, false)`);
  const page = await open(browser, backend, { as: people.paul, path: `/licenses/${licenses.paul}/renewals?renew` });
  const dialog = page.getByRole('dialog');
  assert.ok(await dialog.getByRole('radio', { name: /^Visa ••0069/ }).isDisabled());
  assert.ok(await dialog.getByRole('radio', { name: /^Visa ••4242/ }).isChecked());
  await dialog.getByText('Visa ••4242 also becomes your default payment method', { exact: false }).waitFor();
  await dialog.getByRole('button', { name: 'Renew now' }).waitFor();
  await assertAccessible(page, 'choice of the payment method', { within: 'dialog' });
  await takeScreenshot(page, 'story-choice');
  await page.keyboard.press('Escape');
  await page.goto(`${backend.address}/app/`);
  await page.getByText('Make Visa ••4242 the default, then renew', { exact: false }).waitFor();
  await takeScreenshot(page, 'story-change-default');
  await page.getByRole('button', { name: 'Make Visa ••4242 the default' }).click();
  await page.getByText('Visa ••4242 is the default payment method now.').waitFor();
  await page
    .getByRole('link', { name: /^Renew/ })
    .first()
    .waitFor();
  await gone(page.getByText('can’t pay', { exact: false }));
  await close(page);
  backend.sql(`delete from user_payment_methods where payment_method_id = '${spare}';
    update user_payment_methods set is_default = true where user_id = '${people.paul}'`);
});

test('before the card that pays the next renewal is removed, the dialog names the renewal', async () => {
  const page = await open(browser, backend, { as: people.rosa, path: '/payment-methods' });
  await page.getByRole('button', { name: /^Remove/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^It pays the renewal of [a-z.]+ on .+: \$\d+/).waitFor();
  await dialog.getByText('no saved payment method can pay', { exact: false }).waitFor();
  await assertAccessible(page, 'removal', { within: 'dialog' });
  await takeScreenshot(page, 'story-remove-card');
  await page.keyboard.press('Escape');
  await close(page);

  // In its grace, a renewal is not planned any more, and the card still pays it.
  const inGrace = await open(browser, backend, { as: people.amara, path: '/wallet' });
  const renewal = { kind: 'RENEW_IN_GRACE', stage: 'IN_GRACE', reason: null, old_amount_usd: null, alert_id: null };
  const tasks = ['card', 'wallet'].map((id) => ({
    ...renewal,
    subscription_id: id,
    master: `of.${id}`,
    amount_usd: 49,
    until: '2026-12-01T10:00:00Z',
  }));
  await inGrace.route('**/api/v1/tasks', (route) => route.fulfill({ json: { tasks, renewals: [] } }));
  for (const id of ['card', 'wallet'])
    await inGrace.route(`**/api/v1/licenses/${id}/renewals`, (route) => route.fulfill({ json: { pays_with: id } }));
  await inGrace.goto(`${backend.address}/app/payment-methods`);
  await inGrace
    .getByRole('button', { name: /^Remove/ })
    .first()
    .click();
  const warning = inGrace.getByRole('dialog');
  await warning.getByText(/^The renewal of of\.card is due, and this payment method pays it: \$49\.00\./).waitFor();
  assert.equal(await warning.getByText('of.wallet', { exact: false }).count(), 0);
  await takeScreenshot(inGrace, 'story-remove-card-in-grace');
  await close(inGrace);
});

test('a card that has expired or expires soon says so', async () => {
  const page = await open(browser, backend, { as: people.amara, path: '/wallet' });
  await page.route('**/api/v1/payment-methods', async (route) => {
    const response = await route.fetch();
    const reply = await response.json();
    const [card] = reply.payment_methods;
    assert.equal(card.validity, 'VALID');
    const others = ['EXPIRES_SOON', 'EXPIRED'].map((validity) => ({ ...card, payment_method_id: validity, validity, is_default: false }));
    await route.fulfill({ response, json: { ...reply, payment_methods: [card, ...others] } });
  });
  await page.goto(`${backend.address}/app/payment-methods`);
  const cards = page.locator('li.card');
  await cards.nth(1).getByText('Expires soon', { exact: true }).waitFor();
  await cards.nth(2).getByText('Expired', { exact: true }).waitFor();
  assert.doesNotMatch(await cards.nth(0).innerText(), /Expires soon|Expired/);
  await assertAccessible(page, 'cards that expire');
  await takeScreenshot(page, 'story-cards-expire');
  await close(page);
});

test('a PayPal account is saved on PayPal’s page and pays a renewal', async () => {
  backend.sql(`update license_tokens set expires_at = now() + interval '2 days' where subscription_id = '${licenses.nadia}';
    update user_wallets set balance_usd = 0 where user_id = '${people.nadia}'`);
  const page = await open(browser, backend, { as: people.nadia, path: `/payment-methods?add=${licenses.nadia}` });
  await page.getByRole('button', { name: 'Add PayPal' }).click();
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.goto(`${backend.address}/app/payment-methods?add=${licenses.nadia}`);
  // The browser may keep the page and show it again as it was: then the button works again.
  await page.route('**/api/v1/payment-methods/paypal', (route) => route.fulfill({ json: { setup_token_id: 'x', approve_url: '#paypal' } }));
  await page.getByRole('button', { name: 'Add PayPal' }).click();
  await page.waitForURL(/#paypal$/);
  await page.locator('button[aria-busy=true]', { hasText: 'Add PayPal' }).waitFor();
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await gone(page.locator('button[aria-busy=true]'));
  await page.unroute('**/api/v1/payment-methods/paypal');
  await page.getByRole('button', { name: 'Add PayPal' }).click();
  await page.getByRole('button', { name: 'Agree and save' }).click();
  const added = page.locator('li.card', { hasText: 'PayPal' });
  await added.waitFor();
  const back = page.getByRole('link', { name: 'Continue with the renewal' });
  await back.waitFor();
  if (await added.getByRole('button', { name: 'Make default' }).count()) await added.getByRole('button', { name: 'Make default' }).click();
  await added.getByText('Default', { exact: true }).waitFor();
  await assertAccessible(page, 'paypal');
  await takeScreenshot(page, 'story-paypal');

  // The account was connected for this renewal.
  await back.click();
  await page.getByRole('dialog').getByText('PayPal', { exact: true }).first().waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(
    backend.sql(`select payment_provider from license_renewal_history where subscription_id = '${licenses.nadia}' and status = 'success'
      order by attempted_at desc limit 1`),
    'paypal',
  );
  await page.getByRole('cell', { name: 'PayPal', exact: true }).waitFor();

  // Of several accounts, the page doesn't know which one was approved, but it leads back to the renewal, too.
  await page.route('**/api/v1/payment-methods', async (route) => {
    const response = await route.fetch();
    const reply = await response.json();
    const account = reply.payment_methods.find((one) => one.payment_provider === 'paypal');
    const methods = [...reply.payment_methods, { ...account, payment_method_id: 'other', is_default: false }];
    await route.fulfill({ response, json: { ...reply, payment_methods: methods } });
  });
  await page.route('**/api/v1/payment-methods/paypal/complete', (route) => route.fulfill({ status: 204 }));
  await page.evaluate((license) => sessionStorage.setItem('renewal-for-paypal', license), licenses.nadia);
  await page.goto(`${backend.address}/app/payment-methods?approval_token_id=x`);
  const notice = page.locator('.banner', { hasText: 'Your PayPal account is saved.' });
  assert.match(await notice.getByRole('link', { name: 'Continue with the renewal' }).getAttribute('href'), /\/renewals\?renew=$/);
  await page.unroute('**/api/v1/payment-methods');
  await page.goto(`${backend.address}/app/wallet`);
  await page.getByRole('cell', { name: /^PayPal payment/ }).waitFor();
  await close(page);
});

test('the form that a mail opens without naming a license leads to the renewal that is due', async () => {
  const page = await open(browser, backend, { as: people.yuki, path: '/wallet' });
  const task = { stage: 'IN_GRACE', reason: null, old_amount_usd: null, alert_id: null, master: 'm', amount_usd: 49, until: null };
  const tasks = [
    { ...task, kind: 'ANSWER_ALERT', subscription_id: licenses.mira },
    { ...task, kind: 'RENEW_IN_GRACE', subscription_id: licenses.nora },
  ];
  await page.route('**/api/v1/tasks', (route) => route.fulfill({ json: { tasks, renewals: [] } }));
  await page.goto(`${backend.address}/app/payment-methods?add`);
  await page.getByLabel('Test cards').selectOption('pm_card_visa');
  await page.getByRole('button', { name: 'Save card' }).click();
  const link = page.getByRole('link', { name: 'Continue with the renewal' });
  await link.waitFor();
  assert.match(await link.getAttribute('href'), new RegExp(`/app/licenses/${licenses.nora}/renewals\\?renew=`));
  await close(page);
});

test('the bank requires authentication: the customer confirms the payment on the page', async () => {
  const page = await open(browser, backend, { as: people.hana, path: '/payment-methods' });
  await page.getByRole('button', { name: 'Add a card' }).click();
  await page.getByLabel('Test cards').selectOption('pm_card_authenticationRequired');
  await page.getByRole('button', { name: 'Save card' }).click();
  const added = page.locator('li.card', { hasText: '3184' });
  await added.waitFor();
  if (await added.getByRole('button', { name: 'Make default' }).count()) await added.getByRole('button', { name: 'Make default' }).click();
  await added.getByText('Default', { exact: true }).waitFor();

  await page.goto(`${backend.address}/app/licenses/${licenses.hana}/renewals`);
  // Auto-renewal is off, which says nothing about the card.
  await page
    .getByText(/^Visa ••/)
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  // Nothing has failed: the payment waits for the customer.
  await page.locator('tr', { hasText: 'Waits for your confirmation' }).waitFor();
  assert.doesNotMatch(await page.locator('main').innerText(), /Failed|will probably fail/);
  await takeScreenshot(page, 'story-waits-for-bank');
  await page.getByRole('link', { name: 'Confirm the payment' }).click();
  await page.locator('dl', { hasText: 'Amount$' }).waitFor();
  await assertAccessible(page, 'bank-asks');
  await takeScreenshot(page, 'story-bank-asks');
  await page.getByRole('button', { name: 'Confirm the payment' }).click();
  await page.getByText(/Thank you. The license is valid until/).waitFor();
  await page.getByRole('link', { name: 'Back to renewals' }).click();
  await page.getByText('Paid', { exact: true }).waitFor();
  await gone(page.getByText('Your bank requires confirmation'));
  assert.equal(
    backend.sql(`select expires_at > now() + interval '20 days' from v_current_license_tokens where subscription_id = '${licenses.hana}'`),
    't',
  );
  await close(page);
});

test('a license whose renewal lapsed is renewed on the page', async () => {
  backend.sql(`select credit_wallet('${people.paul}', 100, 'DEPOSIT', 'Deposit by bank transfer')`);
  const page = await open(browser, backend, { as: people.paul, path: `/licenses/${licenses.paul}/renewals` });
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(backend.sql(`select state from subscriptions where subscription_id = '${licenses.paul}'`), 'SYNCED');
  await close(page);
});

test('a suspended customer trades again within three clicks after the sign-in, and keeps the refused device', async () => {
  const as = (ea, account, address) => check(ea, account, address, 'demo-kofi');
  assert.equal(await as('EA-KOFI-VPS', 621801, '198.51.100.181'), 'VALID');
  assert.equal(await as('EA-KOFI-HOME', 621801, '203.0.113.182'), 'VALID');
  assert.equal(await as('EA-KOFI-NEW', 621899, '192.0.2.183'), 'SUSPENDED');
  const page = await open(browser, backend);
  await page.getByRole('button', { name: 'kofi.mensah' }).click();
  const tasks = page.getByRole('region', { name: 'One thing to do' });
  await tasks.getByText('night.scalper: Too many devices at the same time').waitFor();
  assert.match(await tasks.getByRole('listitem').first().innerText(), /^night\.scalper: Too many devices/);
  const clicks = await countClicks(page);
  await tasks.getByRole('link', { name: /^Lift the suspension/ }).click();
  await page.getByRole('button', { name: 'Lift the suspension' }).click();
  await page.getByText('The suspension was lifted.', { exact: false }).waitFor();
  assert.ok(clicks() <= 3, `${clicks()} clicks`);
  assert.equal(await as('EA-KOFI-VPS', 621801, '198.51.100.181'), 'VALID');

  // The refused device in place of the one at home.
  await page.getByRole('banner').getByRole('link', { name: 'Home' }).click();
  await page.getByRole('link', { name: /^Choose the devices/ }).click();
  await page.getByRole('button', { name: 'Keep this one… EA-KOFI-NEW' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/EA-KOFI-HOME/).check();
  await assertAccessible(page, 'keep');
  await dialog.getByRole('button', { name: 'Keep this one' }).click();
  await page.getByRole('cell', { name: /Kept in place of EA-KOFI-HOME/ }).waitFor();
  await gone(page.getByRole('heading', { name: 'Refused devices' }));
  await takeScreenshot(page, 'story-kept');
  assert.equal(await as('EA-KOFI-NEW', 621899, '192.0.2.183'), 'VALID');
  assert.equal(await as('EA-KOFI-HOME', 621801, '203.0.113.182'), 'TOO_MANY_DEVICES');
  await page.getByRole('banner').getByRole('link', { name: 'Home' }).click();
  await page.getByRole('heading', { name: 'Your licenses' }).waitFor();
  await gone(page.getByText('night.scalper: Too many devices', { exact: false }));
  // The list has the score of the license's page, although no timer has run since.
  const listed = await page.locator('.cards .score').innerText();
  await page.getByRole('link', { name: 'night.scalper', exact: true }).click();
  await page.getByRole('heading', { name: 'License health' }).waitFor();
  assert.equal((await page.locator('.health-score').innerText()).replaceAll(/\s+/g, ' '), listed.replaceAll(/\s+/g, ' '));
  await close(page);

  // The operators' list says what came of the alert.
  const operator = await open(browser, backend, { as: people.operator, path: `/alerts?status=ALL&subscription_id=${licenses.kofi}` });
  const row = operator.getByRole('row').filter({ hasText: 'License was suspended' });
  await row.getByText('The customer lifted the suspension').waitFor();
  await row.getByText('The customer kept the refused device in place of another').waitFor();
  await takeScreenshot(operator, 'story-outcomes');
  await close(operator);
});

test('licenses that never expire, were revoked or have no price say so, and offer nothing that can’t be done', async () => {
  const never = await open(browser, backend, { as: people.george, path: `/licenses/${licenses.george}/renewals` });
  await never.getByText('This license doesn’t expire, so there is nothing to renew.').waitFor();
  assert.equal(await never.getByRole('button', { name: 'Renew now' }).count(), 0);
  assert.equal(await never.getByRole('switch').count(), 0);
  await close(never);

  const revoked = await open(browser, backend, { as: people.oskar });
  await revoked.getByText('gold.swing was revoked').waitFor();
  await revoked.getByRole('heading', { name: 'For your information' }).waitFor();
  await revoked.getByRole('link', { name: /^See the license/ }).click();
  await revoked.getByText('This license was revoked.', { exact: false }).waitFor();
  await revoked.getByText('Points of a valid license').waitFor({ state: 'detached' });
  assert.equal(await revoked.getByText('Start the expert advisor', { exact: false }).count(), 0);
  assert.equal(await revoked.getByRole('link', { name: /^See the license/ }).count(), 0);
  await revoked.getByRole('link', { name: 'Activity' }).click();
  await revoked.getByRole('heading', { name: 'Devices and locations of the last 30 days' }).waitFor();
  assert.equal(await revoked.getByRole('button', { name: 'Change token' }).count(), 0);
  await revoked.getByRole('link', { name: 'Renewals' }).click();
  await revoked.getByRole('heading', { name: 'Renewal history' }).waitFor();
  assert.equal(await revoked.getByRole('switch').count(), 0);
  await close(revoked);

  const unpriced = await open(browser, backend, { as: people.samir });
  await unpriced.getByText(/^unpriced\.beta ends on .* and can’t be renewed$/).waitFor();
  await unpriced.getByText('Reason: the master has no active price. Choose another master', { exact: false }).waitFor();
  await close(unpriced);

  const locked = await open(browser, backend, { as: people.yuki });
  await locked.getByText('Your subscription is locked because funds are missing.', { exact: false }).waitFor();
  await locked.getByRole('link', { name: /^See the wallet/ }).click();
  await locked.getByRole('heading', { name: 'Wallet' }).waitFor();
  const license = backend.sql(`select subscription_id from subscriptions where subscriber_id = '${people.yuki}'`).trim();
  await locked.goto(`${backend.address}/app/licenses/${license}/renewals`);
  await locked.getByText('The license is not renewed automatically:', { exact: false }).waitFor();
  assert.equal(await locked.getByText(/You can renew it from/).count(), 0);
  await close(locked);
});

test('the dialog of a renewal warns of a card that has expired, and an open charge asks for no payment', async () => {
  const page = await open(browser, backend, { as: people.amara, path: '/wallet' });
  const due = { can_renew: true, is_early: false, charge_open: false };
  let changes = { ...due, obstacle: 'card_expires', pays_with: 'card', renewals: [] };
  await page.route('**/api/v1/licenses/*/renewals', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });
  await page.goto(`${backend.address}/app/licenses/${licenses.amara}/renewals?renew`);
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The renewal will probably fail: the card has expired, or expires before the renewal').waitFor();
  await dialog.getByRole('link', { name: 'Use another payment method' }).waitFor();
  changes = { ...due, obstacle: null, charge_open: true, status: 'soft_declined' };
  await page.goto(`${backend.address}/app/licenses/${licenses.amara}/renewals`);
  await page.getByText('You will not be charged twice.', { exact: false }).waitFor();
  await page.getByText('We are checking the payment', { exact: true }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Renew now' }).isDisabled());
  assert.equal(await page.getByText(/probably fail|Next attempt/).count(), 0);
  await takeScreenshot(page, 'story-open-charge');
  await close(page);
});

test('a link of a mail that no longer works says so, and leads on', async () => {
  for (const path of ['/price', '/price#nonsense', '/was-this-you']) {
    const page = await open(browser, backend, { path });
    await page.getByRole('heading', { name: 'This link doesn’t work any more' }).waitFor();
    // A link that is too old may be of a price that the customer agreed to, and paid.
    await gone(page.getByText('Nothing was charged', { exact: false }));
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByText('Demo sign-in').waitFor();
    await close(page);
  }
});

test('a form to add a card can be left', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/payment-methods' });
  await page.getByRole('button', { name: 'Add a card' }).click();
  await page.getByRole('heading', { name: 'Test cards' }).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await gone(page.getByRole('heading', { name: 'Test cards' }));
  assert.ok(await page.getByRole('button', { name: 'Add a card' }).isEnabled());
  await close(page);
});

test('the wallet shows its entries with the license they pay for, as a page and as a file, and to its owner only', async () => {
  const page = await open(browser, backend, { as: people.fatima, path: '/wallet' });
  await page.getByText('$10.00').first().waitFor();
  await page.getByText('Deposit by bank transfer', { exact: false }).waitFor();
  const downloaded = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download CSV' }).click();
  assert.equal((await downloaded).suggestedFilename(), 'wallet.csv');
  await close(page);
  // The platform's own description has no translation.
  const german = await open(browser, backend, { as: people.fatima, path: '/wallet', locale: 'de-DE' });
  await german
    .getByRole('cell', { name: /^Einzahlung.*Deposit by bank transfer/ })
    .first()
    .waitFor();
  await close(german);
  const own = (user, token) => backend.call('GET', `/api/v1/wallet${user ? `?user_id=${user}` : ''}`, token);
  assert.equal((await own(people.nora, backend.token('subscriber', people.fatima))).status, 404);
  assert.equal((await own(people.nora, backend.token('operator', people.operator))).body.balance_usd, 180);
  assert.equal((await own(null, backend.token('operator', people.operator))).body.field, 'user_id');
});

test('the next invoice has the billing details, and only its customer and operators can download it', async () => {
  const page = await open(browser, backend, { as: people.kofi, path: '/invoices' });
  await page.getByText('No invoices yet.', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Add' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Enter a name or a company.').waitFor();
  assert.ok(await dialog.getByLabel('Name or company').evaluate((field) => field === document.activeElement));
  await assertAccessible(page, 'a missing name', { within: 'dialog' });
  await takeScreenshot(page, 'story-billing-missing');
  await dialog.getByLabel('Name or company').fill('Kofi Trading Ltd');
  await dialog.getByLabel('Address').fill('Ring Road 1\nAccra');
  await dialog.getByLabel('Country').selectOption({ label: 'Ghana' });
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Billing details saved.').waitFor();
  const [license] = backend
    .sql(`select subscription_id from subscriptions where subscriber_id = '${people.kofi}' limit 1`)
    .trim()
    .split('\n');
  await backend.addInvoices(license);
  await page.reload();
  await page.getByText('Credit note for', { exact: false }).waitFor();
  const downloaded = page.waitForEvent('download');
  await page.getByRole('button', { name: 'PDF' }).first().click();
  const name = (await downloaded).suggestedFilename();
  assert.match(name, /^NW-\d{4}-000002\.pdf$/);
  // The paid renewal has its invoice, too, and not the credit note.
  await page.goto(`${backend.address}/app/licenses/${license}/renewals`);
  const again = page.waitForEvent('download');
  await page
    .getByRole('row', { name: /49\.99/ })
    .getByRole('button', { name: /^NW-/ })
    .click();
  assert.match((await again).suggestedFilename(), /^NW-\d{4}-00000[13]\.pdf$/);
  await takeScreenshot(page, 'story-history-invoice');
  await close(page);
  const file = `/api/v1/invoices/${name.replace('.pdf', '')}/file`;
  assert.equal((await backend.call('GET', file, backend.token('subscriber', people.nora))).status, 404);
  assert.equal((await backend.call('GET', file, backend.token('operator', people.operator))).status, 200);
});

test('frequent customer tasks take three clicks', async () => {
  const done = async (as, clicks, message) => {
    const page = await open(browser, backend, { as, path: '/licenses' });
    for (const [role, name, where = 'main'] of clicks) {
      const shown = page.getByRole(where);
      // The switch itself is visually hidden. People click its label.
      await (role === 'switch' ? shown.getByText(name) : shown.getByRole(role, { name }).first()).click();
    }
    await page.getByText(message).first().waitFor();
    await close(page);
  };
  await done(
    people.fatima,
    [
      ['link', /^Renewals/],
      ['button', 'Renew now'],
      ['button', 'Renew now', 'dialog'],
    ],
    'Renewed',
  );
  await done(
    people.fatima,
    [
      ['link', /^Renewals/],
      ['switch', 'Renew automatically'],
    ],
    'Auto-renewal is on.',
  );
  await done(
    people.ines,
    [
      ['link', /^Devices/],
      ['button', /^Remove/],
      ['button', 'Remove', 'dialog'],
    ],
    'The device was removed.',
  );
});

test('a renewal with an unknown outcome is shown after a reload too; one that is too early can’t be requested', async () => {
  const page = await open(browser, backend, { as: people.mira, path: `/licenses/${licenses.mira}/renewals`, ownClock: true });
  let status = 'unknown';
  await page.route('**/api/**/renewals', async (route) => {
    const reply = await route.fetch();
    await route.fulfill({ response: reply, json: { ...(await reply.json()), status, charge_open: status === 'unknown' } });
  });
  await page.reload();
  await page.getByText('You will not be charged twice', { exact: false }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Renew now' }).isDisabled());
  status = null;
  await page.clock.runFor(4_000);
  await page.getByText('You will not be charged twice', { exact: false }).waitFor({ state: 'detached' });
  assert.ok(await page.getByRole('button', { name: 'Renew now' }).isEnabled());
  await close(page);

  const early = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}/renewals` });
  await early.getByText(/You can renew it from/).waitFor();
  assert.ok(await early.getByRole('button', { name: 'Renew now' }).isDisabled());
  await close(early);
});

test('while a payment is checked, the page polls its state with the key of the click', async () => {
  const page = await open(browser, backend, { as: people.mira, path: `/licenses/${licenses.mira}/renewals`, ownClock: true });
  const keys = [];
  const reply = { status: 'pending', detail: 'We are checking this payment.', expires_at: '2027-01-01T00:00:00Z' };
  await page.route('**/api/**/renew', (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    return route.fulfill({
      status: 202,
      json: keys.length < 3 ? reply : { ...reply, status: 'declined', detail: 'The card was declined.' },
    });
  });
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Renew now' }).click();
  await page.getByText('Checking the payment').waitFor();
  await page.clock.runFor(4_000);
  await page.clock.runFor(4_000);
  await page.getByText('Declined', { exact: true }).waitFor();
  assert.equal(keys.length, 3);
  assert.match(keys[0], /^[0-9a-f-]{36}$/);
  assert.equal(new Set(keys).size, 1);
  await close(page);
});

test('an expired session shows a notice, and signing in returns to the page', async () => {
  const page = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}/devices` });
  await page.route('**/api/**/devices', (route) => route.fulfill({ status: 401, json: { code: 'UNAUTHORIZED', detail: 'No.' } }));
  await page.getByRole('link', { name: 'Health' }).click();
  await page.getByRole('heading', { name: 'License health' }).waitFor();
  await page.getByRole('link', { name: 'Devices', exact: true }).click();
  await page.getByText('Your session has ended.', { exact: false }).waitFor();
  await page.unroute('**/api/**/devices');
  await page.getByRole('button', { name: 'nora.lindqvist' }).click();
  await page.getByRole('heading', { name: 'EA-NORA-VPS' }).waitFor();
  await close(page);
});

test('UTC days of the backend are the same in a time zone west of Greenwich', async () => {
  const page = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}`, timezone: 'America/Los_Angeles' });
  // Uses the page's own response, because a second request could be on the next day.
  const answered = page.waitForResponse((reply) => reply.url().includes('bucket=day'));
  await page.goto(`${backend.address}/app/licenses/${licenses.nora}/usage?span=month`);
  const { buckets } = await (await answered).json();
  const first = buckets.find((bucket) => bucket.signals_received > 0);
  await page.getByText('Show as a table').click();
  const shown = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(first.at));
  const text = await page.locator('details tbody tr').first().locator('td').first().innerText();
  assert.equal(text.replaceAll('\u00a0', ' '), shown);
  await close(page);
});

test('a device is renamed, and its removal frees the slot', async () => {
  const page = await open(browser, backend, { as: people.nora, path: `/licenses/${licenses.nora}/devices` });
  await page.getByRole('button', { name: 'Rename EA-NORA-HOME' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Desk at home');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Desk at home' }).waitFor();
  await page.getByRole('button', { name: 'Remove Desk at home' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('1 of 2 slots are taken').waitFor();
  await close(page);
});

test('an alert shows simultaneous use, the refused device, and the towns; a reinstatement can be undone', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/alerts/00000000-0000-4000-8000-000000000807' });
  const sentence =
    'The license allows 2 devices. All slots were taken when another device asked for one: ' +
    'EA-SARA-3 (MT5 account 880731, Leeds, United Kingdom).';
  await page.getByText(sentence).waitFor();
  await gone(page.getByText('Concurrent sessions detected', { exact: false }).and(page.locator('strong')));
  await page.getByText('Two or more were in use at the same time for', { exact: false }).waitFor();
  await page.getByRole('list', { name: 'In use at the same time' }).getByText('EA-SARA-1 · 880711, EA-SARA-2 · 880721').waitFor();
  await page.getByText('EA-SARA-3 · 880731', { exact: false }).filter({ hasText: 'refused on' }).waitFor();
  await page.getByRole('row', { name: /EA-SARA-3 · 880731 Refused/ }).waitFor();
  await page.getByRole('img', { name: 'Locations: Dubai, United Arab Emirates; London, United Kingdom' }).waitFor();
  assert.equal(await page.locator('.map .town').count(), 2);
  await assertAccessible(page, 'own devices');
  await page.getByRole('button', { name: 'Close as false alarm…' }).click();
  await page.getByLabel(/Why\?/).fill('Internal: the same house.');
  await page.getByRole('dialog').getByRole('button', { name: 'Close as false alarm' }).click();
  await page.getByRole('button', { name: 'Suspend license…' }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('1 alert is open again. The license is suspended again.').waitFor();
  await page.getByRole('button', { name: 'Close as false alarm…' }).waitFor();
  // The status is "Suspended" again.
  await gone(page.getByText('Reinstated as a false alarm', { exact: false }));
  const { body } = await backend.call('GET', `/api/v1/licenses/${licenses.sara}/suspension`, backend.token('subscriber', people.sara));
  assert.match(body.suspensions[0].reason, /reinstated by mistake/);
  await close(page);
});

test('an undo that can’t reopen the alert suspends nothing and says why; an investigation is undone, too', async () => {
  backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence, incident)
    values ('${licenses.hana}', '${people.hana}', 'CONCURRENT_SESSIONS', 'HIGH', 'Undone too late', '{}', 'people')`);
  const suspension = { reason: 'a test' };
  const operator = backend.token('operator', people.operator);
  await backend.call('POST', `/api/v1/licenses/${licenses.hana}/suspend`, operator, suspension);
  const statusOf = () => backend.sql(`select status from suspicious_activity_alerts where description = 'Undone too late'`);
  const page = await open(browser, backend, { as: people.operator, path: '/alerts' });
  await page
    .getByRole('row', { name: /Undone too late/ })
    .getByText('New', { exact: true })
    .waitFor();
  await page.getByRole('row', { name: /Undone too late/ }).click();
  await page.getByRole('button', { name: 'Investigate', exact: true }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone.').waitFor();
  await page.getByRole('button', { name: 'Investigate', exact: true }).waitFor();
  assert.equal(statusOf(), 'OPEN');
  await gone(page.getByRole('button', { name: 'Reopen…' }));

  await page.getByRole('button', { name: 'Close as false alarm…' }).click();
  await page.getByLabel(/Why\?/).fill('Her sister.');
  await page.getByRole('dialog').getByRole('button', { name: 'Close as false alarm' }).click();
  await page.getByRole('button', { name: 'Suspend license…' }).waitFor();
  backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence, incident)
    values ('${licenses.hana}', '${people.hana}', 'CONCURRENT_SESSIONS', 'HIGH', 'The newer one', '{}', 'people')`);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('A newer alert about the same incident is open.', { exact: false }).waitFor();
  assert.equal(statusOf(), 'FALSE_POSITIVE');
  const { body } = await backend.call('GET', `/api/v1/licenses/${licenses.hana}/suspension`, operator);
  assert.deepEqual(body.suspensions, []);
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where description = 'The newer one'`);
  await close(page);
});

test('a reinstatement as a false alarm closes the alert; undoing it opens the alert and suspends the license', async () => {
  const operator = backend.token('operator', people.operator);
  const alert =
    backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.hana}', '${people.hana}', 'CONCURRENT_SESSIONS', 'HIGH', 'By the license', '{}') returning alert_id`);
  await backend.call('POST', `/api/v1/licenses/${licenses.hana}/suspend`, operator, { reason: 'a test' });
  backend.sql(`update license_suspensions set alert_id = '${alert}' where subscription_id = '${licenses.hana}' and closed_at is null`);
  const statusOf = () => backend.sql(`select status from suspicious_activity_alerts where alert_id = '${alert}'`);
  const page = await open(browser, backend, { as: people.operator, path: `/alerts/${alert}` });
  await page.getByRole('button', { name: 'Reinstate license…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^False alarm: closes the open alerts/).click();
  await dialog.getByLabel(/Reason/).fill('Her sister.');
  await dialog.getByRole('button', { name: 'Reinstate', exact: true }).click();
  await page.getByText('Reinstated. 1 alert about the suspension is closed as a false alarm, too.').waitFor();
  assert.equal(statusOf(), 'FALSE_POSITIVE');
  await page.getByText('Reinstated as a false alarm', { exact: false }).first().waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('1 alert is open again. The license is suspended again.').waitFor();
  assert.equal(statusOf(), 'OPEN');
  await page.getByRole('button', { name: 'Reinstate license…' }).waitFor();
  assert.equal(
    backend.sql(`select string_agg(action, ' ' order by audit_id) from audit_log where subject = '${alert}'`),
    'alert.judged alert.reopened',
  );
  await close(page);
  await backend.call('POST', `/api/v1/licenses/${licenses.hana}/reinstate`, operator, { reason: 'a test' });
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where alert_id = '${alert}'`);
});

test('an older backend names no closed alerts: the decision and its undo work', async () => {
  const operator = backend.token('operator', people.operator);
  const alert =
    backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.hana}', '${people.hana}', 'CONCURRENT_SESSIONS', 'HIGH', 'By the older backend', '{}') returning alert_id`);
  const statusOf = () => backend.sql(`select status from suspicious_activity_alerts where alert_id = '${alert}'`);
  await backend.call('POST', `/api/v1/licenses/${licenses.hana}/suspend`, operator, { reason: 'a test' });
  const page = await open(browser, backend, { as: people.operator, path: `/alerts/${alert}` });
  const asOlder = async (route) => {
    const response = await route.fetch();
    const json = JSON.parse(await response.text(), (key, value) => (/^(also_closed|closed_alerts)$/.test(key) ? undefined : value));
    await route.fulfill({ response, json });
  };
  await page.route('**/api/v1/licenses/*/reinstate', asOlder);
  await page.route('**/api/v1/licenses/alerts/review', asOlder);

  await page.getByRole('button', { name: 'Close as resolved…' }).click();
  await page.getByLabel(/Why\?/).fill('Her sister.');
  await page.getByRole('dialog').getByRole('button', { name: 'Close as resolved' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('1 alert is open again.').waitFor();
  assert.equal(statusOf(), 'OPEN');

  await page.getByRole('button', { name: 'Reinstate license…' }).click();
  await page
    .getByRole('dialog')
    .getByLabel(/Reason/)
    .fill('Her sister.');
  await page.getByRole('dialog').getByRole('button', { name: 'Reinstate', exact: true }).click();
  await page.getByText('Reinstated.').waitFor();
  await page.getByRole('button', { name: 'Suspend license…' }).waitFor();
  await close(page);
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where alert_id = '${alert}'`);
});

test('an upcoming renewal is listed with the open amounts that it takes', async () => {
  const id = backend.sql(`
    insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with,
                          paid_from, paid_until)
    select subscription_id, subscriber_id, now() - interval '900 days', 'auto', 'applied', 0.3, now(), 'deferred',
           now() - interval '900 days', now() - interval '870 days'
    from subscriptions where subscription_id = '${licenses.rosa}' returning renewal_id`);
  const page = await open(browser, backend, { as: people.operator, path: '/renewals/upcoming?days=90' });
  const row = page.getByRole('row', { name: /rosa/ });
  await row.getByText('with open amounts of $0.30').waitFor();
  const [, dollars] = /\$(\d+\.\d\d)/.exec(await row.innerText());
  const price = backend.sql(`select monthly_fee_usd from master_pricing p join subscriptions s using (master_id)
    where s.subscription_id = '${licenses.rosa}' and p.is_active`);
  assert.equal(Number(dollars), Number(price) + 0.3);
  await close(page);
  backend.sql(`delete from renewals where renewal_id = '${id}'`);
});

test('the mail’s page says what was seen on which license, and “yes” is recorded once', async () => {
  const alert = '00000000-0000-4000-8000-0000000008f2';
  backend.sql(`insert into suspicious_activity_alerts (alert_id, subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${alert}', '${licenses.liam}', '${people.liam}', 'CONCURRENT_SESSIONS', 'LOW', 'Used in Cork and Lagos', '{"devices": [
      {"ea_instance_id": "EA-LIAM-1", "account": 620801, "country": "IE", "city": "Cork",
       "first_at": "2026-11-20T08:00:00Z", "last_at": "2026-11-20T20:00:00Z"},
      {"ea_instance_id": "EA-LIAM-7", "account": 620807, "country": "NG", "city": "Lagos",
       "first_at": "2026-11-20T09:00:00Z", "last_at": "2026-11-20T19:30:00Z"}]}')`);
  const path = backend.link('was-this-you', alert);
  for (const size of [
    { width: 390, height: 844 },
    { width: 1280, height: 900 },
  ]) {
    const page = await open(browser, backend, { path, size });
    await page.getByText('Used in Cork and Lagos').waitFor();
    const used = page.getByRole('region', { name: 'Devices that used the license' }).getByRole('row');
    await used.filter({ hasText: /EA-LIAM-1.*MT5 account 620801.*Cork, Ireland.*Nov.20,.2026.*\d:\d\d/s }).waitFor();
    await used.filter({ hasText: /EA-LIAM-7.*MT5 account 620807.*Lagos, Nigeria.*Nov.20,.2026.*\d:\d\d/s }).waitFor();
    await page.getByRole('link', { name: 'No, this was somebody else' }).waitFor();
    await assertAccessible(page, `was this you, ${size.width} px`);
    await assertTidy(page, `was this you, ${size.width} px`);
    await takeScreenshot(page, `story-was-this-you-${size.width}`);
    await close(page);
  }
  const page = await open(browser, backend, { path });
  await page.getByText('Used in Cork and Lagos').waitFor();
  // Opening the page confirms nothing: mail scanners open links, too.
  assert.equal(backend.sql(`select customer_confirmed_at is null from suspicious_activity_alerts where alert_id = '${alert}'`), 't');
  await page.getByRole('button', { name: 'Yes, this was me' }).click();
  await page.getByText('Thank you.', { exact: false }).waitFor();
  assert.equal(backend.sql(`select customer_confirmed_at is null from suspicious_activity_alerts where alert_id = '${alert}'`), 'f');
  await page.reload();
  await page.getByText('already answered', { exact: false }).waitFor();
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where alert_id = '${alert}'`);
  await close(page);
});

test('the timeline of an alert tells more devices than allowed from allowed ones', async () => {
  backend.sql(`
    insert into license_usage_log (log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number,
                                   country_code, city, session_duration_sec)
    select gen_random_uuid(), logged_at, token_hash, subscription_id, '203.0.113.99', 'EA-LIAM-9', 620899, 'IE', 'Galway', 3600
    from (select * from license_usage_log where subscription_id = '${licenses.liam}' and ea_instance_id = 'EA-LIAM-2'
            and extract(hour from logged_at at time zone 'UTC') = 12
          order by logged_at desc limit 1) noon;
    insert into suspicious_activity_alerts
        (alert_id, subscription_id, user_id, activity_type, severity, description, evidence)
    select '00000000-0000-4000-8000-0000000008f1', subscription_id, '${people.liam}', 'CONCURRENT_SESSIONS', 'LOW', 'Three at once',
           jsonb_build_object('device_limit', 2, 'from', logged_at - interval '6 hours', 'to', logged_at)
    from license_usage_log where ea_instance_id = 'EA-LIAM-9'`);
  const page = await open(browser, backend, { as: people.operator, path: '/alerts/00000000-0000-4000-8000-0000000008f1' });
  await page.getByText('More than the 2 allowed devices were in use at the same time for', { exact: false }).waitFor();
  await page.getByRole('list', { name: 'Too many at the same time' }).getByText('EA-LIAM-9', { exact: false }).waitFor();
  const legend = page.locator('.timeline .legend');
  await legend.getByText('In use at the same time, allowed').waitFor();
  await legend.getByText('Too many at the same time').waitFor();
  assert.ok((await page.locator('.timeline .track .beyond').count()) > 0);
  assert.ok((await page.locator('.timeline .track .shared').count()) > 0);
  await assertAccessible(page, 'too many devices');
  await takeScreenshot(page, 'story-too-many');
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where description = 'Three at once'`);
  await close(page);
});

test('a suspended license says so on each of its pages, with the way to what can be done', async () => {
  const page = await open(browser, backend, { as: people.sara, path: `/licenses/${licenses.sara}/devices` });
  await page.getByText('This license is suspended.').waitFor();
  await page.getByRole('link', { name: 'See what to do' }).click();
  await page.getByRole('heading', { name: 'Appeal', exact: true }).waitFor();
  await gone(page.getByRole('link', { name: 'See what to do' }));
  await close(page);
});

test('a license that the platform paused says why, and whom to write to', async () => {
  const page = await open(browser, backend, { as: people.diego, path: '/wallet' });
  await page.route('**/app/config.json', async (route) => {
    const response = await route.fetch();
    const config = await response.json();
    await route.fulfill({ response, json: { ...config, brand: { ...config.brand, support_email: 'help@example.com' } } });
  });
  await page.goto(`${backend.address}/app/`);
  await page.getByRole('link', { name: /^See why/ }).click();
  await page.getByRole('heading', { name: 'Suspended: trading paused' }).waitFor();
  await page.getByText('The platform has paused the subscription because of poor market conditions.').waitFor();
  await page.getByText('Reason: Spread too wide for this strategy').waitFor();
  assert.match(await page.getByRole('link', { name: 'Write to support' }).getAttribute('href'), /^mailto:help@example.com$/);
  await gone(page.getByText('This license is not suspended.'));
  await assertAccessible(page, 'paused');
  await takeScreenshot(page, 'story-paused');
  await close(page);
});

for (const [kind, reason, link, said] of [
  ['ASK_PLATFORM', 'paused_toxic', /^See why/, 'The license is not renewed automatically: the subscription is paused'],
  ['ENDS_FOR_GOOD', 'no_active_price', /^See the renewal/, 'This license has no price at present, so it can’t be renewed.'],
])
  test(`an expired license that can’t be renewed says why, and whom to write to (${reason})`, async () => {
    const page = await open(browser, backend, { as: people.nora, path: '/wallet' });
    const merge = (glob, change) =>
      page.route(glob, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: change(await response.json()) });
      });
    await merge('**/app/config.json', (config) => ({ ...config, brand: { ...config.brand, support_email: 'help@example.com' } }));
    await merge(`**/api/v1/licenses/${licenses.nora}/renewals`, (list) => ({
      ...list,
      can_renew: false,
      next_renewal_at: null,
      obstacle: reason,
      amount_usd: reason === 'no_active_price' ? null : 39.5,
    }));
    const task = { kind, subscription_id: licenses.nora, master: 'alpine.trend', reason, stage: 'ENDED' };
    await page.route('**/api/v1/tasks', (route) =>
      route.fulfill({
        json: { tasks: [{ ...task, until: null, amount_usd: null, old_amount_usd: null, alert_id: null }], renewals: [] },
      }),
    );
    await page.goto(`${backend.address}/app/`);
    await page.getByRole('link', { name: link }).click();
    await page.getByText(said).waitFor();
    assert.equal(new URL(page.url()).pathname, `/app/licenses/${licenses.nora}/renewals`);
    assert.equal(await page.getByRole('button', { name: 'Renew now' }).isDisabled(), true);
    assert.equal(await page.getByRole('link', { name: 'Write to support' }).getAttribute('href'), 'mailto:help@example.com');
    await assertAccessible(page, reason);
    await close(page);
  });

test('a printed page has its charts, also those that were not in view', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/system', size: { width: 600, height: 400 } });
  await page.locator('.chart').first().scrollIntoViewIfNeeded();
  await page.locator('.chart canvas').first().waitFor();
  const [before, after] = await page.evaluate(() => {
    const isEmpty = () => [...document.querySelectorAll('.chart')].map((chart) => chart.querySelector('canvas') === null);
    const seen = isEmpty();
    dispatchEvent(new Event('beforeprint'));
    return [seen, isEmpty()];
  });
  assert.ok(before.includes(true), `${before}`);
  assert.deepEqual(
    after,
    after.map(() => false),
  );
  await close(page);
});

test('a search is for the text that was typed, also with a % in it', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/licenses?search=ä%26a%2541%25' });
  const field = page.getByRole('search').getByRole('textbox');
  await field.waitFor();
  assert.equal(await field.inputValue(), 'ä&a%41%');
  await field.fill('50%2B');
  const sent = page.waitForRequest((request) => request.url().includes('/api/v1/licenses?search='));
  await field.press('Enter');
  assert.equal(new URL((await sent).url()).searchParams.get('search'), '50%2B');
  await close(page);
});

test('licenses with a task are first, in the order of the tasks', async () => {
  let names = ['first', 'second', 'third', 'fourth'];
  const page = await open(browser, backend, { as: people.nora, path: '/wallet' });
  await page.route('**/api/v1/licenses', async (route) => {
    const response = await route.fetch();
    const [license] = (await response.json()).licenses;
    const named = names.map((master) => ({ ...license, subscription_id: master, master }));
    await route.fulfill({ response, json: { licenses: named, next: null } });
  });
  const task = { until: '2026-12-01T10:00:00Z', amount_usd: 39.5, old_amount_usd: null, reason: null, stage: 'IN_GRACE', alert_id: null };
  await page.route('**/api/v1/tasks', (route) =>
    route.fulfill({
      json: {
        tasks: ['fourth', 'second'].map((master) => ({ ...task, kind: 'RENEW_IN_GRACE', subscription_id: master, master })),
        renewals: [],
      },
    }),
  );
  for (const path of ['/', '/licenses']) {
    await page.goto(`${backend.address}/app${path}`);
    await page.locator('.cards h2').first().waitFor();
    assert.deepEqual(await page.locator('.cards h2').allInnerTexts(), ['fourth', 'second', 'first', 'third']);
  }
  // The home page has the first six, and leads to the list of all.
  names = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh'];
  await page.goto(`${backend.address}/app/`);
  await page.locator('.cards h2').nth(5).waitFor();
  assert.deepEqual(await page.locator('.cards h2').allInnerTexts(), ['fourth', 'second', 'first', 'third', 'fifth', 'sixth']);
  await page.getByRole('link', { name: 'Show all licenses' }).click();
  await page.getByRole('heading', { name: 'My licenses' }).waitFor();
  await page.locator('.cards h2').nth(6).waitFor();
  await close(page);
});

test('the owner answers “was this you?” after signing in, and the operator finds the answer', async () => {
  const alert = '00000000-0000-4000-8000-000000000820';
  const path = `/api/v1/licenses/${licenses.marco}/alerts/${alert}/answer`;
  const owner = backend.token('subscriber', people.marco);
  assert.equal((await backend.call('POST', path, backend.token('subscriber', people.nora), { was_you: true })).status, 404);
  assert.equal((await backend.call('POST', path, null, { was_you: true })).status, 401);
  assert.equal((await backend.call('POST', path, backend.token('operator', people.operator), { was_you: true })).status, 403);
  assert.equal((await backend.call('POST', path, owner, {})).body.field, 'was_you');

  const page = await open(browser, backend, { as: people.marco, path: `/licenses/${licenses.marco}/activity` });
  await page.getByRole('heading', { name: 'Was this you?' }).waitFor();
  await page.getByText('New devices wait until you have answered.', { exact: false }).waitFor();
  // What decides: the devices, their towns, and when they were used last.
  const used = page.locator('section.card', { hasText: 'Devices that used the license' }).locator('tr');
  await used.filter({ hasText: /EA-MARCO-1.*MT5 account 622001.*Milan, Italy.*\d:\d\d/s }).waitFor();
  await used.filter({ hasText: /EA-MARCO-2.*MT5 account 622002.*Naples, Italy.*\d:\d\d/s }).waitFor();
  await assertAccessible(page, 'question');
  await takeScreenshot(page, 'story-question');
  const german = await open(browser, backend, { as: people.marco, path: `/licenses/${licenses.marco}/activity`, locale: 'de-DE' });
  const inGerman = german.locator('section.card', { hasText: 'Geräte, die die Lizenz genutzt haben' }).locator('tr');
  await inGerman.filter({ hasText: /EA-MARCO-1.*MT5-Konto 622001.*Milan, Italien.*\d:\d\d/s }).waitFor();
  await inGerman.filter({ hasText: /EA-MARCO-2.*MT5-Konto 622002.*Naples, Italien.*\d:\d\d/s }).waitFor();
  await close(german);
  await page.getByRole('button', { name: 'No, somebody else' }).click();
  await page.getByText('We asked you. You said that it was not you. We will review your answer.', { exact: false }).waitFor();
  await gone(page.getByRole('heading', { name: 'Was this you?' }));
  // Somebody else may know the token.
  await page.goto(`${backend.address}/app/`);
  await page.setViewportSize({ width: 390, height: 600 });
  await page.getByRole('link', { name: /^Go to the token/ }).click();
  await page.waitForURL(/\/activity#token$/);
  // The link leads to the token, which is below the list of alerts.
  const card = page.locator('#token');
  await card.waitFor();
  await waitUntilLoaded(page);
  const { y } = await card.boundingBox();
  assert.ok(y >= 0 && y < 300, `${y}`);
  await page.locator('.button.main', { hasText: 'Change token' }).click();
  // The one who has the token must not use it for another day.
  assert.ok(await page.getByLabel('Revoke the old token immediately').isChecked());
  await page.getByRole('dialog').getByRole('button', { name: 'Change token' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.goto(`${backend.address}/app/`);
  await page.getByRole('heading', { name: 'Your licenses' }).waitFor();
  await gone(page.getByRole('link', { name: /^Go to the token/ }));
  await close(page);
  assert.deepEqual((await backend.call('POST', path, owner, { was_you: false })).body, {
    alert_id: alert,
    was_you: false,
    trusted: false,
  });

  const { body: health } = await backend.call('GET', `/api/v1/licenses/${licenses.marco}/health`, owner);
  assert.ok(health.contributions.some((one) => one.reason.endsWith('is open until it is reviewed')));
  assert.ok(!health.recommendations.some((one) => one.startsWith('Answer the alert')));

  const operator = await open(browser, backend, { as: people.operator, path: '/alerts?status=ALL&customer_answer=DENIED' });
  await operator.getByText('marco.ricci@example.com').waitFor();
  await operator.getByText('Two devices in two cities', { exact: false }).waitFor();
  await operator.getByText('We asked the customer; new devices wait').waitFor();
  assert.equal(await operator.getByRole('row').count(), 2);
  await operator.goto(`${backend.address}/app/alerts/${alert}`);
  await operator.getByText(/The customer said “it was somebody else”, /).waitFor();
  await operator.getByRole('button', { name: 'Close as false alarm…' }).click();
  await operator.getByRole('dialog').getByText('The customer said “it was somebody else”.', { exact: true }).waitFor();
  await operator.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await close(operator);

  const seen = await open(browser, backend, { as: people.operator, path: `/licenses/${licenses.marco}/activity` });
  await seen.getByText('The customer said “it was somebody else”.', { exact: false }).waitFor();
  await gone(seen.getByRole('button', { name: 'Yes, this was me' }));
  await close(seen);
});

test('the tabs of a license speak of the customer, not to the operator', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/licenses' });
  const wrong = [];
  const of = (license, tabs) => tabs.map((tab) => `${license}/${tab}`);
  for (const path of [
    ...of(licenses.sara, ['', 'usage', 'devices', 'renewals', 'activity', 'suspension']),
    ...of(licenses.amara, ['', 'renewals']),
    ...of(licenses.liam, ['devices', 'suspension']),
    ...of(licenses.paul, ['', 'renewals']),
    ...of(licenses.marco, ['activity']),
    ...of(licenses.hana, ['renewals']),
  ]) {
    await page.goto(`${backend.address}/app/licenses/${path}`);
    await waitUntilLoaded(page);
    const text = await page.locator('main').innerText();
    wrong.push(...(text.match(/.*\byou(r|rself)?\b.*/gi) ?? []).map((line) => `${path}: ${line}`));
  }
  assert.deepEqual(wrong, []);
  await close(page);
});

test('a policy in shadow is compared with the policy in force, and nothing acts on it', async () => {
  const alerts = () => backend.sql(`select count(*) from suspicious_activity_alerts where subscription_id = '${licenses.nora}'`);
  const before = alerts();
  backend.sql(`insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
    select array[subscription_id], array[min(logged_at)], array[max(logged_at)] from license_usage_log
    where subscription_id = '${licenses.nora}' group by subscription_id`);
  await backend.runTimer('ScanUsage');
  assert.equal(alerts(), before);

  const page = await open(browser, backend, { as: people.operator, path: '/alerts' });
  await page.getByRole('link', { name: 'Policy in shadow' }).click();
  await page.getByText('1 license differs').waitFor();
  await page.getByText('device_limit=1').waitFor();
  await page.getByRole('cell', { name: 'Only in shadow' }).waitFor();
  await assertAccessible(page, 'shadow');
  await takeScreenshot(page, 'story-shadow');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-shadow-phone');
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'the page scrolls sideways');
  await page.getByLabel('Difference').selectOption({ label: 'Same measure (0)' });
  await page.getByText('No licenses.').waitFor();
  await close(page);

  const path = '/api/v1/licenses/alerts/shadow';
  assert.equal((await backend.call('GET', path, backend.token('subscriber', people.nora))).status, 403);
  const { body } = await backend.call('GET', `/api/v1/licenses/${licenses.nora}/activity`, backend.token('subscriber', people.nora));
  assert.equal(body.alerts.length, Number(before));
});

test('the list of alerts refreshes automatically, and says when it shows only one license', async () => {
  const page = await open(browser, backend, {
    as: people.operator,
    path: `/alerts?status=ALL&subscription_id=${licenses.nora}`,
    ownClock: true,
  });
  await page.getByText('No matching alerts.').waitFor();
  backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.nora}', '${people.nora}', 'MULTIPLE_IPS', 'LOW', 'Came in meanwhile', '{}')`);
  await page.clock.runFor(31_000);
  await page.getByText('Came in meanwhile').waitFor();
  // Something is shown now, so it must not move: a newer alert waits until the operator asks for it.
  backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.nora}', '${people.nora}', 'MULTIPLE_IPS', 'LOW', 'Came in later', '{}')`);
  await page.clock.runFor(31_000);
  await page.getByRole('button', { name: 'Show 1 change' }).waitFor();
  assert.equal(await page.getByText('Came in later').count(), 0);
  await page.getByRole('button', { name: 'Show 1 change' }).click();
  await page.getByText('Came in later').waitFor();
  await page.getByRole('button', { name: 'Show the alerts of all licenses' }).click();
  await page.getByText('Concurrent use').first().waitFor();
  assert.doesNotMatch(page.url(), /subscription_id/);
  await close(page);
  backend.sql(`delete from suspicious_activity_alerts where description in ('Came in meanwhile', 'Came in later')`);
});

test('a customer can’t see another customer’s license', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/licenses/abc' });
  await page.getByText('This page does not exist.').waitFor();
  await page.goto(`${backend.address}/app/licenses/${licenses.amara}`);
  await page.getByText('There is no such license, or it is not yours.').waitFor();
  const list = await backend.call('GET', `/api/v1/licenses?search=amara`, backend.token('subscriber', people.nora));
  assert.deepEqual(list.body.licenses, []);
  const found = await backend.call('GET', `/api/v1/licenses?search=AMARA`, backend.token('operator', people.operator));
  assert.deepEqual(
    found.body.licenses.map((one) => one.owner_email),
    ['amara.okafor@example.com'],
  );
  const pages = [];
  for (let after = ''; after !== null;) {
    const { body } = await backend.call(
      'GET',
      `/api/v1/licenses?limit=7${after && `&after=${after}`}`,
      backend.token('operator', people.operator),
    );
    pages.push(...body.licenses.map((one) => one.subscription_id));
    after = body.next;
  }
  assert.equal(pages.length, 29);
  assert.equal(new Set(pages).size, 29);
  await close(page);
});

test('a charge that no renewal has is found from every page, and its case opens', async () => {
  backend.sql(`insert into payment_cases (provider, reason, subject, amount_minor, currency, detail)
    values ('stripe', 'unknown_renewal', 'pi_orphan1', 2950, 'usd', 'The charge names a renewal of another installation.'),
           ('stripe', 'unknown_renewal', 'pi_orphan2', 3950, 'usd', 'The charge names a renewal of a test.')`);
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  const opens = async (charge, amount) => {
    await page.getByRole('combobox', { name: 'Search' }).fill(charge);
    await page.getByRole('option', { name: charge }).click();
    const dialog = page.getByRole('dialog', { name: 'What happens to this payment?' });
    await dialog.getByText(amount).waitFor();
    await takeScreenshot(page, `story-search-${charge}`);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  };
  await opens('pi_orphan1', '$29.50');
  // Also from the page with the cases, and the same one again.
  await opens('pi_orphan2', '$39.50');
  await opens('pi_orphan2', '$39.50');
  await close(page);
  backend.sql(`delete from payment_cases where subject like 'pi_orphan_'`);
});

test('an operator sees the length of the queue, or the reason why it is unknown', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  await page.getByText('Not configured. No broker is set (ServiceBus).').waitFor();
  await page.route('**/api/v1/system', async (route) => {
    const response = await route.fetch();
    const state = await response.json();
    const waiting = Object.fromEntries(Object.keys(state.waiting).map((name) => [name, name.endsWith('_at') ? null : 0]));
    const { waits, ...others } = changes;
    await route.fulfill({ response, json: { ...state, waiting: { ...waiting, ...waits }, timers: [], skipped_rows: [], ...others } });
  });
  // A part that the settings leave out is not unknown.
  let changes = { troubles: [] };
  await page.reload();
  await page.getByRole('heading', { name: 'Everything works' }).waitFor();
  await page.getByText('Nothing waits.').waitFor();
  // An unknown queue must not count as working.
  const unknown_because = 'Service Bus did not answer within 2 seconds.';
  changes = { queue: { active: null, dead_lettered: null, unknown_because, not_configured: null }, troubles: [] };
  await page.reload();
  await page.getByRole('heading', { name: 'Everything that could be checked works' }).waitFor();
  assert.equal(await page.getByText('Nothing waits.').count(), 0);
  await takeScreenshot(page, 'story-queue-unknown');
  // The heading and the list agree.
  changes = { queue: { active: 1234, dead_lettered: 0, unknown_because: null }, troubles: [] };
  await page.reload();
  await page.getByRole('heading', { name: 'Everything works' }).waitFor();
  await page.getByText('Nothing waits.').waitFor();
  const trouble = { trouble_id: 't', cause: 'DISPUTE_DUE', subject: 'd-1', name: 'du_1', opened_at: new Date().toISOString() };
  changes = { queue: { active: 1234, dead_lettered: 2, unknown_because: null }, troubles: [trouble] };
  await page.reload();
  await page.getByText('1,234 (plus 2 dead letters)').waitFor();
  await page.getByRole('heading', { name: '2 things need attention' }).waitFor();
  await page.getByText('The queue has 2 dead letters.').waitFor();
  assert.equal(await page.getByText('Nothing waits.').count(), 0);
  // The place says what they are and what to do, also for the trouble.
  const letters = page.locator('#dead-letters:target').getByText('DrainDeadLetters moves dead letters to the quarantine', { exact: false });
  await page.locator('.summary').getByRole('link', { name: 'The queue has 2 dead letters.' }).click();
  await letters.waitFor();
  await takeScreenshot(page, 'story-dead-letters');
  changes = { ...changes, troubles: [{ ...trouble, cause: 'DEAD_LETTERS_NOT_DRAINED', subject: '', name: null }] };
  await page.goto(`${backend.address}/app/system`);
  await page.locator('.summary li').getByRole('link').first().click();
  await letters.waitFor();
  // What a trouble is about is not counted again.
  const troubles = ['MAILS_DEAD', 'DEAD_LETTERS'].map((cause) => ({ ...trouble, trouble_id: cause, cause, subject: '', name: null }));
  const waits = { outbox_dead: 3, outbox_dead_mails: 2, outbox_dead_calls: 1, quarantine_open: 5, dead_letters_open: 5 };
  changes = { queue: { active: 0, dead_lettered: 0, unknown_because: null }, troubles, waits };
  await page.reload();
  await page.getByRole('heading', { name: '3 things need attention' }).waitFor();
  await page.getByText('1 more email or webhook call was given up', { exact: false }).waitFor();
  changes = { ...changes, troubles: [], waits };
  await page.reload();
  await page.getByRole('heading', { name: '2 things need attention' }).waitFor();
  // Each leads to the place that shows it.
  const concerns = page.locator('.summary li');
  await concerns.getByRole('link', { name: '3 emails or webhook calls were given up' }).click();
  await page.locator('#given-up:target').getByRole('heading', { name: 'Emails and webhooks that were given up' }).waitFor();
  await concerns.getByRole('link', { name: '5 usage messages are quarantined.' }).click();
  await page.locator('#quarantine:target').getByRole('heading', { name: 'Quarantined usage' }).waitFor();
  const now = new Date().toISOString();
  const timer = { timer_name: 'ScanUsage', is_disabled: false, last_status: 'failed', late_since: now, last_started_at: now };
  changes = {
    queue: { active: 0, dead_lettered: 1, unknown_because: null },
    troubles: [],
    waits: { charges_unknown: 1, payment_cases_open: 1, disputes_open: 1 },
    timers: [{ ...timer, last_succeeded_at: null, last_error: null, last_counts: null, next_due_at: null, fallback_at: null }],
    skipped_rows: [{ source: 'card', row_id: people.nora, reason: 'a test', first_seen_at: now }],
    clock_warning: 'The clock is wrong.',
  };
  await page.reload();
  await page.getByRole('heading', { name: '7 things need attention' }).waitFor();
  const hrefs = await concerns.getByRole('link').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  assert.equal(hrefs.length, 7);
  const [here, elsewhere] = [hrefs.filter((href) => href.startsWith('#')), hrefs.filter((href) => !href.startsWith('#'))];
  for (const href of here) assert.equal(await page.locator(href).count(), 1, href);
  assert.deepEqual(elsewhere, ['/app/renewals#charges', '/app/renewals#cases', '/app/renewals#disputes']);
  // A mail's link shows its timer, also in a list that is closed because all are on time.
  const onTime = { ...changes.timers[0], last_status: 'succeeded', late_since: null, last_succeeded_at: now };
  changes = { queue: { active: 0, dead_lettered: 0, unknown_because: null }, troubles: [], timers: [onTime] };
  await page.reload();
  await page.getByRole('heading', { name: 'Everything works' }).waitFor();
  assert.equal(await page.locator('#timer-ScanUsage').isVisible(), false);
  await page.goto(`${backend.address}/app/audit`);
  await page.goto(`${backend.address}/app/system#timer-ScanUsage`);
  await page.locator('#timer-ScanUsage').waitFor();
  // A disabled timer says what follows, and what to do.
  changes = { ...changes, timers: [{ ...onTime, timer_name: 'FetchPaymentEvents', is_disabled: true }] };
  await page.reload();
  await page.getByText('Disabled by the setting AzureWebJobs.FetchPaymentEvents.Disabled.', { exact: false }).waitFor();
  await page.getByText('Until it runs again, no card is charged', { exact: false }).waitFor();
  await page.getByRole('heading', { name: '1 thing needs attention' }).waitFor();
  await concerns.getByRole('link', { name: /^Missed payment events .* is disabled/ }).waitFor();
  await takeScreenshot(page, 'story-disabled-timer');
  changes = { queue: { active: 1234, dead_lettered: 2, unknown_because: null }, troubles: [trouble] };
  await page.reload();
  await page.getByRole('link', { name: 'Evidence for the dispute du_1 is due soon' }).click();
  assert.match(page.url(), /\/app\/renewals#d-1$/);
  await close(page);
});

test('an operator replays and discards quarantined messages', async () => {
  backend.sql(
    `insert into usage_quarantine (source, code, field, detail, payload, payload_digest)
    values ('queue', 'MALFORMED', null, 'The text is not JSON.', '{"logged_at":', sha256('y'))`,
  );
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  await page.getByText('The text is not JSON.').waitFor();
  await page.getByText('Show all 13 bytes').click();
  await page.locator('details pre', { hasText: '{"logged_at":' }).waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Nothing is quarantined.').waitFor();
  await close(page);
});

test('an operator replays and discards several quarantined messages; one that can’t be replayed stays selected', async () => {
  backend.sql(
    `insert into usage_quarantine (source, code, field, detail, payload, payload_digest)
    select 'dead_letter', 'DEAD_LETTERED', null, 'The broker dead-lettered it.', '[ "Bulk ' || n || '" ]', sha256(n::text::bytea)
    from generate_series(1, 3) n`,
  );
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  const row = (n) => page.getByRole('row', { name: new RegExp(`Bulk ${n}`) });
  await row(1).getByRole('checkbox').check();
  await row(2).getByRole('checkbox').check();
  const bulk = page.getByRole('region', { name: '2 selected' });
  await assertAccessible(page, 'bulk actions');
  await bulk.getByRole('button', { name: 'Replay' }).click();
  // The messages are still no records.
  const results = page.getByRole('dialog', { name: 'Results' });
  await results.getByText('0 of 2 done.', { exact: false }).waitFor();
  await results.getByRole('button', { name: 'Close' }).click();
  // Each keeps its entry, with the new reason.
  await row(1).getByText('NOT_A_RECORD').waitFor();
  await row(3).getByText('DEAD_LETTERED').waitFor();
  assert.equal(await page.getByRole('row', { name: /Bulk/ }).count(), 3);
  await bulk.getByRole('button', { name: 'Discard…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await row(2).waitFor();
  await bulk.getByRole('button', { name: 'Discard…' }).click();
  await page.getByRole('dialog', { name: 'Discard 2 messages?' }).getByRole('button', { name: 'Discard' }).click();
  await gone(row(1));
  await gone(row(2));
  await row(3).getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Nothing is quarantined.').waitFor();
  assert.equal(backend.sql(`select string_agg(distinct state, ' ') from usage_quarantine where payload like '%Bulk %'`), 'DISCARDED');
  assert.equal(
    backend.sql(`select count(*) from audit_log where action = 'usage_quarantine.discarded'
    and subject in (select 'usage_quarantine ' || quarantine_id from usage_quarantine where payload like '%Bulk %')`),
    '3',
  );
  await close(page);
});

test('with the keyboard only, an operator closes an alert, undoes it, closes it again, and reopens it', async () => {
  backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.peter}', '${people.peter}', 'MULTIPLE_IPS', 'HIGH', 'By keyboard', '{}')`);
  const statusOf = () => backend.sql(`select status from suspicious_activity_alerts where description = 'By keyboard'`);
  const page = await open(browser, backend, { as: people.operator, path: `/alerts?subscription_id=${licenses.peter}` });
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const tabTo = async (text) => {
    for (let n = 0; (await focused()) !== text; n++) {
      assert.ok(n < 60, `Tab does not reach “${text}”`);
      await press('Tab');
    }
  };
  const decide = async (button, why) => {
    await tabTo(button);
    await press('Enter');
    await page.getByRole('dialog').locator('textarea:focus').waitFor();
    await page.keyboard.type(why);
    await tabTo(button.slice(0, -1));
    await press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await press('j', 'x');
  await page.getByRole('region', { name: '1 selected' }).waitFor();
  await decide('Close as resolved…', 'He moves between his offices.');
  await page.getByText('1 alert updated.').waitFor();
  assert.equal(statusOf(), 'RESOLVED');
  await page.waitForFunction(() => document.activeElement.tagName === 'H1');
  await press('Control+z');
  await page.getByText('1 alert is open again.').waitFor();
  assert.equal(statusOf(), 'OPEN');

  await page.getByRole('row', { name: /By keyboard/ }).waitFor();
  await press('j', 'Enter');
  await page.getByRole('button', { name: 'Close as false alarm…' }).waitFor();
  await decide('Close as false alarm…', 'His offices.');
  await page.getByRole('button', { name: 'Reopen…' }).waitFor();
  assert.equal(statusOf(), 'FALSE_POSITIVE');
  await page.waitForFunction(() => document.activeElement.tagName === 'H1');
  // Also long after the decision, and from the list.
  await page.reload();
  await waitUntilLoaded(page);
  await tabTo('Reopen…');
  await press('Enter');
  await page.getByRole('dialog').getByText('Nothing is suspended', { exact: false }).waitFor();
  await assertAccessible(page, 'reopening');
  await takeScreenshot(page, 'story-reopen');
  await press('Escape');
  await decide('Reopen…', 'A fourth office.');
  await page.getByRole('button', { name: 'Close as false alarm…' }).waitFor();
  await page.locator('.page-title').getByText('Reopened', { exact: true }).waitFor();
  assert.equal(statusOf(), 'OPEN');
  assert.equal(
    backend.sql(`select string_agg(reason, '|' order by audit_id) from audit_log where action = 'alert.reopened'
      and subject = (select alert_id::text from suspicious_activity_alerts where description = 'By keyboard')`),
    'Reopened because the decision was undone|A fourth office.',
  );
  await close(page);
});

test('the keys of the decisions open their dialogs, and never decide alone', async () => {
  const alert =
    backend.sql(`insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${licenses.peter}', '${people.peter}', 'MULTIPLE_IPS', 'HIGH', 'By keys', '{}') returning alert_id`);
  const statusOf = () => backend.sql(`select status from suspicious_activity_alerts where alert_id = '${alert}'`);
  const page = await open(browser, backend, { as: people.operator, path: `/alerts?subscription_id=${licenses.peter}` });
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const dialog = page.getByRole('dialog');
  await page.getByRole('row', { name: /By keys/ }).waitFor();
  // The row that has the focus; without one, nothing.
  await press('f');
  await press('j');
  await page.getByRole('row', { name: /By keys/ }).focus();
  await press('o', 'r');
  await page.getByRole('dialog', { name: 'Close as resolved: 1 alert' }).waitFor();
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  // The selection.
  await page.getByRole('region', { name: '1 selected' }).waitFor();
  const button = page.getByRole('button', { name: 'Close as false alarm…' });
  assert.equal(await button.getAttribute('title'), 'Shortcut: f');
  await press('f');
  await page.getByRole('dialog', { name: 'Close as false alarm: 1 alert' }).waitFor();
  // In the dialog, the keys are text.
  await page.getByRole('dialog').locator('textarea:focus').waitFor();
  await press('r', 'i');
  assert.equal(await dialog.locator('textarea').inputValue(), 'ri');
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Close as false alarm…').waitFor();
  await assertAccessible(page, 'shortcuts');
  await takeScreenshot(page, 'story-shortcuts');
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(statusOf(), 'OPEN');

  await page.goto(`${backend.address}/app/alerts/${alert}`);
  await page.getByRole('button', { name: 'Investigate', exact: true }).waitFor();
  await press('o', '?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Suspend or reinstate the license…').waitFor();
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await press('l');
  await page.getByRole('dialog', { name: 'Suspend this license?' }).waitFor();
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await press('i');
  await page.getByRole('dialog', { name: 'Investigate: 1 alert' }).waitFor();
  assert.equal(statusOf(), 'OPEN');
  await dialog.getByRole('button', { name: 'Investigate' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(statusOf(), 'INVESTIGATING');
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where alert_id = '${alert}'`);
  await close(page);
});

test('a customer is found by account number in two clicks', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  const clicks = await countClicks(page);
  await page.getByRole('combobox', { name: 'Search' }).click();
  await page.keyboard.type('510101');
  await page.getByRole('option', { name: 'EA-NORA-VPS' }).waitFor();
  await assertAccessible(page, 'search');
  await takeScreenshot(page, 'story-search');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-search-phone');
  await page.getByRole('option', { name: 'EA-NORA-VPS' }).click();
  await page.getByRole('heading', { name: 'nora.lindqvist@example.com' }).waitFor();
  assert.equal(clicks(), 2);
  // The same with the keyboard only: a shortcut, and Enter for the first result.
  await page.getByRole('heading', { level: 1 }).focus();
  await page.keyboard.press('/');
  await page.keyboard.type('sara.had');
  await page.getByRole('option', { name: 'sara.haddad@example.com' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'sara.haddad@example.com' }).waitFor();
  // Enter before the answer: the first result opens when it comes.
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nadia.ben');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'nadia.benali@example.com' }).waitFor();
  // If the operator leaves the field before the answer, the page stays.
  let answer;
  await page.route('**/api/v1/search', (route) => new Promise((send) => (answer = () => send(route.continue()))));
  await page.keyboard.press('Control+k');
  const asked = page.waitForRequest('**/api/v1/search');
  await page.keyboard.type('peter.jan');
  await page.keyboard.press('Enter');
  await asked;
  await page.getByRole('heading', { level: 1 }).click();
  const answered = page.waitForResponse('**/api/v1/search');
  answer();
  await answered;
  await page.unroute('**/api/v1/search');
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: 'peter.jansen@example.com' }).waitFor();
  await page.getByRole('heading', { name: 'nadia.benali@example.com' }).waitFor();
  await page.keyboard.type('nobody-has-this');
  await page.getByText('Nothing found.', { exact: false }).waitFor();
  await page.keyboard.press('Escape');
  await close(page);
});

test('one decision about 130 alerts: the page says which one was refused, and why, and it stays selected', async () => {
  backend.sql(`insert into suspicious_activity_alerts
      (subscription_id, user_id, detected_at, activity_type, severity, description, evidence)
    select '${licenses.peter}', '${people.peter}', now() - n * interval '1 second', 'MULTIPLE_IPS', 'LOW', 'Bulk ' || n, '{}'
    from generate_series(1, 130) n`);
  const suspension = { reason: 'a test', cause: 'FRAUD' };
  await backend.call('POST', `/api/v1/licenses/${licenses.peter}/suspend`, backend.token('operator', people.operator), suspension);
  const page = await open(browser, backend, {
    as: people.operator,
    path: `/alerts?status=ALL&severity=LOW&subscription_id=${licenses.peter}`,
  });
  await page.getByRole('button', { name: 'Show more' }).click();
  await gone(page.getByRole('button', { name: 'Show more' }));
  await page.locator('thead .tick').click();
  await page.getByRole('region', { name: '130 selected' }).waitFor();
  backend.sql(`update suspicious_activity_alerts set status = 'RESOLVED', resolved_at = now() where description = 'Bulk 120'`);
  await page.getByRole('button', { name: 'Close as false alarm…' }).click();
  await page.getByLabel(/Why\?/).fill('A trade fair.');
  await page.getByRole('dialog').getByRole('button', { name: 'Close as false alarm' }).click();
  const results = page.getByRole('dialog', { name: 'Results' });
  await results.getByText('129 of 130 done.', { exact: false }).waitFor();
  await results.getByText('Bulk 120').waitFor();
  await results.getByText('The alert is RESOLVED', { exact: false }).waitFor();
  await assertAccessible(page, 'results');
  await takeScreenshot(page, 'story-results');
  await results.getByRole('button', { name: 'Close' }).click();
  assert.equal(
    backend.sql(`select count(*) from suspicious_activity_alerts where description like 'Bulk %' and status = 'FALSE_POSITIVE'`),
    '129',
  );
  // Also on a later page, and after an undo.
  await page.getByRole('region', { name: '1 selected' }).waitFor();
  await page.getByRole('row', { name: /Bulk 120/ }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('The license is suspended again', { exact: false }).waitFor();
  await waitUntilLoaded(page);
  await page.getByRole('region', { name: '1 selected' }).waitFor();
  await page.getByRole('row', { name: /Bulk 120/ }).waitFor();
  await close(page);
  await backend.call('POST', `/api/v1/licenses/${licenses.peter}/reinstate`, backend.token('operator', people.operator), {
    reason: 'a test',
  });
});

test('the operators’ page of a customer has the alerts first, the payment methods, and empty lists in one sentence', async () => {
  const page = await open(browser, backend, { as: people.operator, path: `/customers/${people.sara}` });
  assert.equal(await page.locator('h2').first().innerText(), 'Alerts');
  assert.equal(await page.locator('.empty').count(), 1);
  assert.match(await page.locator('.empty').innerText(), /^No (.+ or )?[a-z ]+\.$/);
  await page.goto(`${backend.address}/app/customers/${people.amara}`);
  const methods = page.getByRole('region', { name: 'Payment methods' });
  await methods.getByRole('row', { name: /Visa ••\d{4} Default/ }).waitFor();
  await assertAccessible(page, 'payment methods of a customer');
  await takeScreenshot(page, 'story-customer-methods');
  await close(page);
  const path = `/api/v1/payment-methods?user_id=${people.amara}`;
  assert.equal((await backend.call('GET', path, backend.token('subscriber', people.nora))).status, 404);
  assert.equal((await backend.call('GET', '/api/v1/payment-methods', backend.token('operator', people.operator))).status, 400);
});

test('an operator writes a note, exports a customer and erases them after typing the address', async () => {
  const samir = people.nora.replace('101', '125');
  backend.sql(`insert into audit_log (actor_kind, actor_id, action, subject)
    select 'owner', '${samir}', 'payment_method.setup_started', 'x' from generate_series(1, 60);
    with renewal as (
      insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at)
      select subscription_id, subscriber_id, '2026-11-01Z', 'auto', 'lapsed', 49, '2026-11-04Z'
      from subscriptions where subscriber_id = '${samir}' limit 1
      returning renewal_id, subscription_id, user_id)
    insert into invoices (number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, seller,
                          buyer, tax_country, tax_percent, paid_with, lines, net_usd, tax_usd, gross_usd)
    select 'KEPT-2026-000001', 'KEPT', 2026, 1, 'invoice', renewal_id, subscription_id, user_id, '2026-11-01Z', '2026-11-01Z',
           '{"name": "Seller"}', '{"name": "Samir"}', 'DE', 19, 'card',
           '[{"from": "2026-11-01Z", "until": "2026-12-01Z", "gross_usd": 1, "net_usd": 1}]', 1, 0, 1
    from renewal`);
  const page = await open(browser, backend, { as: people.operator, path: `/customers/${samir}` });
  // Without the licenses, the page shows the rest.
  await page.route('**/api/v1/licenses?user_id=*', (route) => route.abort());
  await page.reload();
  await page.getByRole('cell', { name: 'EA-SAMIR-1' }).waitFor();
  await page.unroute('**/api/v1/licenses?user_id=*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await gone(page.getByRole('button', { name: 'Try again' }));
  await page.getByLabel('New note').fill('Asked for erasure by mail.');
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByRole('region', { name: 'Notes' }).getByText('olga.operator@example.com', { exact: false }).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export data' }).click()]);
  assert.equal(file.suggestedFilename(), `person-${samir}.json`);
  await page.getByRole('cell', { name: 'person.exported' }).waitFor();
  const changes = page.getByRole('region', { name: 'What was changed' });
  assert.equal(await changes.locator('tbody tr').count(), 50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await changes.locator('tbody tr').nth(60).waitFor();

  await page.getByRole('button', { name: 'Erase…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Notes: 1').waitFor();
  await dialog.getByText('1 issued invoice or credit note stays unchanged', { exact: false }).waitFor();
  await dialog.getByLabel('Reason, for the audit log').fill('Mail of Monday');
  await dialog.getByLabel('Type samir.patel@example.com to confirm').fill('samir.patel@example.co');
  assert.ok(await dialog.getByRole('button', { name: 'Erase' }).isDisabled());
  await assertAccessible(page, 'erase');
  await takeScreenshot(page, 'story-erase');
  await page.setViewportSize({ width: 390, height: 844 });
  await takeScreenshot(page, 'story-erase-phone');
  await dialog.getByLabel('Type samir.patel@example.com to confirm').fill('samir.patel@example.com');
  await dialog.getByRole('button', { name: 'Erase' }).click();
  await page.getByRole('heading', { name: 'Erased customer' }).waitFor();
  await page.getByRole('cell', { name: 'person.erased' }).waitFor();
  await gone(page.getByText('samir.patel@example.com'));
  assert.equal(backend.sql(`select count(*) from users where email like 'samir%'`), '0');
  assert.equal(backend.sql(`select actor_id from audit_log where action = 'person.erased' and subject = '${samir}'`), people.operator);
  await close(page);
});

test('declined renewals are tried again, and dead mails are sent again', async () => {
  backend.sql(`
    insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
    select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', 'soft_declined', 49, now() + interval '9 days', now() + interval '1 h'
    from subscriptions s join license_tokens t on t.subscription_id = s.subscription_id and t.is_active
    where s.subscription_id in ('${licenses.nora}', '${licenses.jonas}');
    insert into outbox (kind, dedup_key, payload, dead_at, attempts, last_error) values
        ('email', 'story:1', '{"template": "renewed", "user_id": "${people.nora}", "model": {}}', now(), 20, '550 5.1.1 unknown user'),
        ('email', 'story:2', '{"template": "suspended", "user_id": "${people.nora}", "model": {}}', now(), 20, '550 5.1.1 unknown user'),
        ('email', 'story:3', '{"template": "reinstated", "user_id": "${people.nora}", "model": {}}', now(), 20, '550 5.1.1 unknown user')`);
  // Between the list and the click, the charge of one becomes unknown: it must not be charged again.
  const page = await open(browser, backend, { as: people.operator, path: `/customers/${people.nora}` });
  await page.getByRole('region', { name: 'Renewals in progress' }).getByRole('link', { name: 'alpine.trend' }).waitFor();
  await page.goto(`${backend.address}/app/renewals?status=soft_declined`);
  await page.getByLabel('Select the renewal of nora.lindqvist@example.com').check();
  await page.getByLabel('Select the renewal of jonas.weber@example.com').check();
  backend.sql(`update renewals set status = 'unknown', intent_id = 'pi_story', unknown_since = now()
    where subscription_id = '${licenses.jonas}' and status = 'soft_declined'`);
  await page.getByRole('button', { name: 'Try again…' }).click();
  await page.getByRole('dialog').getByLabel('Reason, for the audit log').fill('The bank had an outage.');
  await page.getByRole('dialog').getByRole('button', { name: 'Try again' }).click();
  const results = page.getByRole('dialog', { name: 'Results' });
  await results.getByText('1 of 2 done.', { exact: false }).waitFor();
  await results.getByText('The outcome of its charge is not known yet.', { exact: false }).waitFor();
  await results.getByRole('button', { name: 'Close' }).click();
  assert.equal(
    backend.sql(`select status from renewals where subscription_id = '${licenses.jonas}' and intent_id = 'pi_story'`),
    'unknown',
  );

  // PayPal's transactions are searched by the renewal and the attempt.
  const lost = backend.sql(`
    insert into renewal_attempts
        (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status)
    select uuid_generate_v4(), renewal_id, 2, 'paypal', uuid_generate_v4(),
           jsonb_build_object('renewal_id', renewal_id, 'attempt', 2), now(), true, 'sent'
    from renewals where intent_id = 'pi_story'
    returning renewal_id`);
  await page.goto(`${backend.address}/app/renewals`);
  const charge = page.getByRole('row').filter({ hasText: 'pi_story' });
  await charge.getByText('2', { exact: true }).waitFor();
  await charge.getByRole('button', { name: 'Resolve…' }).click();
  await page.getByRole('dialog').getByText(`${lost}-2`).waitFor();
  await takeScreenshot(page, 'story-resolve');

  await page.goto(`${backend.address}/app/system`);
  await page.getByText('3 emails or webhook calls were given up', { exact: false }).waitFor();
  await page.getByRole('button', { name: /^Send again: Email: renewed/ }).click();
  await page.getByText('2 emails or webhook calls were given up', { exact: false }).waitFor();
  assert.equal(backend.sql(`select count(*) from outbox where dedup_key = 'story:1' and dead_at is null`), '1');
  // Between the list and the click, the text of one is deleted: it can't be sent again.
  await page.getByLabel('Select Email: suspended, nora.lindqvist@example.com').check();
  await page.getByLabel('Select Email: reinstated, nora.lindqvist@example.com').check();
  backend.sql(`update outbox set payload = '{}' where dedup_key = 'story:3'`);
  await assertAccessible(page, 'selected mails');
  await takeScreenshot(page, 'story-dead-mails');
  await page.getByRole('region', { name: '2 selected' }).getByRole('button', { name: 'Send again' }).click();
  await results.getByText('1 of 2 done.', { exact: false }).waitFor();
  await results.getByText('Email: reinstated').waitFor();
  await results.getByRole('button', { name: 'Close' }).click();
  await gone(page.getByRole('region', { name: /selected$/ }));
  assert.equal(backend.sql(`select count(*) from outbox where dedup_key = 'story:2' and dead_at is null`), '1');
  backend.sql(`delete from outbox where dedup_key like 'story:%'`);
  await close(page);
  backend.sql(`delete from renewal_attempts where renewal_id = '${lost}';
    delete from renewals where subscription_id in ('${licenses.nora}', '${licenses.jonas}') and paid_with is null`);
});

test('an operator reads every report on the page and downloads it as CSV', async () => {
  const id = (number) => `00000000-0000-4000-8000-0000000097${number}`;
  backend.sql(`
    delete from recurring_revenue_days where day >= current_date;
    insert into recurring_revenue_days (day, licenses, amount_usd) values (current_date - 1, 9, 543.21)
    on conflict (day) do update set licenses = excluded.licenses, amount_usd = excluded.amount_usd;
    insert into renewals (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with,
                          paid_from, paid_until)
    select r.id::uuid, s.subscription_id, s.subscriber_id, now() - interval '5 days', 'auto', r.status, 41.17, now(), r.paid_with,
           case when r.paid_with is not null then now() - r.age end, case when r.paid_with is not null then now() - r.age / 10 end
    from (values ('${id(11)}', '${licenses.nora}', 'applied', 'card', interval '500 days'),
                 ('${id(12)}', '${licenses.jonas}', 'awaiting_consent', null, null)) as r (id, license, status, paid_with, age)
    join subscriptions s on s.subscription_id = r.license::uuid;
    insert into renewal_attempts (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent,
                                  status, code, transaction_id, updated_at)
    values ('${id(21)}', '${id(11)}', 1, 'stripe', uuid_generate_v4(), '{}', now() - interval '5 days', true, 'soft_declined',
            'insufficient_funds', null, now() - interval '5 days'),
           ('${id(22)}', '${id(11)}', 2, 'stripe', uuid_generate_v4(), '{}', now() - interval '3 days', false, 'succeeded', null,
            'ch_report', now() - interval '3 days');
    insert into license_renewal_history (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
    select '${id(22)}', now() - interval '3 days', subscription_id, user_id, 'auto', 41.17, 'success'
    from renewals where renewal_id = '${id(11)}';
    insert into reversal_effects (renewal_id, share, taken, stopped_auto_renewal, refunded_minor, charged_back_minor)
    values ('${id(11)}', 0, '0', false, 117, 0)`);
  const page = await open(browser, backend, { as: people.operator, path: '/reports' });
  const cells = async (report, start) => {
    // Counts contain the digits of a day or of an attempt's number: only the first cell says which row it is.
    const first = page.locator('td:first-child', { hasText: start });
    const row = page.getByRole('region', { name: report, exact: true }).locator('tbody tr').filter({ has: first }).first();
    return (await row.getByRole('cell').allInnerTexts()).join(' | ');
  };
  await page.getByRole('heading', { name: 'Recovery by attempt' }).waitFor();

  const dayOf = (daysAgo) => new Date(Date.now() - daysAgo * 86_400_000);
  const inWords = (day, style) => new Intl.DateTimeFormat('en-US', { ...style, timeZone: 'UTC' }).format(day);
  const month = { month: 'long', year: 'numeric' };
  for (const [report, row, expected] of [
    ['Revenue', inWords(dayOf(3), month), /1\.17/],
    ['Recurring revenue at the end of each month', inWords(dayOf(1), { dateStyle: 'medium' }), /\| 9 \|.*543\.21/],
    ['Churn', /20\d\d$/, /%$/],
    ['Renewals by status', 'Customer must agree to the price', /\| \$\d/],
    ['Recovery by attempt', /^2$/, /^2 \| [1-9]\d* \| [1-9]\d* \| \d+/],
    ['Recovery by the first decline', '', /^\D+ \| [1-9]\d* \| [1-9]\d* \| \d+/],
    ['Recovery by days after the first decline', /^2$/, /^2 \| [1-9]\d* \| [1-9]\d* \| \d+/],
  ])
    assert.match(await cells(report, row), expected, report);
  const consents = backend.sql(`select count(*) from renewals where status = 'awaiting_consent'`);
  const card = page.locator('.card').filter({ hasText: 'Price consents awaited' });
  assert.equal(await card.locator('.figure').innerText(), consents);

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).first().click()]);
  assert.equal(file.suggestedFilename(), 'reports.csv');
  const lines = Buffer.concat(await (await file.createReadStream()).toArray())
    .toString()
    .trim()
    .split(/\r?\n/);
  assert.equal(lines[0], 'report,group,count,of,amount_usd');
  assert.deepEqual(
    [...new Set(lines.slice(1).map((line) => line.split(',')[0]))],
    [
      'revenue_paid',
      'revenue_returned',
      'mrr',
      'churn',
      'renewals',
      'recovery_by_attempt',
      'recovery_by_code',
      'recovery_by_day',
      'price_consents',
    ],
  );
  await close(page);
  backend.sql(`
    delete from reversal_effects where renewal_id = '${id(11)}';
    delete from renewals_to_invoice where renewal_id = '${id(11)}';
    delete from license_renewal_history where renewal_id = '${id(22)}';
    delete from renewal_attempts where renewal_id = '${id(11)}';
    delete from renewals where renewal_id in ('${id(11)}', '${id(12)}');
    delete from recurring_revenue_days where day = current_date - 1`);
});

test('lists are downloaded as CSV, and the audit log is filtered', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/licenses?status=SUSPENDED' });
  const download = async () => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).last().click()]);
    return [
      file.suggestedFilename(),
      await file.createReadStream().then((stream) => stream.toArray().then((parts) => Buffer.concat(parts))),
    ];
  };
  const [name, content] = await download();
  assert.equal(name, 'licenses.csv');
  const lines = content.toString().trim().split('\n');
  assert.equal(lines.length, 1 + (await page.locator('tbody tr').count()));
  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByLabel('Action').selectOption('license.suspended');
  await page.getByRole('cell', { name: 'License suspended license.suspended' }).first().waitFor();
  await gone(page.getByRole('cell', { name: 'License reinstated license.reinstated' }));
  assert.match(page.url(), /action=license.suspended/);
  assert.match((await download())[1].toString(), /license\.suspended/);
  await page.getByLabel('License ID').fill('abc');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('License ID must be the whole ID of a license.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
  await page.getByLabel('License ID').fill(licenses.nora);
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL((url) => url.searchParams.get('subscription_id') === licenses.nora);
  await gone(page.getByText('License ID must be the whole ID of a license.'));
  await page.goto(`${backend.address}/app/renewals/upcoming?days=30`);
  await page.getByRole('heading', { name: 'Upcoming renewals' }).waitFor();
  await page.getByRole('columnheader', { name: 'Next attempt' }).waitFor();
  assert.match((await download())[1].toString(), /^(reason|subscription_id),/);
  await page.goto(`${backend.address}/app/webhooks`);
  assert.match((await download())[1].toString(), /^endpoint_id,url,types,/);
  await page.goto(`${backend.address}/app/customers/${people.nora}`);
  await page.getByRole('heading', { name: 'Wallet entries' }).waitFor();
  for (const [list, file, header] of [
    ['Devices', 'devices', 'subscription_id,master,name,ea_instance_id,'],
    ['Wallet entries', 'wallet', 'entry_id,at,type,'],
  ]) {
    const button = page.locator('.heading', { hasText: list }).getByRole('button', { name: 'Download CSV' });
    const [saved] = await Promise.all([page.waitForEvent('download'), button.click()]);
    assert.equal(saved.suggestedFilename(), `${file}.csv`);
    assert.ok(
      Buffer.concat(await saved.createReadStream().then((stream) => stream.toArray()))
        .toString()
        .startsWith(header),
      list,
    );
  }
  await page.goto(`${backend.address}/app/licenses/${licenses.nora}/usage`);
  assert.match((await download())[1].toString(), /^at,signals_received,/);
  await close(page);
});

test('an operator adds a webhook endpoint, sees its secret once, disables, replays and removes it', async () => {
  const page = await open(browser, backend, { as: people.operator, path: '/webhooks' });
  const dialog = page.getByRole('dialog');
  await page.getByText('No endpoint receives events.').waitFor();
  await page.getByRole('button', { name: 'Add an endpoint' }).click();
  await dialog.getByLabel('URL').fill('http://hooks.example.com/');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.getByText('Enter an address that begins with https://', { exact: false }).waitFor();
  await dialog.getByLabel('URL').fill('https://192.168.1.7/');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await dialog.getByText('This address is on a private network.', { exact: false }).waitFor();
  assert.doesNotMatch(await dialog.innerText(), /WEBHOOK_ALLOW_PRIVATE|url must/);
  await dialog.getByLabel('URL').fill('https://hooks.example.com/');
  await dialog.getByLabel('Only some types').check();
  await dialog.getByText('Choose at least one type.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Add' }).isDisabled());
  for (const type of ['device.added', 'device.removed']) await dialog.getByLabel(type).check();
  await assertAccessible(page, 'types of events', { within: 'dialog' });
  await takeScreenshot(page, 'story-webhook-types');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await page.getByText(/^whsec_/).waitFor();
  await page.getByText('device.added, device.removed').waitFor();
  await page.getByRole('button', { name: 'Disable' }).click();
  await page.getByRole('button', { name: 'Enable' }).click();
  await page.getByRole('button', { name: 'Disable' }).waitFor();
  await page.getByRole('button', { name: 'Replay' }).click();
  await dialog.getByLabel('From').fill('2026-11-01T00:00:00Z');
  await dialog.getByRole('button', { name: 'Replay' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'New secret' }).click();
  await dialog.getByRole('button', { name: 'Make' }).click();
  await page.getByText('Older secrets also sign until').waitFor();
  await page.reload();
  await page.getByText('https://hooks.example.com/').waitFor();
  await gone(page.getByText(/^whsec_/));
  await page.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No endpoint receives events.').waitFor();
  await close(page);
});

// The last test, because the timer renews other licenses, too.
test('a customer agrees to a new price in two clicks, and the history no longer waits for the consent', async () => {
  backend.sql(`update master_pricing set monthly_fee_usd = 39.50
    where master_id = (select master_id from subscriptions where subscription_id = '${licenses.jonas}')`);
  await backend.runTimer('RunRenewals');
  const page = await open(browser, backend, { as: people.jonas, path: `/licenses/${licenses.jonas}/renewals` });
  await page.getByText('Waits for consent to the new price').waitFor();

  // The mail's link shows the same prices, on a page that needs no sign-in. A former price that isn't known is left out.
  const link = backend.sql(`select payload #>> '{model,link}' from outbox where payload ->> 'template' = 'price_consent'
    and payload ->> 'user_id' = '${people.jonas}'`);
  const mail = await open(browser, backend, { path: link.replace('/app', ''), size: { width: 390, height: 844 } });
  await mail.getByText('$39.50').waitFor();
  await mail.getByText('gold.swing', { exact: true }).waitFor();
  await mail.getByText('Previous price').waitFor();
  await mail.getByText('$29.50').waitFor();
  await mail.getByText('New end', { exact: true }).waitFor();
  await assertAccessible(mail, 'price of the mail');
  await takeScreenshot(mail, 'story-price-phone');
  await mail.route('**/price-consent', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), old_amount_usd: null } });
  });
  await mail.reload();
  await mail.getByText('$39.50').waitFor();
  assert.doesNotMatch(await mail.locator('main').innerText(), /Previous price|–/);
  await close(mail);
  await page.getByRole('banner').getByRole('link', { name: 'Home' }).click();
  const clicks = await countClicks(page);
  await page.getByRole('link', { name: /^See the new price/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The price has increased from $29.50 to $39.50.', { exact: false }).waitFor();
  await dialog.getByText('Mastercard ••4444', { exact: true }).waitFor();
  await assertAccessible(page, 'new price');
  await takeScreenshot(page, 'story-new-price');
  await dialog.getByRole('button', { name: 'Agree and renew' }).click();
  await page.getByText('Renewed', { exact: true }).waitFor();
  assert.equal(clicks(), 2);
  await page.getByRole('cell', { name: '$39.50' }).waitFor();
  await gone(page.getByText('Waiting', { exact: true }));
  assert.doesNotMatch(await page.locator('main').innerText(), /have not agreed/);
  await close(page);
});
