import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';
import { linkSignals } from './linked-signal.ts';

export interface CompletionDeps {
  transport: Pick<Transport, 'self' | 'connected'>;
  /** Resolves when we hold all that the other held, to whether that was the whole desired state. */
  antiEntropy: { syncWith(peer: string, signal: AbortSignal): Promise<boolean> };
  /** Peer ids of all members that are known, this one too. */
  members: () => readonly string[];
  clock: Clock;
  log: Log;
}

const RETRY_MS = 250;
/** A peer that can't bring us up to date in this time is left for another. */
const ATTEMPT_MS = 60_000;
/** How often a person is told that we still wait. */
const REMIND_MS = 30_000;

/**
 * Fetches the whole desired state before this peer acts on it (DESIGN.md, invariant 7): from any member that holds it. One that waits for it itself has too little to
 * give, but what all the other members have together is all there is.
 */
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
    const { transport, clock, log } = this.#deps;
    const taken = new Set<string>();
    for (const peer of transport.connected()) {
      if (this.#stopping.signal.aborted) return;
      try {
        const whole = await this.#takeFrom(peer);
        taken.add(peer);
        if (!whole && !this.#isEverybody(taken)) continue;
        await done();
        log.info('holds the whole state of the cluster', { from: whole ? peer : [...taken] });
        return;
      } catch (error) {
        log.debug('could not take the whole state from a peer', { peer, error });
      }
    }
    if (this.#stopping.signal.aborted) return;
    if (clock.monotonic() >= this.#remindAt) {
      this.#remindAt = clock.monotonic() + REMIND_MS;
      log.warn('still waits for a member that has the state of the cluster: until then what is bound here runs, and nothing is decided');
    }
    this.#cancel = clock.after(RETRY_MS, () => void this.#attempt(done));
  }

  async #takeFrom(peer: string): Promise<boolean> {
    const { antiEntropy, clock } = this.#deps;
    const attempt = new AbortController();
    const cancel = clock.after(ATTEMPT_MS, () => attempt.abort(new Error(`no full state within ${ATTEMPT_MS / 1000} s`)));
    const either = linkSignals(attempt.signal, this.#stopping.signal);
    try {
      return await antiEntropy.syncWith(peer, either.signal);
    } finally {
      cancel();
      either.release();
    }
  }

  #isEverybody(taken: ReadonlySet<string>): boolean {
    const { transport, members } = this.#deps;
    const others = members().filter((peer) => peer !== transport.self);
    return others.length > 0 && others.every((peer) => taken.has(peer));
  }
}
