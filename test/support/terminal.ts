import { spawn } from 'node:child_process';
import { once } from 'node:events';

const PATIENCE_MS = 30_000;

/** A command in a real terminal, as a person has it: script(1) holds it. */
export class TerminalSession {
  readonly #child;
  readonly #ended: Promise<unknown>;
  #said = '';
  #seen = 0;
  #wake: () => void = () => undefined;

  constructor(words: readonly string[], environment: Record<string, string>) {
    const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    this.#child = spawn('script', ['-qec', `stty rows 40 cols 100; exec ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = once(this.#child, 'close').finally(() => this.#wake());
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
      this.#wake();
    });
  }

  /** Until it has said this, after what was waited for before. */
  async sees(text: string | RegExp): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const rest = this.#said.slice(this.#seen);
      const found = typeof text === 'string' ? text : text.exec(rest)?.[0];
      const at = found === undefined ? -1 : rest.indexOf(found);
      if (at >= 0) {
        this.#seen += at + (found?.length ?? 0);
        return;
      }
      if (this.#child.exitCode !== null || Date.now() > deadline)
        throw new Error(`no "${String(text)}" after: ${JSON.stringify(this.#said)}`);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), new Promise((resolve) => setTimeout(resolve, 1_000))]);
    }
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** @returns the exit code and all it said */
  async end(): Promise<{ code: number | null; said: string }> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await this.#ended;
    clearTimeout(late);
    return { code: this.#child.exitCode, said: this.#said };
  }
}
