import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { root } from './backend.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = `${root}.local/screenshots`;
mkdirSync(shots, { recursive: true });

export const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A page that notes what a page must never do: complain, break its policy, ask elsewhere, jump. */
export async function open(browser, backend, { as, path = '/', size = { width: 1280, height: 900 }, dark = false, timezone, ownClock = false } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', reducedMotion: 'reduce', timezoneId: timezone });
  const page = await context.newPage();
  if (ownClock) await page.clock.install();
  page.setDefaultTimeout(60_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refusal of the API is told by Chromium as an error; what the page makes of it is tested where it is expected.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const from = new URL(request.url());
    if (from.protocol.startsWith('http') && from.origin !== backend.address && from.hostname !== '127.0.0.1') page.faults.push(`asks ${from.origin}`);
  });
  await page.addInitScript(() => {
    globalThis.jumped = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => entry.hadRecentInput || (globalThis.jumped += entry.value))).observe({ type: 'layout-shift', buffered: true });
  });
  if (as) {
    const { body } = await backend.call('POST', '/app/demo/sign-in', null, { user_id: as });
    await page.addInitScript((token) => sessionStorage.setItem('license-session', token), body.token);
  }
  await page.goto(`${backend.address}/app${path}`);
  await settled(page);
  return page;
}

/** Loaded: there is a heading, and nothing says that it is loading. */
export const settled = (page) => page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('.skeleton'));

/** No finding of axe that is serious or worse. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  // React Aria's announcer is written for a moment, for ears only, and names elements that may be gone by then.
  const { violations } = await page.evaluate(() => globalThis.axe.run({ exclude: [['[data-live-announcer]']] }, { resultTypes: ['violations'] }));
  const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  assert.deepEqual(serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`), [], what);
}

export const shot = (page, name) => page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });

export async function close(page) {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, []);
}
