import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../daemon/ports/store.ts';

/** What a subject of the suite hands in: two calls give stores on the same records. */
export interface StoreSubject {
  /** A store that is not open yet. */
  make(): Store;
  cleanUp(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : new TextDecoder().decode(value));

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.entries(prefix)) keys.push(key);
  return keys;
}

/** Every adapter of the Store port passes this. */
export function storeAcceptance(name: string, prepare: () => Promise<StoreSubject>): void {
  describe(`${name} as a store`, () => {
    let subject: StoreSubject;
    let store: Store;

    beforeEach(async () => {
      subject = await prepare();
      store = subject.make();
      await store.open();
    });
    afterEach(async () => {
      await store.close();
      await subject.cleanUp();
    });

    it('gives back what was written, and nothing for other keys', async () => {
      await store.write([{ type: 'put', key: 'a', value: bytes('1') }]);
      expect(textOf(await store.get('a'))).toBe('1');
      expect(await store.get('b')).toBeUndefined();
    });

    it('applies a batch in order: the last operation on a key counts', async () => {
      await store.write([
        { type: 'put', key: 'a', value: bytes('1') },
        { type: 'put', key: 'b', value: bytes('2') },
        { type: 'delete', key: 'a' },
        { type: 'put', key: 'b', value: bytes('3') },
      ]);
      expect(await store.get('a')).toBeUndefined();
      expect(textOf(await store.get('b'))).toBe('3');
    });

    it('takes an empty batch and the deletion of what is not there', async () => {
      await store.write([]);
      await store.write([{ type: 'delete', key: 'nothing' }]);
      expect(await keysOf(store, '')).toEqual([]);
    });

    it('lists the entries of a prefix ascending, and no others', async () => {
      const keys = ['q/z', 'p/b', 'p/ä', 'p/a', 'p', 'p/\u{1f600}', 'p0', 'o/x'];
      await store.write(keys.map((key) => ({ type: 'put', key, value: bytes(key) })));
      expect(await keysOf(store, 'p/')).toEqual(['p/a', 'p/b', 'p/ä', 'p/\u{1f600}']);
    });

    it('streams more entries than fit one read', async () => {
      const keys = Array.from({ length: 1_500 }, (_, index) => `k/${String(index).padStart(5, '0')}`);
      await store.write(keys.map((key) => ({ type: 'put', key, value: bytes(key) })));
      expect(await keysOf(store, 'k/')).toEqual(keys);
    });

    it('lets a reader stop half-way', async () => {
      await store.write(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: bytes(key) })));
      for await (const [key] of store.entries('')) {
        expect(key).toBe('a');
        break;
      }
      expect(textOf(await store.get('c'))).toBe('c');
    });

    it('keeps empty values and every byte', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.write([
        { type: 'put', key: 'empty', value: new Uint8Array(0) },
        { type: 'put', key: 'all', value: all },
      ]);
      expect((await store.get('empty'))?.byteLength).toBe(0);
      expect([...((await store.get('all')) ?? [])]).toEqual([...all]);
    });

    it('holds what was written after it is closed and opened again', async () => {
      await store.write([{ type: 'put', key: 'a', value: bytes('1') }]);
      await store.close();
      store = subject.make();
      await store.open();
      expect(textOf(await store.get('a'))).toBe('1');
    });

    it('refuses a second opener', async () => {
      await expect(subject.make().open()).rejects.toMatchObject({ code: 'StoreLocked' });
    });

    it('says that it is closed', async () => {
      await store.close();
      await expect(store.get('a')).rejects.toMatchObject({ code: 'StoreClosed' });
    });
  });
}
