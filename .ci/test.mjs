/**
 * `npm test`: everything that this machine can run: lint, the tests beside the sources, the simulator, the end-to-end tests, and those in the lab. One after the other: whole
 * daemons beside the simulator, even at its least priority, took twice the time, and their hosts missed each other.
 * As root on Debian it installs the container engine that some of them use; KITH_TEST_INSTALL=0 leaves that out, and those tests are then skipped by name.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

const totals = { passed: 0, failed: 0, skipped: 0 };
const skippedNames = [];
/** Failures with their first lines, told again at the very end: in a long log the beginning is soon out of sight. */
const failures = [];

function tellFailure(file, name, message) {
  const lines = message.split('\n').slice(0, 14);
  failures.push([`failed: ${path.relative(root, file)}: ${name}`, ...lines.map((line) => `  ${line}`)].join('\n'));
}

async function vitest(title, arguments_) {
  say(title);
  const folder = mkdtempSync(path.join(tmpdir(), 'kith-test-'));
  const report = path.join(folder, 'report.json');
  const status = await run(process.execPath, [
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

await import('./prepare.mjs');
installEngine(say);
if (only.length === 0) {
  say('lint: types, rules, format, imports');
  const status = await run('npm', ['run', '--silent', 'lint']);
  if (status === 0) totals.passed += 1;
  else {
    totals.failed += 1;
    failures.push('failed: lint');
  }
}
await vitest('tests beside the sources', ['--project', 'sharing', '--project', 'alone']);
await vitest('the simulator', ['--project', 'simulator']);
await vitest('end to end: real peers', ['--config', 'vitest.e2e.config.ts']);
await vitest('in the lab: real hosts and engines', ['--config', 'vitest.lab.config.ts']);
for (const text of failures) process.stdout.write(`${text}\n`);
for (const name of skippedNames) process.stdout.write(`skipped: ${name}\n`);
say(`took ${Math.round((Date.now() - started) / 1000)} s`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = totals.failed === 0 ? 0 : 1;
