// Every mail as a mail program gets it: sent by the backend over SMTP, and shown in Chromium in the widths of a phone and of a computer,
// light and dark, in each language. The samples are also rendered by MailSampleTests, which compares text and HTML.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Backend, licenses, people, root } from './support/backend.mjs';
import { assertAccessible, close, countClicks, launch, open, takeScreenshot, track } from './support/browser.mjs';

const catcher = `${root}src/DevServices/MailCatcher/catcher.mjs`;
const { simpleParser } = createRequire(catcher)('mailparser');
const templates = `${root}src/LicenseFunctions/Infrastructure/Mail/Templates`;
const languages = readdirSync(templates).flatMap((name) => /^(.+)\.liquid$/.exec(name)?.[1] ?? []);
// Mails to operators are in English only.
const samples = JSON.parse(readFileSync(new URL('support/mails.json', import.meta.url))).flatMap((sample) =>
  sample.template.startsWith('operator_')
    ? [{ ...sample, language: 'en' }]
    : languages.map((language) => ({ ...sample, language, name: language === 'en' ? sample.name : `${sample.name}-${language}` })),
);
const quote = (value) => `'${(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll("'", "''")}'`;

let backend, browser, smtp, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mails-'));
  smtp = spawn('node', [catcher, '--dir', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise((listening, ended) => {
    smtp.stdout.on('data', (text) => listening(/127\.0\.0\.1:\d+/.exec(text)[0]));
    smtp.on('exit', (code) => ended(new Error(`The mail catcher ended with ${code}`)));
  });
  backend = await Backend.start({
    settings: {
      SMTP_URL: `smtp://${address}`,
      MAIL_FROM: 'Northwind Signals <licenses@northwind.example>',
      BRAND_NAME: 'Northwind Signals',
      BRAND_COLOR: '#4b3fc9',
      SUPPORT_EMAIL: 'help@northwind.example',
      ALERT_EMAIL: 'operators@northwind.example',
    },
  });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await backend?.stop();
  smtp?.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('every mail is readable in each width, light and dark, and has nothing to load', async () => {
  backend.sql('update outbox set sent_at = now() where sent_at is null');
  const rows = samples.map(({ name, template, model, language }) => {
    const to = template.startsWith('operator_') ? { to: 'operators@northwind.example' } : { user_id: people.nora, language };
    return `('email', ${quote(name)}, ${quote({ template, ...to, model })})`;
  });
  backend.sql(`insert into outbox (kind, dedup_key, payload) values ${rows.join(', ')}`);
  await backend.runTimer('DrainOutbox');

  const names = new Map(
    backend
      .sql(`select replace(outbox_id::text, '-', '') || ' ' || dedup_key from outbox where attempts > 0 and sent_at is not null`)
      .split('\n')
      .map((row) => row.trim().split(' ')),
  );
  const mails = await Promise.all(readdirSync(folder).map((file) => simpleParser(readFileSync(join(folder, file)))));
  const sent = new Map(mails.map((mail) => [names.get(/^<?(\w+)@/.exec(mail.messageId)[1]), mail]));
  assert.deepEqual([...sent.keys()].sort(), samples.map(({ name }) => name).sort());

  for (const { name } of samples) {
    assert.equal(sent.get(name).replyTo.value[0].address, 'help@northwind.example', name);
    assert.match(sent.get(name).text, /Northwind Signals/, name);
  }

  const reader = await browser.newContext({ reducedMotion: 'reduce' });
  const shown = await reader.newPage();
  const asked = [];
  shown.on('request', (request) => asked.push(request.url()));
  track(shown);
  for (const { name, language } of samples) {
    await shown.setContent(sent.get(name).html);
    assert.equal(await shown.evaluate(() => document.documentElement.lang), language, name);
    for (const scheme of ['light', 'dark']) {
      await shown.emulateMedia({ colorScheme: scheme });
      for (const width of [320, 600]) {
        const what = `${name}, ${width} px, ${scheme}`;
        await shown.setViewportSize({ width, height: 900 });
        const wide = await shown.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${what}: the content is ${wide} px wide`);
        await takeScreenshot(shown, `mail-${name}-${width}-${scheme}`);
      }
      const ground = await shown.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground, scheme === 'dark' ? 'rgb(20, 23, 27)' : 'rgb(246, 248, 250)', name);
      // The languages differ in their texts only, and the other rules don't depend on the colors.
      if (language === 'en') {
        await assertAccessible(shown, `${name}, ${scheme}`, {
          rules: scheme === 'dark' ? ['color-contrast', 'link-in-text-block'] : undefined,
          // A mail is shown within the page of a mail program, which has these landmarks.
          without: ['landmark-one-main', 'region'],
        });
      }
    }
  }
  assert.deepEqual(asked, []);
  await reader.close();

  // The link of an alert's mail opens that alert.
  const alert = samples.find(({ name }) => name === 'operator-alert').model.alerts[0];
  backend.sql(`insert into suspicious_activity_alerts (alert_id, subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${alert.alert_id}', '${licenses.tunde}', '${people.tunde}', '${alert.activity_type}', 'HIGH', 'The alert of the mail', '{}')`);
  const context = await browser.newContext();
  const mail = await context.newPage();
  track(mail);
  await mail.setContent(sent.get('operator-alert').html);
  const link = await mail.getByRole('link', { name: 'Review the alert' }).getAttribute('href');
  await context.close();
  assert.ok(link.startsWith(`${backend.address}/app/`), link);
  const page = await open(browser, backend, { as: people.operator, path: link.slice(`${backend.address}/app`.length) });
  await page.getByText('The alert of the mail').waitFor();
  await page.getByRole('heading', { name: 'Concurrent use' }).waitFor();
  await close(page);
});

test('from an alert mail to a decision in four clicks', async () => {
  const alert = '00000000-0000-4000-8000-0000000008f0';
  backend.sql(`update outbox set sent_at = now() where sent_at is null;
    update suspicious_activity_alerts set operators_told_at = now();
    insert into suspicious_activity_alerts (alert_id, subscription_id, user_id, activity_type, severity, description, evidence)
    values ('${alert}', '${licenses.peter}', '${people.peter}', 'MULTIPLE_IPS', 'HIGH', 'Used from 9 networks', '{}')`);
  await backend.runTimer('ScanUsage');
  await backend.runTimer('DrainOutbox');
  const mails = await Promise.all(readdirSync(folder).map((file) => simpleParser(readFileSync(join(folder, file)))));
  const sent = mails.find(({ html }) => html.includes(`/app/alerts/${alert}`));
  assert.equal(sent.to.value[0].address, 'operators@northwind.example');
  const link = /href="([^"]*8f0)"/.exec(sent.html)[1];

  // This page stands for the mail program.
  const page = await open(browser, backend, { as: people.operator, path: '/system' });
  await page.evaluate((href) => {
    document.body.innerHTML = '<h1>Mail</h1><a>Review the alert</a>';
    document.querySelector('a').href = href;
  }, link);
  const clicks = await countClicks(page);
  await page.getByRole('link', { name: 'Review the alert' }).click();
  await page.getByRole('button', { name: 'Close as resolved…' }).click();
  await page.getByRole('dialog').locator('textarea:focus').waitFor();
  await page.keyboard.type('He moves between his offices.');
  await page.getByRole('dialog').getByRole('button', { name: 'Close as resolved' }).click();
  await page.getByText('1 alert updated.').waitFor();
  assert.ok(clicks() <= 4, `${clicks()} clicks`);
  assert.equal(backend.sql(`select status from suspicious_activity_alerts where alert_id = '${alert}'`), 'RESOLVED');
  await close(page);
});
