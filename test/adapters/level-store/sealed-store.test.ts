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

  describe('with a key that is kept apart', () => {
    const apart = (key = 'of another medium'): SealedStore => {
      const inner = new LevelStore({ directory });
      return new SealedStore({ inner, secret: secret(), apart: secret(key), compact: async () => inner.compact() });
    };
    const put = (value: string) => async (store: LevelStore | SealedStore) => store.write([{ type: 'put', key: 'a', value: bytes(value) }]);
    const read = async (store: LevelStore | SealedStore): Promise<string> => textOf(await store.get('a'));

    it('says so when the key is missing or another, and changes nothing', async () => {
      await using(apart(), put('horse'));
      await expect(sealed().open()).rejects.toMatchObject({ code: 'StoreKeyMissing' });
      await expect(apart('another').open()).rejects.toMatchObject({ code: 'StoreKeyWrong' });
      expect(await using(apart(), read)).toBe('horse');
    });

    it("seals anew what was sealed with the host's own key, of which no file holds anything then", async () => {
      await using(sealed(), put('horse'));
      const [before] = await using(plain(), async (store) => [Buffer.from((await store.get('a'))!).toString('latin1')]);
      expect(await using(apart(), read)).toBe('horse');
      for (const name of await readdir(directory)) expect(await readFile(join(directory, name), 'latin1')).not.toContain(before);
      expect(await using(plain(), async (store) => textOf(await store.get('a')))).not.toContain('horse');
    });

    it('goes on where a power cut ended the sealing anew', async () => {
      await using(apart(), put('horse'));
      // One record has the new key already, the other the old one, and the proof is still to come.
      const halfway = await using(plain(), async (store) => (await store.get('a'))!);
      await using(plain(), async (store) =>
        store.write([
          { type: 'delete', key: 'a' },
          { type: 'delete', key: 'sealed-with' },
        ]),
      );
      await using(sealed(), async (store) => store.write([{ type: 'put', key: 'b', value: bytes('battery') }]));
      await using(plain(), async (store) => store.write([{ type: 'put', key: 'a', value: halfway }]));
      const both = await using(apart(), async (store) => [textOf(await store.get('a')), textOf(await store.get('b'))]);
      expect(both).toEqual(['horse', 'battery']);
    });

    it('shows nobody its own proof', async () => {
      await using(apart(), put('horse'));
      const keys: string[] = [];
      await using(apart(), async (store) => {
        for await (const [key] of store.entries('')) keys.push(key);
      });
      expect(keys).toEqual(['a']);
    });
  });
});
