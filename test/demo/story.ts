/** What the demo prints: a step with its time; a spinner on a terminal only. */
export class Story {
  readonly #interactive: boolean;
  readonly #write: (text: string) => void;
  #failed = 0;

  constructor(write: (text: string) => void, interactive: boolean) {
    this.#write = write;
    this.#interactive = interactive;
  }

  get failed(): number {
    return this.#failed;
  }

  heading(text: string): void {
    this.#write(`\n${this.#interactive ? `\x1b[1m${text}\x1b[0m` : text}\n`);
  }

  say(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.#write(`    ${line}\n`);
  }

  /** Runs one step of the story; a failure ends it. `told` may say more than `title`, once it is known. */
  async step<T>(title: string, work: (tell: (text: string) => void) => Promise<T>): Promise<T> {
    const began = Date.now();
    let told = title;
    const frames = ['-', '\\', '|', '/'];
    let turn = 0;
    const spin = (): void =>
      this.#write(`\r  ${frames[turn++ % frames.length] ?? ''} ${told} ${((Date.now() - began) / 1000).toFixed(1)} s\x1b[K`);
    const timer = this.#interactive ? setInterval(spin, 120) : undefined;
    try {
      const result = await work((text) => (told = text));
      this.#line('ok', told, began);
      return result;
    } catch (error) {
      this.#failed += 1;
      this.#line('FAILED', told, began);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  #line(mark: 'ok' | 'FAILED', told: string, began: number): void {
    const seconds = `${((Date.now() - began) / 1000).toFixed(1)} s`;
    if (!this.#interactive) return this.#write(`  ${mark.padEnd(6)} ${told} (${seconds})\n`);
    const colour = mark === 'ok' ? '\x1b[32m✓' : '\x1b[31m✗';
    this.#write(`\r  ${colour}\x1b[0m ${told} \x1b[2m${seconds}\x1b[0m\x1b[K\n`);
  }
}
