import { KithError } from '../../protocol/errors.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';

/** How long the connections of a removed member stay, ms: it must hear that it was removed, or it would take the silence for a cut and go on alone. */
export const FAREWELL_MS = 2_000;

/** What the removed host tells whoever asks it to change something. */
export const REMOVED_MESSAGE =
  'this host was removed from the cluster: its pods are stopped and it decides nothing more. To bring it back, stop kithd and start it with an empty --data-dir and --join TOKEN';

export function removedError(): KithError {
  return new KithError('Removed', REMOVED_MESSAGE);
}

export interface FarewellDeps {
  clock: Clock;
  /** Brings the member what it lacks; may fail. */
  tell(peer: string, signal: AbortSignal): Promise<unknown>;
  /** The time of one is over. */
  onEnd(): void;
}

/** Members that were removed a moment ago. */
export class Farewell {
  readonly #deps: FarewellDeps;
  readonly #stopping = new AbortController();
  readonly #leaving = new Map<string, { spec: MemberSpec; cancel: CancelTimer }>();
  #before: readonly MemberSpec[] = [];

  constructor(deps: FarewellDeps) {
    this.#deps = deps;
  }

  /** Takes the members as they are now; answers with those that left just before. */
  leaving(members: readonly MemberSpec[]): MemberSpec[] {
    const now = new Set(members.map(({ peerId }) => peerId));
    for (const spec of this.#before) if (!now.has(spec.peerId)) this.#begin(spec);
    for (const peer of now) this.#end(peer);
    this.#before = members;
    return [...this.#leaving.values()].map(({ spec }) => spec);
  }

  stop(): void {
    this.#stopping.abort(new KithError('Stopped', 'the daemon stops'));
    for (const peer of [...this.#leaving.keys()]) this.#end(peer);
  }

  #begin(spec: MemberSpec): void {
    if (this.#stopping.signal.aborted) return;
    this.#end(spec.peerId);
    const cancel = this.#deps.clock.after(FAREWELL_MS, () => {
      this.#end(spec.peerId);
      this.#deps.onEnd();
    });
    this.#leaving.set(spec.peerId, { spec, cancel });
    // A member that is away hears it when it knocks: Transport.turnAway.
    this.#deps.tell(spec.peerId, this.#stopping.signal).catch(() => undefined);
  }

  #end(peer: string): void {
    this.#leaving.get(peer)?.cancel();
    this.#leaving.delete(peer);
  }
}
