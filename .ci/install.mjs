/**
 * Installs, as root on Debian, what the tests need that run real container engines; KITH_TEST_INSTALL=0 leaves that out. Elsewhere, and where it does not work, those
 * tests are skipped by name. Built-ins only.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
/** Programs, and the packages that have them. */
const PROGRAMS = JSON.parse(readFileSync(path.join(here, '..', 'test', 'lab', 'programs.json'), 'utf8'));
/** A policy that keeps packages from starting services while they are installed (Debian policy 11.3). */
const POLICY = '/usr/sbin/policy-rc.d';

function run(command, arguments_, options) {
  return spawnSync(command, arguments_, { stdio: ['ignore', 'ignore', 'inherit'], ...options }).status ?? 1;
}

export function installEngine(say) {
  if (process.env.KITH_TEST_INSTALL === '0' || process.getuid?.() !== 0 || process.platform !== 'linux') return;
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/etc/debian_version')) return;
  const packages = [...new Set(Object.keys(PROGRAMS).flatMap((program) => (existsSync(program) ? [] : [PROGRAMS[program]])))];
  if (packages.length === 0) return;
  say(`installing ${packages.join(', ')} for the tests that run real engines`);
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const install = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...packages];
    const quiet = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    if (run('apt-get', install, quiet) !== 0) {
      run('apt-get', ['update', '-qq'], quiet);
      if (run('apt-get', install, quiet) !== 0) say('could not install them: tests that need an engine are skipped');
    }
    if (packages.includes('docker.io') && existsSync('/run/systemd/system')) {
      run('systemctl', ['disable', '--quiet', 'docker.service', 'docker.socket'], { stdio: 'ignore' });
    }
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installEngine((text) => process.stderr.write(`kith: ${text}\n`));
