import { setMaxListeners } from 'node:events';
import type { CancelTimer, Clock } from '../../ports/clock.ts';

/**
 * A signal that aborts when the time is up or when one of `outer` does. `clear` takes every listener off again; `AbortSignal.any` would keep them as long as
 * the longest-lived of its sources.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #undo: CancelTimer[] = [];

  constructor(clock: Clock, timeoutMs: number, reason: () => Error, outer: readonly (AbortSignal | undefined)[] = []) {
    this.#undo.push(clock.after(timeoutMs, () => this.#controller.abort(reason())));
    for (const signal of outer) if (signal) this.#follow(signal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  clear(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #follow(outer: AbortSignal): void {
    const abort = () => this.#controller.abort(outer.reason);
    if (outer.aborted) abort();
    // Many questions under way share the signal of who asks them: that is no leak.
    setMaxListeners(0, outer);
    outer.addEventListener('abort', abort, { once: true });
    this.#undo.push(() => outer.removeEventListener('abort', abort));
  }
}
