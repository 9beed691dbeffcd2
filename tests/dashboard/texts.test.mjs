// The catalogs of the pages' texts: complete in each language, used, and shown: no page of a customer has an English text in German.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { partOf } from '../../src/dashboard/texts.parts.mjs';
import { Backend, licenses, people, root } from './support/backend.mjs';
import {
  assertAccessible,
  assertNoLayoutShift,
  assertSmall,
  assertTidy,
  close,
  largestPage,
  launch,
  open,
  takeScreenshot,
  waitUntilLoaded,
} from './support/browser.mjs';

const source = `${root}src/dashboard/src/`;
const catalogs = Object.fromEntries(
  readdirSync(`${source}texts`).map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(`${source}texts/${file}`, 'utf8'))]),
);
// Not the texts of a plural: {n, plural, one {one} other {many}}.
const placeholders = (text) =>
  [...new Set([...text.matchAll(/(?<!(?:\b(?:one|other)|=\d+) )\{(\w+)\s*[,}]/g)].map((match) => match[1]))].sort();

test('each language has each key, with the same placeholders', () => {
  const { en, ...others } = catalogs;
  assert.ok(Object.keys(others).includes('de'));
  for (const [language, texts] of Object.entries(others)) {
    assert.deepEqual(Object.keys(texts).sort(), Object.keys(en).sort(), language);
    for (const key of Object.keys(en)) assert.deepEqual(placeholders(texts[key]), placeholders(en[key]), `${language} ${key}`);
  }
});

// Words that are English only: a German text that has one was not translated.
const onlyEnglish = /\b(the|your|you|and|is|are|not|please|license|renewal|card|until|when|with|this|by|of|to|for)\b/i;

test('no German text has an English word', () => {
  const wrong = Object.entries(catalogs.de).filter(([, text]) =>
    onlyEnglish.test(text.replace(/{(\w+),? ?(plural,)?|\.\/dev [\w ]+/g, '')),
  );
  assert.deepEqual(wrong, []);
});

test('no page of a customer has a text of its own', () => {
  const files = readdirSync(source, { recursive: true }).filter((file) =>
    /^(customer|ui|widget)\/.*\.tsx$|^(App|SignIn|invoices)\.tsx$/.test(file),
  );
  const own = [
    /(?<![=-])>\s*([A-Z][a-z]+(?: [\w’,.]+)*[.!?]?)\s*<\//g,
    /\b(?:label|title|alt|placeholder|help|text|aria-label)="([^"]*[a-z]{2}[^"]*)"/g,
  ];
  const found = files.flatMap((file) => {
    const code = readFileSync(source + file, 'utf8');
    return own.flatMap((kind) => [...code.matchAll(kind)].map(([, text]) => `${file}: ${text}`));
  });
  assert.deepEqual(found, []);
});

test('each text is used by a page', () => {
  const code = readdirSync(source, { recursive: true })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => readFileSync(source + file, 'utf8'))
    .join('\n');
  // A group is read by a code of the backend: word('status', code).
  const groups = [...code.matchAll(/word\(\s*'([\w.]+)'/g)].map((match) => `${match[1]}.`);
  const unused = Object.keys(catalogs.en).filter((key) => !code.includes(`'${key}'`) && !groups.some((group) => key.startsWith(group)));
  assert.deepEqual(unused, []);
});

test('each page loads the parts of the catalog that it shows, and no others', () => {
  const code = (file) => readFileSync(source + file, 'utf8');
  const fileOf = (from, to) => ['.tsx', '.ts'].map((end) => join(dirname(from), to) + end).find((file) => existsSync(source + file));
  const lazily = /lazy\(\(\) =>\s*(?:withTexts\(\s*)?import\('([^']+)'\)([^;]*);/g;
  /** The files of a page. What declares its own parts is another page. */
  const filesOf = (file, found = new Set()) => {
    if (!file || found.has(file)) return found;
    found.add(file);
    const own = code(file)
      .replace(/import type [^;]*;/g, '')
      .replace(lazily, (whole) => (whole.includes('withTexts') ? '' : whole));
    for (const [, to] of own.matchAll(/(?:from |import\()'(\.[^']*)'/g)) filesOf(fileOf(file, to), found);
    return found;
  };
  const keys = Object.keys(catalogs.en);
  const partsIn = (file) => {
    const text = code(file);
    if (!/import [^;]*\b(t|word)\b[^;]* from '[./]+language'/.test(text)) return [];
    const groups = [...text.matchAll(/word\(\s*'([\w.]+)'/g)].map((match) => `${match[1]}.`);
    return keys.filter((key) => text.includes(`'${key}'`) || groups.some((group) => key.startsWith(group))).map(partOf);
  };
  const wrong = ['App.tsx', 'customer/License.tsx'].flatMap((parent) =>
    [...code(parent).matchAll(lazily)].flatMap(([, page, rest]) => {
      const declared = [...rest.matchAll(/'(\w+)'/g)].map((match) => match[1]).sort();
      const used = new Set([...filesOf(fileOf(parent, page))].flatMap(partsIn));
      used.delete('first');
      // language.ts loads it for the languages that need it.
      used.delete('problem');
      return String(declared) === String([...used].sort()) ? [] : [`${page} loads ${declared}, and shows ${[...used].sort()}`];
    }),
  );
  assert.deepEqual(wrong, []);
  for (const part of new Set(keys.map(partOf))) assert.ok(code('language.ts').includes(`query: '?${part}'`), part);
});

test('each change of the audit log and each timer has words', () => {
  const files = ['src/LicenseFunctions', 'src/Licensing', 'src/LicenseTool', 'sql/repeatable'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true })
      .filter((file) => /\.(cs|sql)$/.test(file) && !/(^|\/)(bin|obj)\//.test(file))
      .map((file) => readFileSync(`${root}${folder}/${file}`, 'utf8')),
  );
  const records = readFileSync(`${source}operator/records.ts`, 'utf8');
  const found = (pattern, texts) => [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1])))].sort();
  const audited = files.filter((text) => /AuditRow\(|\bAudit\b|audit_log/.test(text));
  const kinds = 'alert|customer|dead_letter|device|license|outbox|payment|payment_case|payment_method|person|renewal|token|webhook';
  const actions = found(new RegExp(`["']((?:${kinds})\\.[a-z_]+)["']`, 'g'), audited);
  assert.ok(actions.length > 40, `${actions}`);
  assert.deepEqual(
    actions.filter((action) => !records.includes(`'${action}':`)),
    [],
  );
  const timers = found(/\[Function\("(\w+)"\)\](?:(?!\[Function)[^])*?\[TimerTrigger/g, files);
  assert.ok(timers.length > 10, `${timers}`);
  assert.deepEqual(
    timers.filter((timer) => !records.includes(`  ${timer}:`)),
    [],
  );
});

test('each event type can be chosen for a webhook', () => {
  const types = (file, pattern) => [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => match[1]);
  const all = types(`${root}src/Licensing/Webhooks/EventTypes.cs`, /"([a-z]+\.[a-z_]+)"/g);
  assert.ok(all.length > 10, `${all}`);
  assert.deepEqual(types(`${source}operator/eventTypes.ts`, /^ {2}'([^']+)':/gm), all);
});

let backend, browser;

before(async () => {
  backend = await Backend.start();
  browser = await launch();
});

after(async () => {
  console.log(`# largest page: ${largestPage()}`);
  await browser?.close();
  await backend?.stop();
});

const phone = { width: 390, height: 844 };
const tablet = { width: 768, height: 1024 };

/** Words of English texts that a German page may not have, without those that are the same in both languages. */
const english = (() => {
  const words = (text) => text.toLowerCase().match(/[a-zäöüß]{3,}/g) ?? [];
  const german = new Set(Object.values(catalogs.de).flatMap(words));
  return new Set(
    Object.values(catalogs.en)
      .flatMap(words)
      .filter((word) => !german.has(word)),
  );
})();

/** Texts of the page that aren't German, or have no values. */
async function findEnglish(page, what) {
  await waitUntilLoaded(page);
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'de', what);
  const shown = await page.evaluate(() => {
    const own = [...document.querySelectorAll('[lang]:not(html)')];
    const texts = [document.title, ...[...document.querySelectorAll('[aria-label]')].map((one) => one.getAttribute('aria-label'))];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { parentElement } = walker.currentNode;
      if (!own.some((one) => one.contains(parentElement)) && !parentElement.closest('script, noscript, code, .language'))
        texts.push(walker.currentNode.data);
    }
    return texts;
  });
  // Names of devices, masters, people and places are no texts of the pages.
  const names = /\b(EA-[\w-]+|[\w.]+@example\.com|(alpine|gold|night|free|unpriced)\.\w+|VPS)\b/g;
  const found = shown.filter((text) =>
    (
      text
        .replace(names, '')
        .toLowerCase()
        .match(/[a-zäöüß]{3,}/g) ?? []
    ).some((word) => english.has(word)),
  );
  const keys = shown.filter((text) => text in catalogs.en || /\{\w+\b.*\}/.test(text));
  return [...found, ...keys].map((text) => `${what}: ${text}`);
}

const assertGerman = async (page, what) => assert.deepEqual(await findEnglish(page, what), []);

// With the buttons that open a dialog.
const pages = [
  ['sign-in', null, '/'],
  ['not-found', people.nora, '/nowhere'],
  ['home', people.sara, '/'],
  ['home-nothing', people.nora, '/'],
  ['home-grace', people.amara, '/'],
  ['home-revoked', people.oskar, '/'],
  ['home-unpriced', people.samir, '/'],
  ['wallet', people.nora, '/wallet'],
  ['invoices', people.nora, '/invoices', 'Hinzufügen'],
  ['licenses', people.yuki, '/licenses'],
  ['closing-only', people.paul, `/licenses/${licenses.paul}`],
  ['health', people.sara, `/licenses/${licenses.sara}`],
  ['health-revoked', people.oskar, `/licenses/${licenses.oskar}`],
  ['usage', people.nora, `/licenses/${licenses.nora}/usage?span=month`],
  ['devices', people.sara, `/licenses/${licenses.sara}/devices`, 'Umbenennen', 'Entfernen', 'Dieses behalten …'],
  ['renewals', people.amara, `/licenses/${licenses.amara}/renewals`],
  ['renewals-early', people.nora, `/licenses/${licenses.nora}/renewals`],
  ['renewals-never', people.george, `/licenses/${licenses.george}/renewals`],
  ['activity', people.sara, `/licenses/${licenses.sara}/activity`, 'Token ändern'],
  ['activity-question', people.marco, `/licenses/${licenses.marco}/activity`],
  ['suspension', people.sara, `/licenses/${licenses.sara}/suspension`],
  ['suspension-expired', people.paul, `/licenses/${licenses.paul}/suspension`],
  ['cards', people.amara, '/payment-methods', 'Entfernen'],
  ['cards-planned', people.rosa, '/payment-methods', 'Entfernen'],
  ['add-card', people.amara, '/payment-methods?add'],
  ['confirm', people.hana, `/payment-methods/confirm/${licenses.hana}`],
  ['price', null, '/price#nonsense'],
  ['was-this-you', null, '/was-this-you#nonsense'],
];

test('in German, no page of a customer has an English text, and each is accessible, tidy and does not shift', async () => {
  const wrong = [];
  for (const [name, as, path, ...dialogs] of pages) {
    const page = await open(browser, backend, { as, path, size: tablet, locale: 'de-DE', answers: 'first' });
    await assertSmall(page, `${name} in German`);
    await assertNoLayoutShift(page, `${name} in German`);
    wrong.push(...(await findEnglish(page, name)));
    // What the language changes; pages.test.mjs has the other rules.
    await assertAccessible(page, `${name} in German`, {
      rules: ['html-has-lang', 'html-lang-valid', 'valid-lang', 'document-title', 'button-name', 'link-name', 'label', 'aria-allowed-attr'],
    });
    await assertTidy(page, `${name} in German, tablet`);
    await takeScreenshot(page, `german-${name}-tablet`);
    await page.setViewportSize(phone);
    await assertTidy(page, `${name} in German`);
    await takeScreenshot(page, `german-${name}-phone`);
    for (const button of dialogs) {
      await page.getByRole('button', { name: button }).first().click();
      await page.getByRole('dialog').waitFor();
      wrong.push(...(await findEnglish(page, `${name}, ${button}`)));
      await takeScreenshot(page, `german-${name}-${button.replace(/\W+/g, '')}`);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await close(page);
  }
  assert.deepEqual(wrong, []);
});

/** Each kind of task in each stage that it can have, with each reason that has a text of its own. */
const tasks = [
  ['LIFT_SUSPENSION', ['ENDED'], 'DEVICE_LIMIT'],
  ['APPEAL', ['ENDED'], 'DETECTOR'],
  ['RENEW_EXPIRED', ['ENDED']],
  ['ASK_PLATFORM', ['ENDED'], 'SUSPENDED'],
  ['ASK_PLATFORM', ['RUNNING', 'IN_GRACE', 'ENDED'], 'locked_no_funds'],
  ['CONFIRM_PAYMENT', ['RUNNING', 'IN_GRACE', 'ENDED'], 'requires_action'],
  ['AGREE_TO_PRICE', ['RUNNING', 'IN_GRACE', 'ENDED'], 'price_consent'],
  ['AGREE_TO_PRICE', ['RUNNING', 'IN_GRACE', 'ENDED'], 'price_consent', null],
  ['RENEW_IN_GRACE', ['IN_GRACE']],
  ['ANSWER_ALERT', ['RUNNING']],
  ['CHANGE_TOKEN', ['RUNNING']],
  ['CONNECT_EA', ['RUNNING']],
  ['REPLACE_CARD', ['RUNNING', 'IN_GRACE', 'ENDED'], 'expired_card'],
  ['ADD_PAYMENT_METHOD', ['RUNNING', 'IN_GRACE', 'ENDED'], 'no_payment_method'],
  ['ADD_MONEY', ['RUNNING', 'IN_GRACE', 'ENDED'], 'no_payment_method'],
  ['ADD_MONEY', ['RUNNING', 'IN_GRACE', 'ENDED'], 'unknown_payment_provider'],
  ['RENEW_MANUALLY', ['RUNNING'], 'auto_renew_off'],
  ['RENEW_MANUALLY', ['RUNNING'], 'paid_before'],
  ['SET_UP_RENEWAL', ['RUNNING']],
  ['SET_UP_RENEWAL', ['RUNNING'], 'no_payment_method'],
  ['ENDS_FOR_GOOD', ['RUNNING', 'IN_GRACE', 'ENDED'], 'no_active_price'],
  ['ENDS_FOR_GOOD', ['RUNNING', 'IN_GRACE', 'ENDED'], 'account_closed'],
  ['DECIDE_DEVICE', ['RUNNING']],
  ['AWAIT_REVIEW', ['ENDED'], 'DETECTOR'],
  ['APPEAL_REVIEWED', ['ENDED'], 'DETECTOR'],
  ['ASK_SUPPORT', ['ENDED'], 'REVOKED'],
].flatMap(([kind, stages, reason = null, old = 29.5]) =>
  stages.map((stage) => ({ kind, stage, reason, old_amount_usd: old, until: stage === 'ENDED' ? null : '2026-12-01T10:00:00Z' })),
);

for (const locale of ['en-US', 'de-DE'])
  test(`each task in each stage has its texts with all values (${locale})`, async () => {
    const kinds = Object.keys(catalogs.en).filter((key) => key.startsWith('home.do.'));
    assert.deepEqual([...new Set(tasks.map((task) => `home.do.${task.kind}`))].sort(), kinds.sort());
    const page = await open(browser, backend, { as: people.nora, path: '/wallet', locale });
    await page.route('**/api/v1/tasks', (route) =>
      route.fulfill({
        json: {
          tasks: tasks.map((task, n) => ({ ...task, subscription_id: `${n}`, master: 'gold.swing', amount_usd: 39.5, alert_id: null })),
          renewals: [],
        },
      }),
    );
    await page.goto(`${backend.address}/app/`);
    await page.locator('.task').first().waitFor();
    assert.equal(await page.locator('.task').count(), 6);
    await page.getByRole('button', { name: `${tasks.length}` }).click();
    const shown = await page
      .locator('.task')
      .evaluateAll((cards) => cards.map((card) => ['h3', 'p', 'a'].map((part) => card.querySelector(part).textContent.trim())));
    assert.equal(shown.length, tasks.length);
    const wrong = tasks.filter(
      ({ stage }, n) =>
        shown[n].some((text) => text === '' || /–|[{}]|: ?\.|undefined|null/.test(text)) ||
        // What has ended doesn't work until a day.
        (stage === 'ENDED' && shown[n].some((text) => /\b(until|bis)\b/.test(text))),
    );
    assert.deepEqual(wrong, []);
    if (locale === 'de-DE') await assertGerman(page, 'tasks');
    await takeScreenshot(page, `tasks-${locale}`);
    await close(page);
  });

test('dialogs and problems are in German, too', async () => {
  const renew = await open(browser, backend, { as: people.amara, path: `/licenses/${licenses.amara}/renewals?renew`, locale: 'de-AT' });
  await renew.getByRole('dialog').getByText('Visa ••9995', { exact: true }).waitFor();
  await renew.getByRole('dialog').getByText('49,00').first().waitFor();
  await assertGerman(renew, 'the renewal');
  await assertSmall(renew, 'the dialog of the renewal');
  await takeScreenshot(renew, 'german-renewal');
  await close(renew);

  const choice = await open(browser, backend, { as: people.amara, path: '/wallet', locale: 'de', size: phone, dark: true });
  await choice.route('**/api/v1/payment-methods', async (route) => {
    const response = await route.fetch();
    const reply = await response.json();
    const [card] = reply.payment_methods;
    const others = [
      ['4242', 'VALID'],
      ['1881', 'EXPIRED'],
    ].map(([last_four, validity]) => ({ ...card, payment_method_id: last_four, last_four, validity, is_default: false }));
    await route.fulfill({ response, json: { ...reply, payment_methods: [card, ...others] } });
  });
  await choice.route('**/api/v1/licenses/*/renewals', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), card_is_rejected: true } });
  });
  await choice.goto(`${backend.address}/app/licenses/${licenses.amara}/renewals?renew`);
  await choice.getByText('Standard · Endgültig abgelehnt').waitFor();
  await choice.getByText('Visa ••4242 wird auch Ihre Standard-Zahlungsart', { exact: false }).waitFor();
  await assertGerman(choice, 'the choice of a payment method');
  await takeScreenshot(choice, 'german-choice-phone');
  await close(choice);

  const keep = await open(browser, backend, { as: people.sara, path: `/licenses/${licenses.sara}/devices`, locale: 'de' });
  await keep.route('**/devices/keep', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'retry-after': '86400', 'content-type': 'application/problem+json' },
      json: { code: 'DEVICE_CHANGE_LIMIT', detail: 'A license can change devices 5 times in 30 days.', hint: 'Wait.' },
    }),
  );
  await keep.getByRole('button', { name: 'Dieses behalten …' }).click();
  await keep.getByRole('dialog').getByRole('radio').first().check();
  await keep.getByRole('dialog').getByRole('button', { name: 'Dieses behalten' }).click();
  await keep.getByRole('alert').getByText('Eine Lizenz kann ihre Geräte in 30 Tagen fünfmal wechseln.').waitFor();
  await assertGerman(keep, 'a problem');
  await close(keep);

  // An earlier version recorded reasons without codes.
  const health = await open(browser, backend, { as: people.sara, path: '/licenses', locale: 'de' });
  await health.route('**/health', async (route) => {
    const response = await route.fetch();
    const change = { day: '2026-11-20', from: 80, to: 60, came: ['Two devices shared the license'], went: [] };
    const reasons = { came_because: [{ reason: change.came[0], code: null, values: null }], went_because: [] };
    await route.fulfill({ response, json: { ...(await response.json()), changes: [{ ...change, ...reasons }] } });
  });
  await health.goto(`${backend.address}/app/licenses/${licenses.sara}`);
  await health.getByText('Der Grund wurde nur auf Englisch aufgezeichnet:', { exact: false }).waitFor();
  await health.locator('[lang=en]', { hasText: 'Two devices shared the license' }).waitFor();
  await assertGerman(health, 'a reason of an earlier version');
  await takeScreenshot(health, 'german-health-english-reason');
  await close(health);
});

const languageOf = (person) => backend.sql(`select language from customer_languages where user_id = '${person}'`);

test('mails are in the language in which the pages were shown first, until the customer chooses one', async () => {
  await close(await open(browser, backend, { as: people.kofi, path: '/wallet', locale: 'de-CH' }));
  assert.equal(languageOf(people.kofi), 'de');
  await close(await open(browser, backend, { as: people.kofi, path: '/wallet' }));
  assert.equal(languageOf(people.kofi), 'de');
});

test('the language is chosen in the header and remembered; operators’ pages are in English', async () => {
  const page = await open(browser, backend, { as: people.mira, path: '/' });
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  assert.equal(languageOf(people.mira), 'en');
  const saved = page.waitForResponse((response) => response.url().endsWith('/api/v1/me/language'));
  await page.getByLabel('Language').selectOption({ label: 'Deutsch' });
  await page.getByRole('heading', { name: 'Ihre Lizenzen' }).waitFor();
  assert.equal((await saved).status(), 204);
  assert.equal(languageOf(people.mira), 'de');
  await page.reload();
  await page.getByRole('heading', { name: 'Ihre Lizenzen' }).waitFor();
  await page.getByRole('button', { name: 'Abmelden' }).click();
  await page.getByRole('heading', { name: 'Anmelden' }).waitFor();
  await page.getByRole('button', { name: 'olga.operator' }).click();
  await page.getByRole('heading', { name: 'Alerts', exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  await close(page);
});

test('a link of a mail shows the pages in the mail’s language, until another one is chosen', async () => {
  const page = await open(browser, backend, { as: people.nora, path: '/wallet?lang=de#entries', locale: 'en-US' });
  await page.getByRole('heading', { name: 'Buchungen' }).waitFor();
  assert.equal(page.url(), `${backend.address}/app/wallet#entries`);
  await page.reload();
  await page.getByRole('heading', { name: 'Buchungen' }).waitFor();
  await page.getByLabel('Sprache').selectOption({ label: 'English' });
  await page.getByRole('heading', { name: 'Entries' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Entries' }).waitFor();
  await close(page);
});
