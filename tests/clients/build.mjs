// Compiles the TypeScript client, the MQL5 client and its example (g++ over the shim), and the ingest server (rustc). ./dev test builds the
// C# client.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const clients = path('../../src/Clients');
const includes = [`${clients}/mql5/Include`, `${clients}/mql5/Experts`, path('mql5')].flatMap((folder) => ['-I', folder]);
const strict = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];

mkdirSync(path('bin/typescript'), { recursive: true });
writeFileSync(path('bin/typescript/package.json'), '{"type":"module"}');
await Promise.all([
  run(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', `${clients}/typescript`, '--outDir', path('bin/typescript')]),
  ...['driver', 'example'].map((name) => run('g++', [...strict, ...includes, path(`mql5/${name}.cpp`), '-o', path(`bin/${name}`)])),
  ...[
    ['rust-driver', path('rust/driver.rs')],
    ['ingest', `${clients}/rust/ingest.rs`],
  ].map(([name, file]) => run('rustc', ['-O', '--edition', '2021', '-D', 'warnings', file, '-o', path(`bin/${name}`)])),
]).catch(({ stdout, stderr, message }) => {
  console.error(stdout, stderr || message);
  process.exit(1);
});
