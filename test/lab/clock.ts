import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { CLOCK_LIBRARY } from './supplies.ts';

/**
 * The wall clock of one daemon, moved from the machine's by a library that is loaded before all others and answers for the kernel, in whatever way the time is asked for: by
 * JavaScript or by OpenSSL. It reads the distance from a file each time. Monotonic clocks and files' times are left alone. (Namespaces can move the former only.)
 */
export class MovableClock {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** What a command line begins with to run under this clock. */
  async prefix(): Promise<string[]> {
    if (!existsSync(this.#file)) await this.move(0);
    return [
      ...['env', `LD_PRELOAD=${CLOCK_LIBRARY}`, `FAKETIME_TIMESTAMP_FILE=${this.#file}`, 'FAKETIME_NO_CACHE=1'],
      ...['FAKETIME_DONT_FAKE_MONOTONIC=1', 'NO_FAKE_STAT=1'],
    ];
  }

  /** At once. */
  async move(byMs: number): Promise<void> {
    const seconds = (byMs / 1_000).toFixed(3);
    await writeFile(`${this.#file}.next`, byMs < 0 ? seconds : `+${seconds}`);
    await rename(`${this.#file}.next`, this.#file);
  }
}
