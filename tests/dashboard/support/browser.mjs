import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { root } from './backend.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshotFolder = `${root}.local/screenshots`;
mkdirSync(screenshotFolder, { recursive: true });

/** Milliseconds after which a test fails if a condition is not met. Long, because the machine may be busy. */
export const timeoutMs = 180_000;

// The shell has no window. Chromium draws its own even in headless mode, which takes as much CPU time as the page.
const shell = '/usr/bin/chromium-headless-shell';

export const launch = () =>
  chromium.launch({
    executablePath: existsSync(shell) ? shell : '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/**
 * Opens a page and records what a page must never do: log an error, violate its policy, call another origin, shift its layout.
 * With `answers` ('first' or 'last'), responses of the API are delayed and arrive one at a time, the oldest or the newest first.
 */
export async function open(
  browser,
  backend,
  { as, path = '/', size = { width: 1280, height: 900 }, dark = false, timezone, locale = 'en-GB', ownClock = false, answers } = {},
) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: dark ? 'dark' : 'light',
    locale,
    reducedMotion: 'reduce',
    timezoneId: timezone,
  });
  const page = await context.newPage();
  if (ownClock) await page.clock.install();
  page.setDefaultTimeout(timeoutMs);
  page.errors = [];
  track(page);
  page.on('pageerror', (error) => page.errors.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // Chromium logs an error for each failed response of the API. Tests that expect one assert what the page shows.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.errors.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const from = new URL(request.url());
    if (from.protocol.startsWith('http') && from.origin !== backend.address && from.hostname !== '127.0.0.1')
      page.errors.push(`calls ${from.origin}`);
  });
  await page.addInitScript(() => {
    const shifts = [];
    const add = (list) =>
      list.forEach(
        (entry) =>
          entry.hadRecentInput ||
          shifts.push({
            value: entry.value,
            what: entry.sources.map(({ node }) => (node?.outerHTML ?? node?.textContent ?? '?').slice(0, 80)),
          }),
      );
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    globalThis.layoutShifts = () => {
      add(observer.takeRecords());
      return shifts;
    };
  });
  if (as) {
    const { body } = await backend.call('POST', '/app/demo/sign-in', null, { user_id: as }, backend.demoHeaders());
    await page.addInitScript((token) => sessionStorage.setItem('license-session', token), body.token);
  }
  const answer = /\/api\/|\/app\/(config\.json|demo\/)/;
  if (answers) await page.route(answer, (route) => void page.delayed.push(route));
  // Pages are opened as by the address that ./dev run prints; those that need their own fragment don't offer the demo sign-in.
  await page.goto(`${backend.address}/app${path}${path.includes('#') ? '' : `#demo=${backend.demoSecret}`}`);
  if (answers) {
    await deliverAnswers(page, answers);
    await page.unroute(answer);
    // A request that began meanwhile; Playwright may have continued it already.
    for (const route of page.delayed.splice(0)) await route.continue().catch(() => {});
  }
  await waitUntilLoaded(page);
  return page;
}

/** Keeps running requests in page.pending, and those that the test delays in page.delayed. */
export function track(page) {
  page.pending = new Set();
  page.delayed = [];
  page.on('request', (request) => {
    // A new document cancels the requests of the old one, sometimes without an event.
    if (request.isNavigationRequest()) page.pending.clear();
    page.pending.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed'])
    page.on(end, (request) => {
      page.pending.delete(request);
      page.delayed = page.delayed.filter((route) => route.request() !== request);
    });
}

/** A page is loaded if it has a heading and no loading indicator. */
const loaded = () => document.querySelector('h1') !== null && document.querySelector('.skeleton, [aria-busy=true]') === null;

/** Delivers the next response only when the page is idle, which is the worst case for its layout. */
async function deliverAnswers(page, order) {
  for (const until = deadline(page); ; until()) {
    await waitUntilIdle(page);
    const next = order === 'first' ? page.delayed.shift() : page.delayed.pop();
    if (next) await next.continue();
    else if (await page.evaluate(loaded)) return;
  }
}

/** Waits until only delayed requests are running, fonts are loaded, no animation runs, and the last frames are painted. */
async function waitUntilIdle(page) {
  for (const until = deadline(page); ; until()) {
    await page.evaluate(async () => {
      await document.fonts.ready;
      const running = document.getAnimations().filter((one) => one.playState === 'running');
      await Promise.allSettled(running.map((one) => one.finished));
      for (let frame = 0; frame < 2; frame++) await new Promise((painted) => requestAnimationFrame(painted));
    });
    if (page.pending.size === page.delayed.length) return;
  }
}

function deadline(page) {
  const end = Date.now() + timeoutMs;
  return () => {
    if (Date.now() > end) throw new Error(`not idle, running requests: ${[...page.pending].map((request) => request.url()).join(', ')}`);
  };
}

/** Waits until the page is loaded and idle. */
export async function waitUntilLoaded(page) {
  for (const until = deadline(page); ; until()) {
    await page.waitForFunction(loaded);
    await waitUntilIdle(page);
    if (await page.evaluate(loaded)) return;
  }
}

/** Asserts that the layout has shifted by less than 1 % of the view, which is not visible. */
export async function assertNoLayoutShift(page, what) {
  await waitUntilLoaded(page);
  const shifts = await page.evaluate(() => globalThis.layoutShifts());
  const total = shifts.reduce((sum, { value }) => sum + value, 0);
  assert.ok(total < 0.01, `${what}: the layout shifts by ${total}: ${JSON.stringify(shifts, null, 2)}`);
}

/** Asserts that axe reports no serious or critical finding. */
export async function assertAccessible(page, what) {
  await waitUntilLoaded(page);
  await page.evaluate(axe);
  // React Aria's announcer has short-lived texts for screen readers. It refers to elements that may no longer exist.
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ exclude: [['[data-live-announcer]']] }, { resultTypes: ['violations'] }),
  );
  const serious = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  assert.deepEqual(
    serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`),
    [],
    what,
  );
}

export async function takeScreenshot(page, name) {
  await waitUntilLoaded(page);
  await page.screenshot({ path: `${screenshotFolder}/${name}.png`, fullPage: true });
}

export async function close(page) {
  const { errors } = page;
  await page.context().close();
  assert.deepEqual(errors, []);
}
