import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KithError } from '../../../protocol/errors.ts';
import type { TerminalSize } from '../../ports/streams.ts';

const run = promisify(execFile);
/** Until the program inside has said which terminal it has. */
const NAME_TIMEOUT_MS = 3_000;
const POLL_MS = 10;
const TERM = 'xterm';

/**
 * A pseudo-terminal without native code: script(1) of util-linux holds it and passes bytes on, stty(1) sets its size. The program inside begins as a shell, which
 * writes the terminal's name to a file.
 */
export class Terminal {
  readonly env = { TERM, SHELL: '/bin/sh' };
  readonly #nameFile: string;
  #last: Promise<void> = Promise.resolve();

  private constructor(folder: string) {
    this.#nameFile = join(folder, 'tty');
  }

  /** One that was prepared before. */
  static at(folder: string): Terminal {
    return new Terminal(folder);
  }

  /** @param folder where the terminal's name is kept. @throws KithError `InvalidContainer` where script is missing */
  static async prepare(folder: string): Promise<Terminal> {
    const version = await run('script', ['--version']).catch(() => ({ stdout: '' }));
    if (!version.stdout.includes('util-linux')) {
      throw new KithError(
        'InvalidContainer',
        'no terminal is to be had on this node: the process runtime needs the program "script" of util-linux (Debian: bsdutils) for one; install it, or do without -t',
      );
    }
    await mkdir(folder, { recursive: true });
    return new Terminal(folder);
  }

  /** What to run instead of `argv`. */
  command(argv: readonly string[]): string[] {
    const inside = `stty sane rows 24 cols 80; tty > ${quote(this.#nameFile)}; exec ${argv.map(quote).join(' ')}`;
    return ['script', '--quiet', '--flush', '--return', '--command', inside, '/dev/null'];
  }

  /** Sizes are set one after the other; the last one stays. */
  resize(size: TerminalSize): Promise<void> {
    this.#last = this.#last.then(() => this.#resize(size)).catch(() => undefined);
    return this.#last;
  }

  async #resize({ columns, rows }: TerminalSize): Promise<void> {
    const name = await this.#name();
    if (name !== undefined) await run('stty', ['-F', name, 'rows', String(rows), 'cols', String(columns)]);
  }

  async #name(): Promise<string | undefined> {
    const deadline = performance.now() + NAME_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const name = (await readFile(this.#nameFile, 'utf8').catch(() => '')).trim();
      if (/^\/dev\/pts\/[0-9]+$/.test(name)) return name;
      await delay(POLL_MS);
    }
    return undefined;
  }
}

/** A word as sh(1) reads it. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
