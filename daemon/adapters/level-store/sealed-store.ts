import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Store, StoreOperation } from '../../ports/store.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Drawn for each value: of one key no more than 2^32 values are to be sealed (NIST SP 800-38D, 8.3), a hundred a second for a year. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Before each sealed value. No record of ours begins with it; one without it was written before records were sealed. */
const MARK = Buffer.from('\u0000kith-sealed-1\u0000');

/**
 * Seals the values of another store (AES-256-GCM, bound to their keys), so that its files, or a copy of them, tell nothing without the host's private key. What is looked
 * for is not hidden: keys are names of objects. A value that does not open is handed out as it is: whoever reads it finds it damaged.
 */
export class SealedStore implements Store {
  readonly #inner: Store;
  readonly #secret: () => Promise<Uint8Array>;
  #key: Uint8Array = new Uint8Array();

  /** @param deps.secret of this host; asked for once the inner store is open, and nobody else has it */
  constructor(deps: { inner: Store; secret: () => Promise<Uint8Array> }) {
    this.#inner = deps.inner;
    this.#secret = deps.secret;
  }

  async open(signal?: AbortSignal): Promise<void> {
    await this.#inner.open(signal);
    try {
      this.#key = new Uint8Array(hkdfSync('sha256', await this.#secret(), '', 'kith store', KEY_BYTES));
    } catch (error) {
      await this.#inner.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#inner.get(key);
    return value === undefined ? undefined : this.#unseal(key, value);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    await this.#inner.write(operations.map((each) => (each.type === 'put' ? { ...each, value: this.#seal(each.key, each.value) } : each)));
  }

  async *entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    for await (const [key, value] of this.#inner.entries(prefix)) yield [key, this.#unseal(key, value)];
  }

  #seal(key: string, value: Uint8Array): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(key));
    return Buffer.concat([MARK, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  #unseal(key: string, value: Uint8Array): Uint8Array {
    const sealed = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (!sealed.subarray(0, MARK.length).equals(MARK) || sealed.length < MARK.length + NONCE_BYTES + TAG_BYTES) return value;
    const body = sealed.subarray(MARK.length);
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, body.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(key));
      decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
      const opened = Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, body.length - TAG_BYTES)), decipher.final()]);
      return new Uint8Array(opened.buffer, opened.byteOffset, opened.byteLength);
    } catch {
      return value;
    }
  }
}
