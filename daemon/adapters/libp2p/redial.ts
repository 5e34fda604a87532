import type { CancelTimer, Clock, Random } from '../../ports/clock.ts';
import type { TransportMember } from '../../ports/transport.ts';
import { DIAL_TIMEOUT_MS, MAX_PARALLEL_DIALS, REDIAL_FIRST_MS, REDIAL_LONGEST_MS, STABLE_CONNECTION_MS, YIELD_MS } from './limits.ts';

export interface RedialerDeps {
  clock: Clock;
  random: Random;
  /** Resolves when connected; rejects when no address led there. */
  dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void>;
  isConnected(peer: string): boolean;
  /** Of two peers that learn of each other at the same moment, one waits a little, so that they do not meet twice. */
  yieldsTo(peer: string): boolean;
}

interface Target {
  peer: string;
  addresses: readonly string[];
  failures: number;
  connectedAt: number | undefined;
  cancelTimer: CancelTimer | undefined;
  dialling: AbortController | undefined;
  /** Addresses changed, or an attempt was asked for, while one was under way. */
  again: boolean;
}

/**
 * Dials every member for ever: libp2p itself gives a peer up after five tries, and a partition then never heals. One attempt a member at a time; the delay
 * doubles up to {@link REDIAL_LONGEST_MS}, jittered so that peers cut at the same moment do not dial at the same moment.
 */
export class Redialer {
  readonly #deps: RedialerDeps;
  readonly #targets = new Map<string, Target>();
  /** Those whose turn to dial has come while too many dials are under way. */
  readonly #waiting = new Set<Target>();
  #underWay = 0;
  #running = false;

  constructor(deps: RedialerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = true;
    for (const target of this.#targets.values()) this.#attempt(target);
  }

  stop(): void {
    this.#running = false;
    for (const target of this.#targets.values()) this.#rest(target);
  }

  /** A member that is new, or whose addresses changed, is dialled at once (or nearly: see `yieldsTo`). */
  setMembers(members: readonly TransportMember[]): void {
    const wanted = new Map(members.map((member) => [member.peer, member]));
    for (const [peer, target] of this.#targets) {
      if (wanted.has(peer)) continue;
      this.#rest(target);
      this.#targets.delete(peer);
    }
    for (const { peer, addresses } of wanted.values()) {
      const known = this.#targets.get(peer);
      if (!known) {
        const target: Target = {
          peer,
          addresses,
          failures: 0,
          connectedAt: undefined,
          cancelTimer: undefined,
          dialling: undefined,
          again: false,
        };
        this.#targets.set(peer, target);
        if (this.#running && this.#deps.yieldsTo(peer)) this.#attemptAfter(target, YIELD_MS);
        else this.#attempt(target);
      } else if (!sameAddresses(known.addresses, addresses)) {
        known.addresses = addresses;
        this.now(peer);
      }
    }
  }

  /** Dials at once if not connected, and forgets earlier failures. */
  now(peer: string): void {
    const target = this.#targets.get(peer);
    if (!target) return;
    target.failures = 0;
    if (target.dialling) target.again = true;
    else this.#attempt(target);
  }

  /** The peer is heard: what is under way was begun when nothing came through. Where both hear each other, one dials first. */
  heard(peer: string): void {
    const target = this.#targets.get(peer);
    if (!target || this.#deps.isConnected(peer)) return;
    target.failures = 0;
    if (target.dialling) {
      target.again = true;
      target.dialling.abort(new Error('it is heard, and dialled anew'));
    } else if (this.#deps.yieldsTo(peer)) this.#attemptAfter(target, YIELD_MS);
    else this.#attempt(target);
  }

  connected(peer: string): void {
    const target = this.#targets.get(peer);
    if (!target) return;
    target.connectedAt = this.#deps.clock.monotonic();
    this.#cancel(target);
  }

  disconnected(peer: string): void {
    const target = this.#targets.get(peer);
    if (!target) return;
    const lastedMs = target.connectedAt === undefined ? 0 : this.#deps.clock.monotonic() - target.connectedAt;
    target.connectedAt = undefined;
    if (lastedMs >= STABLE_CONNECTION_MS) target.failures = 0;
    if (!target.dialling) this.#attemptLater(target);
  }

  #attempt(target: Target): void {
    this.#cancel(target);
    target.again = false;
    if (!this.#running || target.dialling || target.addresses.length === 0 || this.#deps.isConnected(target.peer)) return;
    if (this.#underWay >= MAX_PARALLEL_DIALS) this.#waiting.add(target);
    else this.#dial(target);
  }

  #dial(target: Target): void {
    const controller = new AbortController();
    target.dialling = controller;
    this.#underWay++;
    const cancelTimeout = this.#deps.clock.after(DIAL_TIMEOUT_MS, () => controller.abort(new Error('the dial took too long')));
    const finished = () => {
      cancelTimeout();
      target.dialling = undefined;
      this.#underWay--;
      this.#dialNext();
      if (!this.#running || this.#targets.get(target.peer) !== target) return;
      if (target.again) this.#attempt(target);
      else if (!this.#deps.isConnected(target.peer)) this.#attemptLater(target);
    };
    this.#deps.dial(target.peer, target.addresses, controller.signal).then(finished, finished);
  }

  #dialNext(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.#attempt(next);
      if (this.#underWay >= MAX_PARALLEL_DIALS) return;
    }
  }

  #attemptLater(target: Target): void {
    const yieldMs = target.failures === 0 && this.#deps.yieldsTo(target.peer) ? YIELD_MS : 0;
    const delayMs = redialDelayMs(target.failures, this.#deps.random.next()) + yieldMs;
    target.failures++;
    this.#attemptAfter(target, delayMs);
  }

  #attemptAfter(target: Target, delayMs: number): void {
    this.#cancel(target);
    if (!this.#running) return;
    target.cancelTimer = this.#deps.clock.after(delayMs, () => {
      target.cancelTimer = undefined;
      this.#attempt(target);
    });
  }

  #cancel(target: Target): void {
    target.cancelTimer?.();
    target.cancelTimer = undefined;
  }

  #rest(target: Target): void {
    this.#cancel(target);
    this.#waiting.delete(target);
    target.dialling?.abort(new Error('no longer wanted'));
  }
}

/** `draw` is uniform in [0, 1); the answer is between half of the backoff and all of it. */
export function redialDelayMs(failures: number, draw: number): number {
  const backoffMs = Math.min(REDIAL_LONGEST_MS, REDIAL_FIRST_MS * 2 ** Math.min(failures, 20));
  return backoffMs * (0.5 + draw / 2);
}

function sameAddresses(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((address, index) => address === right[index]);
}
