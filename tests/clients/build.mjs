// Compiles the TypeScript client, the MQL5 client and its example (g++ over the shim), the ingest server (rustc), and the examples of the
// clients' page. ./dev test builds the C# client.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { example } from './support/examples.mjs';

const run = promisify(execFile);
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const clients = path('../../src/Clients');
const includes = [`${clients}/mql5/Include`, `${clients}/mql5/Experts`, path('mql5'), path('bin')].flatMap((folder) => ['-I', folder]);
const strict = ['-std=c++17', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];

mkdirSync(path('bin/typescript'), { recursive: true });
writeFileSync(path('bin/typescript/package.json'), '{"type":"module"}');
writeFileSync(path('bin/FromPage.mq5'), example('cpp'));
// The bridge is a copy of the client's file beside the example, as on the page.
mkdirSync(path('bin/bridge'), { recursive: true });
copyFileSync(`${clients}/typescript/licenseClient.ts`, path('bin/bridge/licenseClient.ts'));
writeFileSync(path('bin/bridge/bridge.ts'), example('ts'));
writeFileSync(path('bin/bridge/package.json'), '{"type":"module"}');
writeFileSync(path('bin/bridge/tsconfig.json'), JSON.stringify({ extends: `${clients}/typescript/tsconfig.json`, files: ['bridge.ts'] }));
const tsc = (project, output) => run(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', project, '--outDir', output]);
await Promise.all([
  tsc(`${clients}/typescript`, path('bin/typescript')),
  tsc(path('bin/bridge'), path('bin/bridge')),
  // Only the driver verifies thousands of leases. Optimizing takes most of the time of a compilation.
  ...Object.entries({ driver: '-O2', example: '-O0', page: '-O0' }).map(([name, level]) =>
    run('g++', [...strict, level, ...includes, path(`mql5/${name}.cpp`), '-o', path(`bin/${name}`)]),
  ),
  ...[
    ['rust-driver', path('rust/driver.rs')],
    ['ingest', `${clients}/rust/ingest.rs`],
  ].map(([name, file]) => run('rustc', ['-O', '--edition', '2021', '-D', 'warnings', file, '-o', path(`bin/${name}`)])),
]).catch(({ stdout, stderr, message }) => {
  console.error(stdout, stderr || message);
  process.exit(1);
});
