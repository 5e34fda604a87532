/**
 * `npm test`: everything that this machine can run: the tests beside the sources, the end-to-end tests, and those in the lab. These wait much; what only calculates, the
 * lint and the simulator, runs in their shadow: it takes the processor when nobody else wants it.
 * As root on Debian it installs the container engine that some of them use; KITH_TEST_INSTALL=0 leaves that out, and those tests are then skipped by name.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installEngine } from './install.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const started = Date.now();
const only = process.argv.slice(2);

function say(text) {
  process.stderr.write(`kith: ${text}\n`);
}

function run(command, arguments_) {
  const child = spawn(command, arguments_, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status) => resolve(status ?? 1));
  });
}

const LEAST = 19;
/** By the numbers of their process groups. */
const shadows = new Set();

/** Like `run`, for what is in no hurry; what it says is shown when it has ended. */
function runInShadow(command, arguments_) {
  const child = spawn(command, arguments_, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  if (child.pid !== undefined) {
    shadows.add(child.pid);
    os.setPriority(child.pid, LEAST);
    // Where the kernel shares the processor between sessions first, niceness counts within one only.
    if (existsSync(`/proc/${child.pid}/autogroup`)) writeFileSync(`/proc/${child.pid}/autogroup`, String(LEAST));
  }
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status) => {
      shadows.delete(child.pid);
      process.stdout.write(Buffer.concat(said));
      resolve(status ?? 1);
    });
  });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const group of shadows) process.kill(-group, signal);
    process.exit(1);
  });

const totals = { passed: 0, failed: 0, skipped: 0 };
const skippedNames = [];
/** Failures with their first lines, told again at the very end: in a long log the beginning is soon out of sight. */
const failures = [];

function tellFailure(file, name, message) {
  const lines = message.split('\n').slice(0, 14);
  failures.push([`failed: ${path.relative(root, file)}: ${name}`, ...lines.map((line) => `  ${line}`)].join('\n'));
}

async function vitest(title, arguments_, runner = run) {
  say(title);
  const folder = mkdtempSync(path.join(tmpdir(), 'kith-test-'));
  const report = path.join(folder, 'report.json');
  const status = await runner(process.execPath, [
    path.join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...arguments_,
    ...only,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    '--passWithNoTests',
  ]);
  let failedHere = 0;
  if (existsSync(report)) {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    totals.passed += result.numPassedTests;
    totals.skipped += result.numPendingTests + (result.numTodoTests ?? 0);
    failedHere = result.numFailedTests;
    for (const suite of result.testResults) {
      if (suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed')) failedHere += 1;
      for (const test of suite.assertionResults) {
        if (test.status === 'pending' || test.status === 'skipped') skippedNames.push(test.fullName);
        if (test.status === 'failed') tellFailure(suite.name, test.fullName, test.failureMessages.join('\n'));
      }
      if (suite.status === 'failed' && suite.message !== '') tellFailure(suite.name, '', suite.message);
    }
  }
  if (status !== 0 && failedHere === 0) failedHere = 1;
  totals.failed += failedHere;
  rmSync(folder, { recursive: true, force: true });
}

async function lint() {
  say('in their shadow: lint (types, rules, format, imports)');
  const status = await runInShadow('npm', ['run', '--silent', 'lint']);
  if (status === 0) totals.passed += 1;
  else {
    totals.failed += 1;
    failures.push('failed: lint');
  }
}

await import('./prepare.mjs');
installEngine(say);
async function shadow() {
  if (only.length === 0) await lint();
  // Who waits for its turn has no deadline.
  await vitest('in the shadow: the simulator', ['--project', 'simulator', '--testTimeout=1200000'], runInShadow);
}

async function light() {
  await vitest('tests beside the sources', ['--project', 'sharing', '--project', 'alone']);
  await vitest('end to end: real peers', ['--config', 'vitest.e2e.config.ts']);
  await vitest('in the lab: real hosts and engines', ['--config', 'vitest.lab.config.ts']);
  if (shadows.size > 0) say('what is in the shadow has the machine for itself now');
}

await Promise.all([light(), shadow()]);
for (const text of failures) process.stdout.write(`${text}\n`);
for (const name of skippedNames) process.stdout.write(`skipped: ${name}\n`);
say(`took ${Math.round((Date.now() - started) / 1000)} s`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;
