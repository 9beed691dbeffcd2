// check.mjs columns: no line of the source is longer than .editorconfig's max_line_length.
// check.mjs breaks: the text of each deliberate break (docs/mutants.md) occurs once in its file.
// check.mjs usings: using lines are sorted as `dotnet format` sorts them, which needs a compiled solution for this.
// Each prints its findings: at most 40 lines, or all with the second argument `all`. The exit code is 1 if there are findings.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { breaks } from '../mutants/breaks.mjs';

const SHOWN = process.argv[3] === 'all' ? Infinity : 40;
// '': scripts without an extension
const code = ['cs', 'csproj', 'props', 'sql', 'ts', 'tsx', 'mjs', 'css', 'sh', 'mqh', 'mq5', 'cpp', 'h', ''];
const columns = { ...Object.fromEntries(code.map((extension) => [extension, 140])), md: 160 };
const generated = [
  'sql/schema.sql', // pg_dump's, by SchemaDumpTests
  'docs/dependencies.md', // a table by DependencyTests
];

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\0')
  .filter((file) => file && existsSync(file) && !generated.includes(file));
const unchanged = 'sql/migrations/'; // statements of applied migrations stay as they are
const linesOf = (file) => readFileSync(file, 'utf8').split('\n');
const checks = {
  breaks: () => breaks.flatMap(moved),
  columns: () => files.flatMap(tooLong),
  usings: () => files.filter((file) => file.endsWith('.cs')).flatMap(unsorted),
};
const found = checks[process.argv[2]]();
for (const line of found.slice(0, SHOWN)) console.log(line);
if (found.length > SHOWN)
  console.log(`and ${found.length - SHOWN} more; all of them: node tests/format/check.mjs ${process.argv.slice(2).join(' ')} all`);
process.exitCode = found.length > 0 ? 1 : 0;

function moved({ name, file, from }) {
  const times = readFileSync(file, 'utf8').split(from).length - 1;
  return times === 1 ? [] : [`${file}: the text of the break ${name} occurs ${times} times`];
}

function tooLong(file) {
  if (file.startsWith(unchanged)) return [];
  const limit = columns[extname(file).slice(1)] ?? Infinity;
  return linesOf(file).flatMap((line, index) => ([...line].length > limit ? [`${file}:${index + 1}: ${[...line].length} columns`] : []));
}

function unsorted(file) {
  const usings = linesOf(file).flatMap((line, index) => {
    const [, special, name] = /^(?:global )?using (static |\w+ = )?([\w.]+)[^(]*;/.exec(line) ?? [];
    const kind = special === undefined ? 0 : special === 'static ' ? 1 : 2;
    return name ? [{ index, key: [kind, /^System(\.|$)/.test(name) ? 0 : 1, special?.trim(), name] }] : [];
  });
  return usings
    .slice(1)
    .flatMap(({ index, key }, before) =>
      compare(usings[before].key, key) > 0 ? [`${file}:${index + 1}: must be before the using line above it`] : [],
    );
}

function compare([kind, system, alias, name], [otherKind, otherSystem, otherAlias, otherName]) {
  if (kind !== otherKind) return kind - otherKind;
  if (kind === 2) return byNames(alias, otherAlias);
  return system - otherSystem || byNames(name, otherName);
}

function byNames(name, other) {
  const [names, others] = [name, other].map((text) => text.toLowerCase().split('.'));
  for (let at = 0; at < Math.min(names.length, others.length); at++) {
    if (names[at] !== others[at]) return names[at] < others[at] ? -1 : 1;
  }
  return names.length - others.length;
}
