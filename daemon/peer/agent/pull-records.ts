import { KithError } from '../../../protocol/errors.ts';
import { judgeUse, proofsOf, type PulledRecord, withPull } from '../../core/reconcile/pull-proofs.ts';
import type { Log } from '../../ports/log.ts';
import type { RegistryCredential } from '../../ports/runtime.ts';
import type { Store, StoreOperation } from '../../ports/store.ts';

/** Keys of the store: by the id of an image, and by the name of one that is being pulled. */
const PULLED = 'image/pulled/';
const PULLING = 'image/pulling/';
/** Records from which on it is looked whether their images are still there; twice as many after each such look as it has left. */
const PRUNE_FROM = 1_000;

export interface PullRecordsDeps {
  /** Left out: what is known is forgotten with the daemon. */
  store?: Pick<Store, 'entries' | 'write'>;
  /** Whether an image, by its name or id, is still here. */
  isHere(image: string): Promise<boolean>;
  log: Log;
}

/**
 * Which images this node pulled, and with whose credentials; kept on disk, or an image would be everybody's after a restart of the daemon. That a pull begins is written
 * first: one of which nobody knows how it ended leaves an image that has to be asked for.
 */
export class PullRecords {
  readonly #deps: PullRecordsDeps;
  readonly #pulled = new Map<string, PulledRecord>();
  /** How many pulls of an image are under way; 0: one of which the end is not known. */
  readonly #pulling = new Map<string, number>();
  #loaded: Promise<void> | undefined;
  #pruneFrom = PRUNE_FROM;

  constructor(deps: PullRecordsDeps) {
    this.#deps = deps;
  }

  /** Whether a pod with these credentials may use the image as it is here. */
  async mayUse(id: string, image: string, credentials: readonly RegistryCredential[]): Promise<boolean> {
    await this.#load();
    const record = this.#pulled.get(id);
    const verdict = judgeUse(record, this.#pulling.has(image), image, credentials);
    if (verdict.mayUse && verdict.learned !== undefined)
      await this.#keep(id, withPull(record, image, verdict.learned)).catch((error: unknown) => this.#warn(image, error));
    return verdict.mayUse;
  }

  /** To be waited for before the pull. @throws KithError `ImagePullFailed`: then the image must not be pulled */
  async begun(image: string): Promise<void> {
    await this.#load();
    const before = this.#pulling.get(image);
    this.#pulling.set(image, (before ?? 0) + 1);
    if (before !== undefined) return;
    try {
      await this.#write([{ type: 'put', key: PULLING + image, value: new Uint8Array() }]);
    } catch (error) {
      this.#pulling.delete(image);
      const why = error instanceof Error ? error.message : String(error);
      throw new KithError('ImagePullFailed', `Failed to record image pull intent for container image "${image}": ${why}`);
    }
  }

  /** @param credential that the registry took */
  async succeeded(id: string, image: string, credential: RegistryCredential | undefined): Promise<void> {
    const [proof] = proofsOf(credential === undefined ? [] : [credential]);
    try {
      await this.#keep(id, withPull(this.#pulled.get(id), image, proof));
      await this.#ended(image);
      await this.#prune();
    } catch (error) {
      this.#warn(image, error);
    }
  }

  /** @param isOver nothing of the pull goes on */
  async failed(image: string, isOver: boolean): Promise<void> {
    if (isOver) await this.#ended(image).catch((error: unknown) => this.#warn(image, error));
    else this.#pulling.set(image, Math.max(0, (this.#pulling.get(image) ?? 0) - 1));
  }

  async #ended(image: string): Promise<void> {
    if (!this.#pulling.has(image)) return;
    const left = (this.#pulling.get(image) ?? 0) - 1;
    if (left > 0) return void this.#pulling.set(image, left);
    await this.#write([{ type: 'delete', key: PULLING + image }]);
    this.#pulling.delete(image);
  }

  async #keep(id: string, record: PulledRecord): Promise<void> {
    if (record === this.#pulled.get(id)) return;
    await this.#write([{ type: 'put', key: PULLED + id, value: Buffer.from(JSON.stringify(record)) }]);
    this.#pulled.set(id, record);
  }

  /** Images go without a word: of those that are here there are not many. */
  async #prune(): Promise<void> {
    if (this.#pulled.size + this.#pulling.size <= this.#pruneFrom) return;
    const gone: StoreOperation[] = [];
    for (const id of [...this.#pulled.keys()]) {
      if (await this.#deps.isHere(id)) continue;
      this.#pulled.delete(id);
      gone.push({ type: 'delete', key: PULLED + id });
    }
    for (const [image, count] of [...this.#pulling]) {
      if (count > 0 || (await this.#deps.isHere(image))) continue;
      this.#pulling.delete(image);
      gone.push({ type: 'delete', key: PULLING + image });
    }
    this.#pruneFrom = Math.max(PRUNE_FROM, 2 * (this.#pulled.size + this.#pulling.size));
    await this.#write(gone);
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#read().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #read(): Promise<void> {
    const { store } = this.#deps;
    if (store === undefined) return;
    for await (const [key, value] of store.entries(PULLED)) this.#pulled.set(key.slice(PULLED.length), recordIn(value));
    for await (const [key] of store.entries(PULLING)) this.#pulling.set(key.slice(PULLING.length), 0);
  }

  async #write(operations: readonly StoreOperation[]): Promise<void> {
    await this.#deps.store?.write(operations);
  }

  #warn(image: string, error: unknown): void {
    this.#deps.log.warn('Who may use an image could not be written down; it is asked for again', { image, error });
  }
}

/** What can't be read proves nothing, but that the image was pulled. */
function recordIn(value: Uint8Array): PulledRecord {
  try {
    return JSON.parse(Buffer.from(value).toString('utf8')) as PulledRecord;
  } catch {
    return { repositories: {} };
  }
}
