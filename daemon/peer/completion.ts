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

/** How often it is looked for a member to take from, and how long one that took all it could is left alone. */
const RETRY_MS = 250;
/** A member that has not brought us up to date by then gets another beside it: the first may be one that starts itself, or hangs. */
const HEDGE_MS = 500;
/** Members that are asked at once: each may send us everything. */
const MAX_AT_ONCE = 4;
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
  /** Members that we take from just now. */
  readonly #underWay = new Set<string>();
  /** Since when each of the others is left alone for a while, and whether we hold all that it held. */
  readonly #asked = new Map<string, { at: number; taken: boolean }>();
  #finishing = false;
  #newestAt = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer = () => undefined;
  #remindAt = 0;

  constructor(deps: CompletionDeps) {
    this.#deps = deps;
  }

  start(signal: AbortSignal, done: () => Promise<void>): void {
    signal.addEventListener('abort', () => this.stop(), { once: true });
    this.#remindAt = this.#deps.clock.monotonic() + REMIND_MS;
    this.#look(done);
  }

  stop(): void {
    this.#stopping.abort(new Error('stopped'));
    this.#cancel();
  }

  #look(done: () => Promise<void>): void {
    const { clock, log } = this.#deps;
    if (this.#stopping.signal.aborted) return;
    const peer = this.#nextPeer();
    if (peer !== undefined) void this.#ask(peer, done);
    if (clock.monotonic() >= this.#remindAt) {
      this.#remindAt = clock.monotonic() + REMIND_MS;
      log.warn('still waits for a member that has the state of the cluster: until then what is bound here runs, and nothing is decided');
    }
    this.#cancel();
    this.#cancel = clock.after(RETRY_MS, () => this.#look(done));
  }

  /** Those that were never asked first, then the one that was asked longest ago. */
  #nextPeer(): string | undefined {
    const { transport, clock } = this.#deps;
    const now = clock.monotonic();
    if (this.#underWay.size >= MAX_AT_ONCE || (this.#underWay.size > 0 && now - this.#newestAt < HEDGE_MS)) return undefined;
    const askedAt = (peer: string): number => this.#asked.get(peer)?.at ?? Number.NEGATIVE_INFINITY;
    return transport
      .connected()
      .filter((peer) => !this.#underWay.has(peer) && now - askedAt(peer) >= RETRY_MS)
      .sort((left, right) => (askedAt(left) === askedAt(right) ? 0 : askedAt(left) - askedAt(right)))[0];
  }

  async #ask(peer: string, done: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps;
    this.#underWay.add(peer);
    this.#newestAt = clock.monotonic();
    let [whole, taken] = [false, false];
    try {
      whole = await this.#takeFrom(peer);
      taken = true;
    } catch (error) {
      log.debug('could not take the whole state from a peer', { peer, error });
    }
    this.#underWay.delete(peer);
    this.#asked.set(peer, { at: clock.monotonic(), taken });
    if (this.#stopping.signal.aborted) return;
    if (taken && (whole || this.#isEverybody())) await this.#finish(done, whole ? peer : undefined);
    else this.#look(done);
  }

  /** Once; then what else is under way is ended. What can not be written down is tried again. */
  async #finish(done: () => Promise<void>, from: string | undefined): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    try {
      await done();
      this.stop();
      this.#deps.log.info('holds the whole state of the cluster', { from: from ?? 'all the other members together' });
    } catch (error) {
      this.#deps.log.warn('that this peer holds the whole state of the cluster could not be written down; it is tried again', { error });
    } finally {
      this.#finishing = false;
    }
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

  /** What was taken from one longer ago than an attempt lasts may be less than it has by now. */
  #isEverybody(): boolean {
    const { transport, members, clock } = this.#deps;
    const others = members().filter((peer) => peer !== transport.self);
    const since = clock.monotonic() - ATTEMPT_MS;
    const isTaken = (peer: string): boolean => {
      const asked = this.#asked.get(peer);
      return asked?.taken === true && asked.at >= since;
    };
    return others.length > 0 && others.every(isTaken);
  }
}
