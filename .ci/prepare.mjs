/**
 * What every npm script runs first: is this Node new enough, are the dependencies the lockfile's, is dist/ built from the sources as they are. Built-ins only.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

function say(text) {
  process.stderr.write(`kith: ${text}\n`);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  say(`needs Node 20.19 or newer, this is ${process.versions.node}: install a newer one from https://nodejs.org and run the command again`);
  process.exit(1);
}

function installIfChanged() {
  const stampFile = path.join(root, 'node_modules', '.kith-stamp');
  const stamp = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .update(process.versions.modules)
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('installing dependencies (npm ci), about half a minute');
  const arguments_ = ['ci', '--include=dev', '--engine-strict=false', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', arguments_, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    say(`npm ci failed (exit ${result.status ?? result.signal}): see above; is the npm registry reachable?`);
    process.exit(1);
  }
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

requireNode();
installIfChanged();
const { buildIfChanged } = await import('./build.mjs');
await buildIfChanged(say);
