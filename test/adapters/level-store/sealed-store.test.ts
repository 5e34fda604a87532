import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LevelStore } from '../../../daemon/adapters/level-store/level-store.ts';
import { SealedStore } from '../../../daemon/adapters/level-store/sealed-store.ts';
import { storeAcceptance } from '../../acceptance/store.ts';

const secret =
  (text = 'the key of this host') =>
  async (): Promise<Uint8Array> =>
    new TextEncoder().encode(text);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

storeAcceptance('SealedStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kith-sealed-'));
  const make = (): SealedStore => new SealedStore({ inner: new LevelStore({ directory }), secret: secret() });
  return { make, cleanUp: () => rm(directory, { recursive: true }) };
});

describe('a sealed store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kith-sealed-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function using<Result>(
    store: LevelStore | SealedStore,
    act: (store: LevelStore | SealedStore) => Promise<Result>,
  ): Promise<Result> {
    await store.open();
    return act(store).finally(() => store.close());
  }
  const sealed = (key?: string): SealedStore => new SealedStore({ inner: new LevelStore({ directory }), secret: secret(key) });
  const plain = (): LevelStore => new LevelStore({ directory });

  it('leaves nothing of a value in its files, and gives it back', async () => {
    await using(sealed(), async (store) => store.write([{ type: 'put', key: 'a', value: bytes('correct horse battery staple') }]));
    for (const name of await readdir(directory)) expect(await readFile(join(directory, name), 'latin1')).not.toContain('horse');
    expect(textOf(await using(sealed(), async (store) => store.get('a')))).toBe('correct horse battery staple');
  });

  it('opens nothing with another key, and nothing that was moved to another name or changed', async () => {
    await using(sealed(), async (store) => store.write([{ type: 'put', key: 'a', value: bytes('horse') }]));
    expect(textOf(await using(sealed('another'), async (store) => store.get('a')))).not.toContain('horse');
    await using(plain(), async (store) => {
      const value = (await store.get('a'))!;
      const changed = Uint8Array.from(value);
      changed[changed.length - 1]! ^= 1;
      await store.write([
        { type: 'put', key: 'b', value },
        { type: 'put', key: 'c', value: changed },
      ]);
    });
    for (const key of ['b', 'c']) expect(textOf(await using(sealed(), async (store) => store.get(key)))).not.toContain('horse');
  });

  it('reads what was written before records were sealed', async () => {
    await using(plain(), async (store) => store.write([{ type: 'put', key: 'a', value: bytes('{"old":true}') }]));
    expect(textOf(await using(sealed(), async (store) => store.get('a')))).toBe('{"old":true}');
  });
});
