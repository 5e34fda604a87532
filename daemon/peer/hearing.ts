import type { ClusterIndex, MemberView } from '../core/cluster/view.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';

/** Who lives has been connected to and compared with by then. */
const HEAR_MS = 3_000;
/** Where this peer itself takes longer to start. */
const START_MS = 10_000;
const LOOK_MS = 50;

export interface HearingView extends Pick<ClusterIndex, 'self' | 'nodeReport' | 'comparedAt'> {
  members(): readonly (Pick<MemberView, 'peer' | 'state'> & { spec: Pick<MemberView['spec'], 'nodeName'> })[];
}

/**
 * Right after its start a peer knows nothing of what the others say of their nodes and pods: that is in memory. Shown like that, nodes would have stopped and pods never have run,
 * and whoever watches would act on it. So whoever asks waits until all have been heard, or had time to be.
 */
export class Hearing {
  readonly #deps: { view: HearingView; clock: Clock };
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  #until = Number.POSITIVE_INFINITY;
  #cancel: CancelTimer = () => undefined;

  constructor(deps: { view: HearingView; clock: Clock }) {
    this.#deps = deps;
  }

  /** Undefined when it is over. */
  over(): Promise<void> | undefined {
    return this.#isOver ? undefined : this.#over.promise;
  }

  /** Nodes that have not been heard yet. */
  unheard(): string[] {
    const { view } = this.#deps;
    const others = view.members().filter(({ peer }) => peer !== view.self.peer);
    const missing = others.filter(({ state, spec }) => state !== 'dead' && view.nodeReport(spec.nodeName) === undefined);
    // News may come before what was said long ago.
    const compared = others.length === 0 || others.some(({ peer }) => view.comparedAt(peer) !== undefined);
    return (compared ? missing : others).map(({ spec }) => spec.nodeName);
  }

  start(): void {
    this.#until = this.#deps.clock.monotonic() + START_MS;
    this.#look(() => false);
  }

  /** This peer talks to the others from now on. */
  listens(): void {
    this.#until = this.#deps.clock.monotonic() + HEAR_MS;
    this.#cancel();
    this.#look(() => this.unheard().length === 0);
  }

  stop(): void {
    this.#cancel();
    this.#isOver = true;
    this.#over.resolve();
  }

  #look(isDone: () => boolean): void {
    const { clock } = this.#deps;
    if (isDone() || clock.monotonic() >= this.#until) this.stop();
    else this.#cancel = clock.after(LOOK_MS, () => this.#look(isDone));
  }
}
