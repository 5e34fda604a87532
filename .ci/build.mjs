/** Bundles the daemon, the command and the programs of `test/` that run on their own into dist/. Plain JavaScript: it runs before anything is built. */
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const dist = path.join(root, 'dist');
const entries = {
  kithd: 'daemon/app/kithd.ts',
  'beat-worker': 'daemon/adapters/beats/worker.ts',
  console: 'daemon/adapters/process/console.ts',
  guard: 'daemon/adapters/guard/guard.ts',
  kith: 'cli/kith.ts',
  demo: 'test/demo/demo.ts',
  bench: 'test/bench/bench.ts',
  lab: 'test/lab/cli.ts',
  chaos: 'test/chaos/chaos.ts',
  simulate: 'test/simulator/simulate.ts',
};

async function* sourceFiles(folder) {
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(full);
    else if (/\.(ts|mjs|json)$/.test(entry.name)) yield full;
  }
}

/** Changes whenever a source file, the lockfile or this script does. */
async function sourceStamp() {
  const hash = createHash('sha256');
  const files = [path.join(root, 'package.json'), path.join(root, 'package-lock.json'), fileURLToPath(import.meta.url)];
  for (const folder of ['protocol', 'daemon', 'cli', 'test'])
    for await (const file of sourceFiles(path.join(root, folder))) files.push(file);
  for (const file of files) hash.update(path.relative(root, file)).update(await readFile(file));
  return hash.digest('hex');
}

export async function buildIfChanged(say = () => {}) {
  const stamp = await sourceStamp();
  const stampFile = path.join(dist, '.stamp');
  const before = await readFile(stampFile, 'utf8').catch(() => '');
  if (before === stamp) return false;
  say('building');
  await build();
  await writeFile(stampFile, stamp);
  return true;
}

/** The clients of build services and of ssh that dockerode loads but kithd never uses: 40 MB of memory less. */
const unusedByUs = {
  name: 'leave-out-unused',
  setup(builder) {
    builder.onResolve({ filter: /^(ssh2|cpu-features|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs)$/ }, (found) => ({
      path: found.path,
      namespace: 'left-out',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

export async function build() {
  const next = `${dist}.next.${process.pid}`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  const present = {};
  for (const [name, file] of Object.entries(entries)) {
    if (await stat(path.join(root, file)).catch(() => undefined)) present[name] = path.join(root, file);
  }
  await bundleInto(next, present, []);
  for (const name of ['kithd', 'kith']) if (present[name]) await chmod(path.join(next, `${name}.js`), 0o755);
  const old = `${dist}.old.${process.pid}`;
  await rename(dist, old).catch(() => undefined);
  await rename(next, dist);
  await rm(old, { recursive: true, force: true });
}

/** Bundles programs into a folder, the Automerge wasm beside them. */
export async function bundleInto(outdir, entryPoints, plugins) {
  const { build: bundle } = await import('esbuild');
  await bundle({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'linked',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    external: ['classic-level'],
    plugins: [unusedByUs, ...plugins],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; import { fileURLToPath as __toPath } from 'node:url'; import { dirname as __dirnameOf } from 'node:path'; const require = __createRequire(import.meta.url); const __filename = __toPath(import.meta.url); const __dirname = __dirnameOf(__filename);",
    },
  });
  const require = createRequire(import.meta.url);
  const automerge = path.dirname(require.resolve('@automerge/automerge'));
  const wasm = await findFile(path.resolve(automerge, '..', '..'), 'automerge_wasm_bg.wasm');
  await copyFile(wasm, path.join(outdir, 'automerge_wasm_bg.wasm'));
  await mkdir(path.join(outdir, 'chunks'), { recursive: true });
  await copyFile(wasm, path.join(outdir, 'chunks', 'automerge_wasm_bg.wasm'));
}

async function findFile(folder, name) {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name === name) return path.join(entry.parentPath ?? entry.path, entry.name);
  }
  throw new Error(`no ${name} below ${folder}: run npm ci again`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const changed = process.argv.includes('--force') ? (await build(), true) : await buildIfChanged();
  console.log(changed ? `built ${dist}` : `${dist} is up to date`);
}
