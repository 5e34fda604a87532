/** Has one thing done after the other; one that fails does not hold up the next. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Rejects as `act` does. */
  async run<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  /** Resolves when nothing is under way any more of what was asked for until now. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
