import path from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';

const INCARNATION_FILE = 'incarnation';
const TEXT = /^[1-9][0-9]{0,14}\n?$/;

/**
 * The number of this life of the daemon: a death record is refuted only by a higher one. Each start takes the next, on disk before it is used.
 */
export class IncarnationCounter {
  readonly #file: string;
  readonly #clock: Clock;
  #current = 0;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(deps: { clock: Clock }, options: { dataDir: string }) {
    this.#clock = deps.clock;
    this.#file = path.join(options.dataDir, INCARNATION_FILE);
  }

  get current(): number {
    return this.#current;
  }

  /** A file that is damaged counts on from the seconds since 1970, which no count of starts reaches. */
  async start(): Promise<number> {
    const bytes = await readPrivateFile(this.#file);
    const text = bytes && new TextDecoder().decode(bytes);
    const last = text === undefined ? 0 : TEXT.test(text) ? Number(text) : Math.floor(this.#clock.now() / 1000);
    return this.raiseTo(last + 1);
  }

  /** To refute: `atLeast` is one more than what others say has died. Resolves to the incarnation now held, once it is on disk. */
  async raiseTo(atLeast: number): Promise<number> {
    if (atLeast > this.#current) {
      const write = this.#lastWrite.then(() => writePrivateFile(this.#file, `${atLeast}\n`));
      this.#lastWrite = write.catch(() => undefined);
      this.#current = atLeast;
      await write;
    } else {
      await this.#lastWrite;
    }
    return this.#current;
  }
}
