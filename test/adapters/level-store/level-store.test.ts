import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeError } from '../../../daemon/adapters/level-store/errors.ts';
import { LevelStore } from '../../../daemon/adapters/level-store/level-store.ts';
import { storeAcceptance } from '../../acceptance/store.ts';

storeAcceptance('LevelStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kith-level-'));
  return { make: () => new LevelStore({ directory }), cleanUp: () => rm(directory, { recursive: true }) };
});

describe('LevelStore on a bad day', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kith-level-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('loses no acknowledged write to SIGKILL at any moment, and no half of a batch appears', async () => {
    const script = join(directory, 'writer.mjs');
    const here = dirname(fileURLToPath(import.meta.url));
    await build({
      entryPoints: [join(here, 'writer.ts')],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'silent',
    });
    // The bundle's packages are found from its own folder.
    const code = await readFile(script, 'utf8');
    await writeFile(script, code.replace('"classic-level"', JSON.stringify(import.meta.resolve('classic-level'))));
    const data = join(directory, 'data');
    let acknowledged = -1;
    for (const kills of [30, 75, 140]) {
      const child = spawn(process.execPath, [script, data, String(acknowledged + 1)], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.split('\n').length > kills) child.kill('SIGKILL');
      });
      await exited;
      const lines = text.split('\n').slice(0, -1);
      expect(lines.length).toBeGreaterThanOrEqual(kills);
      acknowledged = Number(lines.at(-1));
      const store = new LevelStore({ directory: data });
      await store.open();
      const found: string[] = [];
      for await (const [key, value] of store.entries('')) {
        expect(Buffer.from(value).toString()).toBe(String(Number(key.slice(2))).repeat(50));
        found.push(key);
      }
      await store.close();
      const firsts = found.filter((key) => key.startsWith('a/')).map((key) => key.slice(2));
      expect(firsts).toEqual(found.filter((key) => key.startsWith('b/')).map((key) => key.slice(2)));
      expect(firsts.length).toBeGreaterThan(acknowledged);
    }
  });

  it('says StoreCorrupt for a folder whose manifest is gone', async () => {
    const store = new LevelStore({ directory });
    await store.open();
    await store.write([{ type: 'put', key: 'a', value: Buffer.from('1') }]);
    await store.close();
    for (const name of await readdir(directory)) if (name.startsWith('MANIFEST')) await rm(join(directory, name));
    await expect(new LevelStore({ directory }).open()).rejects.toMatchObject({ code: 'StoreCorrupt' });
  });

  it('goes on after a damaged block: at most its records are lost', async () => {
    const value = Buffer.alloc(1_000, 'x');
    for (let round = 0; round < 3; round += 1) {
      const store = new LevelStore({ directory });
      await store.open();
      await store.write(
        Array.from({ length: 200 }, (_, index) => ({
          type: 'put',
          key: `k/${round}/${index}`,
          value: Buffer.concat([value, Buffer.from(String(index))]),
        })),
      );
      await store.close();
    }
    for (const name of await readdir(directory)) {
      if (!/\.(ldb|log)$/.test(name)) continue;
      const bytes = await readFile(join(directory, name));
      if (bytes.length < 4_096) continue;
      bytes.fill(0xa5, 2_000, 2_050);
      await writeFile(join(directory, name), bytes);
    }
    const damage: string[] = [];
    const store = new LevelStore({ directory, onDamaged: (reason) => damage.push(reason) });
    await store.open();
    let count = 0;
    for await (const _ of store.entries('k/')) count += 1;
    await store.close();
    expect(damage.length).toBeGreaterThan(0);
    expect(count).toBeGreaterThan(300);
    expect(count).toBeLessThan(600);
  });

  it('tells that LevelDB left out damaged writes of its log', async () => {
    const store = new LevelStore({ directory });
    await store.open();
    for (let index = 0; index < 50; index += 1) await store.write([{ type: 'put', key: `k/${index}`, value: Buffer.alloc(1_000, 'x') }]);
    await store.close();
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.log')) continue;
      const bytes = await readFile(join(directory, name));
      bytes.fill(0xa5, 20_000, 20_010);
      await writeFile(join(directory, name), bytes);
    }
    const damage: string[] = [];
    const again = new LevelStore({ directory, onDamaged: (reason) => damage.push(reason) });
    await again.open();
    await again.close();
    expect(damage).toEqual([expect.stringContaining('checksum mismatch')]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'refuses writes while the disk is full, is read meanwhile, and takes them when there is room',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory]);
      const store = new LevelStore({ directory: join(directory, 'store') });
      try {
        await writeFile(join(directory, 'ballast'), Buffer.alloc(2_500_000));
        await store.open();
        const put = (index: number): Promise<void> => store.write([{ type: 'put', key: `k/${index}`, value: Buffer.alloc(60_000, 'x') }]);
        let written = 0;
        const fill = async (): Promise<void> => {
          for (; written < 100; written += 1) await put(written);
        };
        await expect(fill()).rejects.toMatchObject({ code: 'StoreFull' });
        await expect(put(1_000)).rejects.toMatchObject({ code: 'StoreFull' });
        expect(await store.get('k/0')).toHaveLength(60_000);
        await rm(join(directory, 'ballast'));
        await Promise.all([put(2_000), put(2_001)]);
        const keys: string[] = [];
        for await (const [key] of store.entries('k/')) keys.push(key);
        expect(keys).toEqual(expect.arrayContaining([...Array.from({ length: written }, (_, index) => `k/${index}`), 'k/2000', 'k/2001']));
      } finally {
        await store.close();
        execFileSync('umount', [directory]);
      }
    },
  );

  it('knows a full disk by what LevelDB says of it', () => {
    const full = new Error('Write failed', { cause: new Error('IO error: /d/000003.log: No space left on device') });
    expect(storeError(full, '/d')).toMatchObject({ code: 'StoreFull' });
  });
});
