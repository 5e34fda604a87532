import { hash } from 'node:crypto';
import path from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { VoteBook } from '../../ports/vote-book.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';

const FILE = 'votes';
const DIGEST_BYTES = 32;

/** A file of its own and not in the store: a store that lost a record goes on without it, and a voter must not. */
export class FileVoteBook implements VoteBook {
  readonly #file: string;

  constructor(options: { dataDir: string }) {
    this.#file = path.join(options.dataDir, FILE);
  }

  async load(): Promise<Uint8Array | undefined> {
    const bytes = await readPrivateFile(this.#file);
    if (bytes === undefined) return undefined;
    const record = bytes.subarray(DIGEST_BYTES);
    if (bytes.byteLength < DIGEST_BYTES || !hash('sha256', record, 'buffer').equals(bytes.subarray(0, DIGEST_BYTES))) {
      throw new KithError(
        'VotesDamaged',
        `${this.#file} is damaged: this host votes on no workload of kith.dev/partition: majority any more. To have it vote again, remove its node and let it join anew with an empty --data-dir`,
        { file: this.#file },
      );
    }
    return record;
  }

  async save(record: Uint8Array): Promise<void> {
    await writePrivateFile(this.#file, Buffer.concat([hash('sha256', record, 'buffer'), record]));
  }
}
