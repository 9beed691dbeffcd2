// Reads the report files of test suites (JUnit XML, which xunit, node's runner and scripts/report.sh write) and prints their results.
//   results.mjs suite NAME REPORT LOG EXIT-CODE SECONDS FILTER   prints the suite's result, writes it to REPORT with the extension .json
//   results.mjs sum FOLDER                                       prints the summary line of one run
//   results.mjs repeat FOLDER…                                   prints how often each test failed, then the summary line of all runs
// `sum` and `repeat` exit with 0 only if nothing failed and something passed.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const LOG_LINES = 60; // printed if the suite itself fails, not one of its tests
const OUTPUT_LINES = 120; // printed of one failed test
const SLOWEST = 5;
const NO_TESTS = 8; // exit code of xunit, and of this project's own suites, if no test ran

const say = (text) => process.stdout.write(`${text}\n`);
const indent = (text, by) => text.replace(/^(?=.)/gm, by);

function suite(name, report, log, exitCode, seconds, filter) {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
  const tests = existsSync(report) ? readReport(cleanReport(report)) : null;
  const result = {
    name,
    passed: (tests ?? []).filter((test) => test.outcome === 'passed').length,
    skipped: (tests ?? []).filter((test) => test.outcome === 'skipped'),
    failed: (tests ?? []).filter((test) => test.outcome === 'failed'),
  };
  const notes = lines.filter((line) => line.startsWith('NOTE: ')); // what the suite could not test on this machine
  const fault = faultOf(tests, result, exitCode, filter || notes.length > 0);
  if (fault) result.failed.push({ name: `the suite ${fault}`, text: lines.slice(-LOG_LINES).join('\n') });
  writeFileSync(report.replace(/\.\w+$/, '.json'), JSON.stringify(result));

  // With a filter, most suites have nothing to run.
  if (tests?.length === 0 && !fault && notes.length === 0) return;
  say(`  ${name}: ${sumLine([result])}, ${seconds} s`);
  const slowest = (tests ?? []).filter((test) => test.seconds >= 0.1).sort((a, b) => b.seconds - a.seconds);
  for (const test of slowest.slice(0, SLOWEST)) say(`    ${test.seconds.toFixed(1).padStart(6)} s  ${test.name}`);
  for (const note of notes) say(note);
  for (const test of result.skipped) say(`    skipped ${test.name}: ${head(test.text, 1)}`);
  if (result.failed.length > 0) say(`---- ${name} (complete log: ${log})`);
  for (const test of result.failed) say(`FAILED ${test.name}\n${indent(head(test.text, OUTPUT_LINES), '  ')}`);
  if (result.failed.length > 0) say('----');
}

// A suite whose exit code contradicts its report has failed.
function faultOf(tests, result, exitCode, mayBeEmpty) {
  if (tests === null) return `ended without a report (exit code ${exitCode})`;
  if (exitCode === NO_TESTS && tests.length === 0 && mayBeEmpty) return null;
  if (tests.length === 0) return `ran no test (exit code ${exitCode})`;
  return exitCode !== 0 && result.failed.length === 0 ? `ended with exit code ${exitCode}, although no test failed` : null;
}

// Terminal colors, and the characters that XML can't contain, neither as such nor as a reference. Node's reporter writes them as they are
// in a failure's text.
const color = /(?:\x1b|&#(?:x0*1b|0*27);)\[[\d;]*m/gi;
const notXml = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
const reference = /&#(?:x([\da-f]+)|(\d+));/gi;
const isXml = (code) =>
  [0x09, 0x0a, 0x0d].includes(code) ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x10000 && code <= 0x10ffff);

// cleanReport FILE: removes from the file what makes it invalid XML, and returns the rest
function cleanReport(file) {
  const written = readFileSync(file, 'utf8');
  const xml = written
    .replace(color, '')
    .replace(notXml, '')
    .replace(reference, (whole, hex, decimal) => (isXml(hex ? parseInt(hex, 16) : Number(decimal)) ? whole : ''));
  if (xml !== written) writeFileSync(file, xml);
  return xml;
}

// readReport XML: the tests of a complete report; null if it is incomplete
function readReport(xml) {
  const tests = [];
  let test = null; // the current <testcase>
  let inside = null; // the element in it whose text is collected
  const errors = []; // errors that belong to no test
  let failedOutside = false;
  let complete = false;
  const noise = /<!--[^]*?-->|<\?[^]*?\?>/.source;
  const element = /<(\/?)([\w:-]+)((?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/.source;
  const content = /<!\[CDATA\[([^]*?)\]\]>|([^<]+)/.source;
  for (const [, closing, tag, attributes, empty, cdata, text] of xml.matchAll(new RegExp(`${noise}|${element}|${content}`, 'g'))) {
    if (!tag) {
      if (test ? inside : inside === 'system-err') (test?.parts ?? errors).push(cdata ?? decode(text ?? ''));
    } else if (tag === 'testcase') {
      if (!closing) test = openTest(attributes);
      if (closing || empty) {
        tests.push(closeTest(test));
        test = null;
      }
    } else {
      inside = closing || empty ? null : tag;
      if (test && !closing) noteOutcome(test, tag, attribute(attributes, 'message'));
      if (!test && tag === 'testsuite' && Number(attribute(attributes, 'errors') ?? 0) > 0) failedOutside = true;
      if (closing && tag === 'testsuites') complete = true;
    }
  }
  // xunit writes here what a fixture throws when it is disposed.
  if (failedOutside) tests.push({ name: 'outside the tests', seconds: 0, outcome: 'failed', text: errors.join('\n').trim() });
  return complete ? tests : null;
}

const openTest = (attributes) => ({
  name: decode(attribute(attributes, 'name') ?? '?'),
  seconds: Number(attribute(attributes, 'time') ?? 0),
  outcome: 'passed',
  parts: [],
});

const closeTest = ({ parts, ...test }) => ({
  ...test,
  text: parts
    .map((part) => part.trim())
    .filter(Boolean)
    .join('\n'),
});

// A failure counts even if the test has other results.
function noteOutcome(test, tag, message) {
  if (tag === 'failure' || tag === 'error') test.outcome = 'failed';
  else if (tag === 'skipped' && test.outcome === 'passed') test.outcome = 'skipped';
  if (message) test.parts.push(decode(message));
}

function attribute(attributes, name) {
  const [, quoted, single] = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes) ?? [];
  return quoted ?? single;
}

// Twice, because node's reporter escapes attributes twice.
const decode = (text) => unescape(unescape(text));

function unescape(text) {
  const named = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(lt|gt|quot|apos|amp));/gi, (_, hex, decimal, name) =>
    name ? named[name.toLowerCase()] : String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal)),
  );
}

function head(text, count) {
  const lines = text.split('\n');
  const left = lines.length - count;
  if (left <= 0) return text;
  return [...lines.slice(0, count), ...(count > 1 ? [`… ${left} more lines`] : [])].join('\n');
}

const readResults = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')));

function sumLine(results) {
  const count = (of) => results.reduce((sum, result) => sum + of(result), 0);
  const skipped = count((result) => result.skipped.length);
  const line = `${count((result) => result.passed)} passed, ${count((result) => result.failed.length)} failed`;
  return skipped ? `${line}, ${skipped} skipped` : line;
}

function sum(results) {
  if (results.every((result) => result.passed + result.failed.length === 0)) process.stderr.write('./dev: no test ran\n');
  say(sumLine(results));
  const good = results.every((result) => result.failed.length === 0) && results.some((result) => result.passed > 0);
  process.exitCode = good ? 0 : 1;
}

function repeat(folders) {
  const runs = folders.map(readResults);
  const failures = new Map(); // name → how often
  for (const result of runs.flat()) {
    for (const test of result.failed) failures.set(`${result.name}: ${test.name}`, (failures.get(`${result.name}: ${test.name}`) ?? 0) + 1);
  }
  say(`${runs.length} runs:`);
  for (const [name, times] of [...failures].sort((a, b) => b[1] - a[1])) say(`  failed ${times} of ${runs.length}  ${name}`);
  if (failures.size === 0) say('  nothing failed');
  sum(runs.flat());
}

const [command, ...given] = process.argv.slice(2);
if (command === 'suite') suite(given[0], given[1], given[2], Number(given[3]), given[4], given[5]);
else if (command === 'sum') sum(readResults(given[0]));
else repeat(given);
