import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';
import type { Store, StoreOperation } from '../../ports/store.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Drawn for each value: of one key no more than 2^32 values are to be sealed (NIST SP 800-38D, 8.3), a hundred a second for a year. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Before each sealed value. No record of ours begins with it; one without it was written before records were sealed. */
const MARK = Buffer.from('\u0000kith-sealed-1\u0000');

/** Opens with a key that is kept apart from the store, and with no other: by it a wrong one is told from a damaged record. */
const PROOF_KEY = 'sealed-with';
const PROOF = Buffer.from('the key of this store');
/** Records sealed anew at once. */
const RESEAL_BATCH = 256;

export interface SealedStoreDeps {
  inner: Store;
  /** Of this host, a file beside the store; asked for once the inner store is open, and nobody else has it. */
  secret: () => Promise<Uint8Array>;
  /** Kept on another medium: values are sealed with it instead, those sealed before anew. */
  apart?: () => Promise<Uint8Array>;
  /** Has the inner store's files forget what was overwritten. */
  compact?: () => Promise<void>;
}

/**
 * Seals the values of another store (AES-256-GCM, bound to their keys), so that its files, or a copy of them, tell nothing without the key. What is looked
 * for is not hidden: keys are names of objects. A value that does not open is handed out as it is: whoever reads it finds it damaged.
 */
export class SealedStore implements Store {
  readonly #deps: SealedStoreDeps;
  readonly #inner: Store;
  #key: Uint8Array = new Uint8Array();

  constructor(deps: SealedStoreDeps) {
    this.#deps = deps;
    this.#inner = deps.inner;
  }

  /** @throws KithError `StoreKeyMissing`, `StoreKeyWrong` where the store is sealed with a key that is kept apart, beside what the inner one throws */
  async open(signal?: AbortSignal): Promise<void> {
    await this.#inner.open(signal);
    try {
      await this.#chooseKey();
    } catch (error) {
      await this.#inner.close();
      throw error;
    }
  }

  async #chooseKey(): Promise<void> {
    const { apart, secret, compact } = this.#deps;
    const proof = await this.#inner.get(PROOF_KEY);
    if (apart === undefined) {
      if (proof !== undefined)
        throw new KithError('StoreKeyMissing', `its state is sealed with a key file: give it with --key-file${OTHERWISE}`);
      this.#key = derive(await secret());
      return;
    }
    this.#key = derive(await apart());
    if (proof !== undefined) {
      if (open(this.#key, PROOF_KEY, proof)?.equals(PROOF) === true) return;
      throw new KithError('StoreKeyWrong', `the key file is not the one that its state is sealed with: give that one${OTHERWISE}`);
    }
    await this.#sealAnew(derive(await secret()));
    await this.write([{ type: 'put', key: PROOF_KEY, value: PROOF }]);
    await compact?.();
  }

  /** What a power cut leaves half done is done by the next start: there is no proof yet. */
  async #sealAnew(before: Uint8Array): Promise<void> {
    let batch: StoreOperation[] = [];
    for await (const [key, value] of this.#inner.entries('')) {
      if (open(this.#key, key, value) !== undefined) continue;
      batch.push({ type: 'put', key, value: open(before, key, value) ?? value });
      if (batch.length < RESEAL_BATCH) continue;
      await this.write(batch);
      batch = [];
    }
    await this.write(batch);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#inner.get(key);
    return value === undefined ? undefined : (open(this.#key, key, value) ?? value);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    await this.#inner.write(
      operations.map((each) => (each.type === 'put' ? { ...each, value: seal(this.#key, each.key, each.value) } : each)),
    );
  }

  /** Without the store's own proof of its key. */
  async *entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    for await (const [key, value] of this.#inner.entries(prefix)) if (key !== PROOF_KEY) yield [key, open(this.#key, key, value) ?? value];
  }
}

const OTHERWISE = ', or, where other members hold the state, move the folder `store` away: it is filled again from them';

function derive(secret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'kith store', KEY_BYTES));
}

function seal(secret: Uint8Array, key: string, value: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(Buffer.from(key));
  return Buffer.concat([MARK, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined: it was sealed with another key, under another name, was changed, or never sealed. */
function open(secret: Uint8Array, key: string, value: Uint8Array): Buffer | undefined {
  const sealed = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (!sealed.subarray(0, MARK.length).equals(MARK) || sealed.length < MARK.length + NONCE_BYTES + TAG_BYTES) return undefined;
  const body = sealed.subarray(MARK.length);
  try {
    const decipher = createDecipheriv(CIPHER, secret, body.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(key));
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, body.length - TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
