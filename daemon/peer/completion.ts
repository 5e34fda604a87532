import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';

export interface CompletionDeps {
  transport: Transport;
  /** Resolves when both sides held equal digests once. */
  antiEntropy: { syncWith(peer: string, signal: AbortSignal): Promise<void> };
  clock: Clock;
  log: Log;
}

const RETRY_MS = 250;
/** A peer that can't bring us up to date in this time is left for another. */
const ATTEMPT_MS = 60_000;
/** How often a person is told that we still wait. */
const REMIND_MS = 30_000;

/** Fetches the whole desired state from any member before this peer acts on it (DESIGN.md, invariant 7). */
export class Completion {
  readonly #deps: CompletionDeps;
  readonly #stopping = new AbortController();
  #cancel: CancelTimer = () => undefined;
  #remindAt = 0;

  constructor(deps: CompletionDeps) {
    this.#deps = deps;
  }

  start(signal: AbortSignal, done: () => Promise<void>): void {
    signal.addEventListener('abort', () => this.stop(), { once: true });
    this.#remindAt = this.#deps.clock.monotonic() + REMIND_MS;
    void this.#attempt(done);
  }

  stop(): void {
    this.#stopping.abort(new Error('stopped'));
    this.#cancel();
  }

  async #attempt(done: () => Promise<void>): Promise<void> {
    const { transport, clock, log, antiEntropy } = this.#deps;
    for (const peer of transport.connected()) {
      if (this.#stopping.signal.aborted) return;
      const attempt = new AbortController();
      const cancel = clock.after(ATTEMPT_MS, () => attempt.abort(new Error(`no full state within ${ATTEMPT_MS / 1000} s`)));
      try {
        await antiEntropy.syncWith(peer, AbortSignal.any([attempt.signal, this.#stopping.signal]));
        await done();
        log.info('holds the whole state of the cluster', { from: peer });
        return;
      } catch (error) {
        log.debug('could not take the whole state from a peer', { peer, error });
      } finally {
        cancel();
      }
    }
    if (this.#stopping.signal.aborted) return;
    if (clock.monotonic() >= this.#remindAt) {
      this.#remindAt = clock.monotonic() + REMIND_MS;
      log.warn('still waits for a member that has the state of the cluster: until then what is bound here runs, and nothing is decided');
    }
    this.#cancel = clock.after(RETRY_MS, () => void this.#attempt(done));
  }
}
