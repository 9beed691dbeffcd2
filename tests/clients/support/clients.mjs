// The three clients, each as a function from lines to results
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const built = path('../bin');
const mql5 = path('../mql5');

/** Compiles a C++ file over the shim of MQL5, and returns the program. */
export async function compileMql5(name) {
  mkdirSync(built, { recursive: true });
  const include = ['-I', path('../../../src/Clients/mql5/Include'), '-I', path('../../../src/Clients/mql5/Experts'), '-I', mql5];
  const program = `${built}/${name}`;
  await run('g++', ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror', ...include, `${mql5}/${name}.cpp`, '-o', program]);
  return program;
}

export async function compileTypeScript() {
  const compiler = path('../node_modules/typescript/bin/tsc');
  await run(process.execPath, [compiler, '-p', path('../../../src/Clients/typescript'), '--outDir', `${built}/typescript`]);
  writeFileSync(`${built}/typescript/package.json`, '{"type":"module"}');
  return import(`${built}/typescript/licenseClient.js`);
}

/** Starts a program that answers each line of JSON with one line; the result sends many and waits for their answers. */
function start(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  const fail = (problem) => waiting.splice(0).forEach(({ reject }) => reject(problem));
  createInterface(child.stdout).on('line', (line) => {
    const [{ results, count, resolve }] = waiting;
    if (results.push(JSON.parse(line)) === count) waiting.shift() && resolve(results);
  });
  child.on('error', fail).on('close', (code) => fail(new Error(`${command} ended with ${code}`)));
  child.stdin.on('error', () => {}); // the exit code says why it ended
  after(() => child.stdin.end());
  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ results: [], count: input.length, resolve, reject });
      child.stdin.write(input.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });
}

const csharp = path('../../ClientDriver/bin/Release/net10.0/ClientDriver.dll');
const typescript = await compileTypeScript();
const driver = await compileMql5('driver');

function withTypeScript({ op, state, answer, now, elapsed, keys, device, lease, revoked, ...use }) {
  if (op === 'verify') {
    const verified = typescript.verifyLease(lease, { keys, device, ...use, revoked: revoked && new Set(revoked) }, now);
    return { fault: typeof verified === 'string' ? verified : '' };
  }
  const { state: after, decision } = typescript.decide({ ...typescript.NEW_STATE, ...state }, answer, now, elapsed, { keys, device });
  return { ...decision, state: after };
}

export const { LicenseClient } = typescript;
export const clients = {
  mql5: start(driver, []),
  typescript: async (input) => input.map(withTypeScript),
  csharp: start('dotnet', [csharp]),
};
