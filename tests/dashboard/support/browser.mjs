import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
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
      // Without the second of V8's three compilers: a page is used too shortly for it.
      '--js-flags=--no-maglev',
    ],
  });

// Pages that are not in use, by locale and time zone. A page that is opened again has the program in memory and the files in its cache.
const idle = new Map();

/** Runs in each document before the page: collects layout shifts and, if asked, holds answers of the API back. */
function prepare() {
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

  const order = sessionStorage.getItem('test-answers');
  if (!order) return;
  sessionStorage.removeItem('test-answers');
  const held = [];
  let [number, running, isFree] = [0, 0, false];
  const send = globalThis.fetch;
  globalThis.fetch = async (...request) => {
    const n = number++;
    running++;
    const answer = send(...request);
    await answer.catch(() => {});
    if (!isFree) await new Promise((deliver) => held.push({ n, deliver }));
    running--;
    return answer;
  };
  /** Delivers the oldest or the newest answer. False if there is none; undefined if one has not arrived yet. */
  globalThis.deliverAnswer = () => {
    if (held.length < running) return undefined;
    held.sort((a, b) => (order === 'first' ? a.n - b.n : b.n - a.n));
    held[0]?.deliver();
    return held.shift() !== undefined;
  };
  globalThis.deliverAll = () => {
    isFree = true;
    held.splice(0).forEach(({ deliver }) => deliver());
  };
}

async function takePage(browser, locale, timezoneId) {
  const key = `${locale} ${timezoneId}`;
  const found = idle.get(key)?.pop();
  if (found) return found;
  const page = await (await browser.newContext({ locale, timezoneId, reducedMotion: 'reduce' })).newPage();
  page.setDefaultTimeout(timeoutMs);
  page.idleKey = key;
  page.errors = [];
  track(page);
  page.on('pageerror', (error) => page.errors.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // Chromium logs an error for each failed response of the API. Tests that expect one assert what the page shows.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.errors.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const from = new URL(request.url());
    if (from.protocol.startsWith('http') && from.origin !== page.origin && from.hostname !== '127.0.0.1')
      page.errors.push(`calls ${from.origin}`);
  });
  await page.addInitScript(prepare);
  return page;
}

/**
 * Opens a page and records what a page must never do: log an error, violate its policy, call another origin, shift its layout.
 * With `answers` ('first' or 'last'), responses of the API arrive one at a time, the oldest or the newest first.
 */
export async function open(
  browser,
  backend,
  { as, path = '/', size = { width: 1280, height: 900 }, dark = false, timezone, locale = 'en-GB', ownClock = false, answers } = {},
) {
  const page = await takePage(browser, locale, timezone);
  page.origin = backend.address;
  if (ownClock) {
    page.isSpent = true;
    await page.clock.install();
  }
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  const token = as && (await backend.call('POST', '/app/demo/sign-in', null, { user_id: as }, backend.demoHeaders())).body.token;
  // Any document of the origin, for its storage. It also ends the page that was open before.
  await page.goto(`${backend.address}/app/config.json`);
  await page.evaluate(
    ([session, order]) => {
      localStorage.clear();
      sessionStorage.clear();
      if (session) sessionStorage.setItem('license-session', session);
      if (order) sessionStorage.setItem('test-answers', order);
    },
    [token, answers],
  );
  page.errors = [];
  // Pages are opened as by the address that ./dev run prints; those that need their own fragment don't offer the demo sign-in.
  await page.goto(`${backend.address}/app${path}${path.includes('#') ? '' : `#demo=${backend.demoSecret}`}`);
  if (answers) await deliverAnswers(page);
  await waitUntilLoaded(page);
  return page;
}

/** Keeps the running requests of a page in page.pending. */
export function track(page) {
  page.pending = new Set();
  page.on('request', (request) => {
    // A new document cancels the requests of the old one, sometimes without an event.
    if (request.isNavigationRequest()) page.pending.clear();
    page.pending.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => page.pending.delete(request));
}

/** A page is loaded if it has a heading and no loading indicator. */
const loaded = () => document.querySelector('h1') !== null && document.querySelector('.skeleton, [aria-busy=true]') === null;

/** Delivers the next response only when the page is idle, which is the worst case for its layout. */
async function deliverAnswers(page) {
  for (const until = deadline(page); ; until()) {
    await waitUntilIdle(page);
    if ((await page.evaluate(() => globalThis.deliverAnswer())) === false && (await page.evaluate(loaded))) break;
  }
  await page.evaluate(() => globalThis.deliverAll());
}

/** Waits until no request is running, fonts are loaded, no animation runs, and the last frames are painted. */
async function waitUntilIdle(page) {
  for (const until = deadline(page); ; until()) {
    await page.evaluate(async () => {
      await document.fonts.ready;
      const running = document.getAnimations().filter((one) => one.playState === 'running');
      await Promise.allSettled(running.map((one) => one.finished));
      for (let frame = 0; frame < 2; frame++) await new Promise((painted) => requestAnimationFrame(painted));
    });
    if (page.pending.size === 0) return;
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

const mostBytes = 130 * 1024;
/** The sizes of files with gzip, by their address. */
const packed = new Map();

let largest = { bytes: 0 };

/** The largest page so far. */
export const largestPage = () => `${Math.round(largest.bytes / 1024)} KB gzip: ${largest.what}`;

const packedSize = (address) =>
  new Promise((found, failed) => {
    get(address, { headers: { 'accept-encoding': 'gzip' } }, async (answer) => {
      let bytes = 0;
      for await (const part of answer) bytes += part.length;
      if (answer.headers['content-encoding'] === 'gzip') found(bytes);
      else failed(new Error(`${address} is not compressed`));
    }).on('error', failed);
  });

/**
 * Asserts that the document and all files that the page has used so far are at most 130 KB with gzip. Files from the cache count. Answers
 * of the API don't.
 */
export async function assertSmall(page, what) {
  await waitUntilLoaded(page);
  const used = await page.evaluate(() => [
    location.origin + location.pathname,
    ...performance.getEntriesByType('resource').map((entry) => entry.name),
  ]);
  const files = [...new Set(used)].filter((address, n) => n === 0 || address.startsWith(`${page.origin}/app/assets/`));
  for (const file of files) if (!packed.has(file)) packed.set(file, await packedSize(file));
  const sizes = files.map((file) => [packed.get(file), new URL(file).pathname]).sort((a, b) => b[0] - a[0]);
  const total = sizes.reduce((sum, [bytes]) => sum + bytes, 0);
  assert.ok(files.length > 2 && total < mostBytes, `${what}: ${total} bytes:\n${sizes.map((one) => one.join(' ')).join('\n')}`);
  if (total > largest.bytes) largest = { bytes: total, what };
}

/** Asserts that axe reports no finding, however small: by all its rules, by these or without those, on the page or within one element. */
export async function assertAccessible(page, what, { rules, without = [], within } = {}) {
  await waitUntilLoaded(page);
  if (await page.evaluate(() => !globalThis.axe)) await page.evaluate(axe);
  const { violations } = await page.evaluate(
    ([only, off, include]) =>
      globalThis.axe.run(include ? { include: [[include]] } : document, {
        resultTypes: ['violations'],
        preload: false,
        rules: Object.fromEntries(off.map((rule) => [rule, { enabled: false }])),
        ...(only && { runOnly: only }),
      }),
    [rules, without, within],
  );
  assert.deepEqual(
    violations.map((one) => `${one.id} (${one.impact}): ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`),
    [],
    what,
  );
}

// What colors can change.
const ofColors = ['color-contrast', 'link-in-text-block'];

// What the colors or the space of a view can change. The other rules are about the document, which is the same in each view.
const ofViews = [
  ...ofColors,
  'target-size',
  'scrollable-region-focusable',
  'heading-order',
  'landmark-unique',
  'page-has-heading-one',
  'empty-table-header',
  'region',
];

/** The same light and dark, beginning with the scheme that the page has. */
export async function assertAccessibleInSchemes(page, what, { rules } = {}) {
  const [first, second] = (await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches))
    ? ['dark', 'light']
    : ['light', 'dark'];
  await assertAccessible(page, `${what}, ${first}`, { rules });
  await page.emulateMedia({ colorScheme: second });
  await assertAccessible(page, `${what}, ${second}`, { rules: ofColors });
  await page.emulateMedia({ colorScheme: first });
}

/** Both again, in a view of another size. */
export const assertAccessibleInView = (page, what) => assertAccessibleInSchemes(page, what, { rules: ofViews });

/** Asserts what axe doesn't look for: a page that is hard to read. `page` is at the size that is looked at. */
export async function assertTidy(page, what) {
  await waitUntilLoaded(page);
  assert.deepEqual(await page.evaluate(findUntidy), [], what);
}

function findUntidy() {
  const faults = [];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().height > 1;
  const shown = (selector, root = document) => [...root.querySelectorAll(selector)].filter(isShown);
  const name = (element) => `${element.tagName.toLowerCase()}.${element.className} “${element.textContent.trim().slice(0, 60)}”`;
  const box = (element) => element.getBoundingClientRect();

  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');

  // What is too wide shows at its edge that it continues. A table is never too wide on a phone, nor, if its rows can be boxes, on a tablet.
  for (const one of shown('.table-scroll, .scrolls')) {
    if (one.scrollWidth <= one.clientWidth + 1) continue;
    const { backgroundImage, backgroundAttachment } = getComputedStyle(one);
    const isCued = backgroundImage.split('linear-gradient').length === 5 && backgroundAttachment.startsWith('local, local, scroll, scroll');
    if (!isCued) faults.push(`nothing shows that it continues: ${name(one)}`);
    if (one.matches('.table-scroll') && (innerWidth < 640 || (innerWidth <= 900 && one.querySelector('.stacks'))))
      faults.push(`too wide for a phone or tablet: ${name(one)}`);
    if (innerWidth >= 1280) faults.push(`cut off on a wide screen: ${name(one)}`);
  }

  // The active link of a line of links is in view.
  for (const active of shown('nav.scrolls .active')) {
    const nav = active.closest('nav');
    if (box(active).right > box(nav).right + 1 || box(active).left < box(nav).left - 1) faults.push(`out of view: ${name(active)}`);
  }

  // What is wider than its cell covers the next one.
  for (const cell of shown('td')) if (cell.scrollWidth > cell.clientWidth + 1) faults.push(`wider than its cell: ${name(cell)}`);

  // Text in a column so narrow that it runs a word a line.
  for (const one of shown('main :is(td, th, dd, dt, p, li, h1, h2, h3, .badge, .button)')) {
    if (one.querySelector('details, pre')) continue;
    const words = one.innerText.trim().split(/\s+/).length;
    const range = document.createRange();
    range.selectNodeContents(one);
    const lines = new Set([...range.getClientRects()].filter(({ width }) => width > 0).map(({ top }) => Math.round(top / 8))).size;
    if (words >= 4 && lines >= words) faults.push(`a word a line: ${name(one)}`);
  }

  // Boxes and buttons that touch what is above them.
  const boxes = '.card, .notice, .table-scroll, .empty, .cards, .actions, .filters, .button, .tabs';
  for (const one of shown('main *')) {
    const above = one.previousElementSibling;
    if (!above || !isShown(above) || !(one.matches(boxes) || above.matches(boxes))) continue;
    if (getComputedStyle(one).position === 'absolute' || getComputedStyle(above).position === 'absolute') continue;
    // What a group begins with counts, with the space above it.
    let first = one;
    while (!first.matches(boxes) && first.firstElementChild) first = first.firstElementChild;
    const [a, b] = [box(above), box(first)];
    const gap = b.top + (first.matches('.actions') ? parseFloat(getComputedStyle(first).paddingTop) : 0) - a.bottom;
    if (gap > -2 && gap < 6 && b.left < a.right && a.left < b.right)
      faults.push(`${Math.round(gap)} px between ${name(above)} and ${name(one)}`);
  }

  // A badge is beside its heading, not below it.
  if (innerWidth >= 700)
    for (const badge of shown('.page-title > .badge, .spread > .badge')) {
      const heading = badge.parentElement.querySelector('h1, h2, h3');
      const middle = (box(badge).top + box(badge).bottom) / 2;
      if (heading && (middle < box(heading).top || middle > box(heading).bottom)) faults.push(`not beside its heading: ${name(badge)}`);
    }

  // Cards that repeat their name, tables that repeat a row.
  for (const card of shown('.cards > .card')) {
    const title = card.querySelector('h2, h3')?.innerText;
    if (shown('dd, p', card).some((one) => one.innerText === title)) faults.push(`repeats its name: ${name(card)}`);
  }
  for (const table of shown('main table')) {
    const rows = shown('tbody tr', table).map((row) => row.innerText);
    const often = rows.find((row, n) => rows.indexOf(row) === n && rows.filter((other) => other === row).length > 2);
    if (often) faults.push(`says the same in several rows: ${often}`);
  }

  // IDs in place of names, days as computers write them, legends without a text.
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (parentElement.closest('code, pre, textarea') || !isShown(parentElement)) continue;
    if (/\b[0-9a-f]{8}-[0-9a-f]{4}-|^[0-9a-f]{12}$/.test(data.trim())) faults.push(`an ID: ${data}`);
    if (/\b\d{4}-\d{2}-\d{2}|\b\d{1,2}\/\d{1,2}\/\d{4}/.test(data)) faults.push(`a day: ${data}`);
    if (/^\d{4}-\d{2}$/.test(data.trim())) faults.push(`a month: ${data}`);
    if (/(^|[\s(])-\p{Sc}?\d/u.test(data)) faults.push(`a hyphen as the minus sign: ${data}`);
  }
  for (const legend of shown('.u-legend')) if (/--|–|: *$/.test(legend.innerText)) faults.push(`a legend: ${legend.innerText}`);
  return faults;
}

/** For people who look at the pages: SCREENSHOTS=1 ./dev test dashboard. */
export async function takeScreenshot(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await waitUntilLoaded(page);
  await page.screenshot({ path: `${screenshotFolder}/${name}.png`, fullPage: true });
}

/** The same, light and dark. */
export async function takeScreenshots(page, name) {
  if (!process.env.SCREENSHOTS) return;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await takeScreenshot(page, `${name}-${colorScheme}`);
  }
}

/** Asserts that the page has made no error, and keeps it for the next test. A page that a test has changed for good (isSpent) is closed. */
export async function close(page) {
  const { errors } = page;
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  if (page.isSpent) await page.context().close();
  else idle.set(page.idleKey, [...(idle.get(page.idleKey) ?? []), page]);
  assert.deepEqual(errors, []);
}

/** Counts the clicks on a page from now on, also over navigations. */
export async function countClicks(page) {
  let clicks = 0;
  page.isSpent = true;
  await page.exposeFunction('countClick', () => clicks++);
  const listen = () => addEventListener('click', (event) => event.isTrusted && event.detail > 0 && globalThis.countClick(), true);
  await page.addInitScript(listen);
  await page.evaluate(listen);
  return () => clicks;
}
