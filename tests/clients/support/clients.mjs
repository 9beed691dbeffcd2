// The three clients, each as a function from lines to results
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as typescript from '../bin/typescript/licenseClient.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Starts a program that answers each line of JSON with one line. The result sends many lines and waits for their answers. */
function start(command, args) {
  let child;
  const waiting = [];
  const fail = (problem) => waiting.splice(0).forEach(({ reject }) => reject(problem));

  const launch = () => {
    child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(child.stdout).on('line', (line) => {
      const [{ results, count, resolve }] = waiting;
      if (results.push(JSON.parse(line)) === count) waiting.shift() && resolve(results);
    });
    child.on('error', fail).on('close', (code) => fail(new Error(`${command} ended with ${code}`)));
    child.stdin.on('error', () => {}); // the exit code says why it ended
  };
  after(() => child?.stdin.end());
  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ results: [], count: input.length, resolve, reject });
      if (!child) launch();
      child.stdin.write(input.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });
}

function withTypeScript({ op, state, answer, now, elapsed, keys, issuer, device, lease, revoked, ...use }) {
  if (op === 'verify') {
    const verified = typescript.verifyLease(lease, { keys, issuer, device, ...use, revoked: revoked && new Set(revoked) }, now);
    return { fault: typeof verified === 'string' ? verified : '' };
  }
  const { state: after, decision } = typescript.decide({ ...typescript.NEW_STATE, ...state }, answer, now, elapsed, {
    keys,
    issuer,
    device,
  });
  return { ...decision, state: after };
}

/** The ingest server's verification of leases. */
export const rust = start(path('../bin/rust-driver'), []);
export const ingest = path('../bin/ingest');
export const { LicenseClient } = typescript;
export const example = path('../bin/example');
export const clients = {
  mql5: start(path('../bin/driver'), []),
  typescript: async (input) => input.map(withTypeScript),
  csharp: start('dotnet', [path('../../ClientDriver/bin/Release/net10.0/ClientDriver.dll')]),
};
