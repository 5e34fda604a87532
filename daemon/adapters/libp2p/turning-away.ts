/**
 * Peers that were members once and come back: each is let in for as long as it takes to tell it that it was removed, as otherwise it would take the closed door for a
 * cut and go on alone. Must never let anything of it in.
 */
import type { Connection } from '@libp2p/interface';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { Deadline } from './deadline.ts';
import { MAX_NOTICES_UNDER_WAY, NOTICE_EVERY_MS, NOTICE_TIMEOUT_MS } from './limits.ts';

export interface TurningAwayDeps {
  clock: Clock;
  log: Log;
  /** Hands the notice over and resolves when the peer has answered. */
  tell(connection: Connection, notice: Uint8Array, signal: AbortSignal): Promise<unknown>;
  /** Aborts when the transport stops. */
  stopping: AbortSignal;
}

export class TurningAway {
  readonly #deps: TurningAwayDeps;
  #notice: (peer: string) => Uint8Array | undefined = () => undefined;
  /** Monotonic ms of the last time, by peer; of those who came within {@link NOTICE_EVERY_MS}. */
  readonly #lastAt = new Map<string, number>();
  /** Who is here to be told, or has just been. */
  readonly #here = new Set<string>();
  #underWay = 0;

  constructor(deps: TurningAwayDeps) {
    this.#deps = deps;
  }

  setNotice(notice: (peer: string) => Uint8Array | undefined): void {
    this.#notice = notice;
  }

  /** Whether a peer that is no member is let in to be told. Each `true` counts as the one time in {@link NOTICE_EVERY_MS}. */
  admits(peer: string): boolean {
    const now = this.#deps.clock.monotonic();
    for (const [other, at] of this.#lastAt) if (now - at >= NOTICE_EVERY_MS) this.#lastAt.delete(other);
    if (this.#lastAt.has(peer) || this.#underWay >= MAX_NOTICES_UNDER_WAY || this.#notice(peer) === undefined) return false;
    this.#lastAt.set(peer, now);
    return true;
  }

  /** Its connection is open: tells it, and ends the connection. Never throws. */
  async opened(connection: Connection): Promise<void> {
    const { clock, log, stopping } = this.#deps;
    const peer = connection.remotePeer.toString();
    this.#here.add(peer);
    const deadline = new Deadline(clock, NOTICE_TIMEOUT_MS, () => new Error('it did not answer in time'), [stopping]);
    this.#underWay += 1;
    try {
      const notice = this.#notice(peer);
      if (notice !== undefined) await this.#deps.tell(connection, notice, deadline.signal);
      log.info('A host that wanted to connect was told of a removal.', { peer });
    } catch (error) {
      // Most often it has heard, and has closed the connection before it answered.
      log.debug('a host that was removed did not answer when it was told so', { peer, error: String(error) });
    } finally {
      this.#underWay -= 1;
      deadline.clear();
      connection.abort(new Error('no longer a member'));
    }
  }

  /** Whether the peer was here only to be told; then nobody else need know that it is gone. */
  left(peer: string): boolean {
    return this.#here.delete(peer);
  }
}
