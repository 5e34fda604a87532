/**
 * Lets pods start that run at most once, and sees to it that nothing of them is left when their lease is given back. It asks for leases (voting.ts), and has the guard
 * kill what outlives one. Without a guard nothing starts here, and what runs is ended.
 */
import { KithError } from '../../../protocol/errors.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { asPod, boundNode } from '../../core/cluster/pods.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import type { EventDraft } from '../../core/decisions.ts';
import type { Candidacy } from '../../core/leases/candidate.ts';
import { exclusiveOf } from '../../core/leases/resource.ts';
import { withToken } from '../../core/leases/token.ts';
import { awaitingMessage } from '../../core/leases/words.ts';
import { slotStanding } from '../../core/reconcile/slots.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { Guard } from '../../ports/guard.ts';
import type { Log } from '../../ports/log.ts';
import type { ContainerRuntime, ContainerStart, RuntimePod } from '../../ports/runtime.ts';
import type { Voting } from './voting.ts';

/** How long a start waits for the votes before it says that it waits. */
const PATIENCE_MS = 1_000;
/** Between two looks at what has to be ended or given back. */
const REVIEW_MS = 1_000;

export interface WardenDeps {
  voting: Voting;
  guard: Guard;
  runtime: ContainerRuntime;
  view: ClusterView;
  record(draft: EventDraft): void;
  clock: Clock;
  log: Log;
}

export class Warden {
  readonly #deps: WardenDeps;
  /** Pods that a guard holds, and until when. */
  readonly #armed = new Map<string, number>();
  /** Starts under way, by pod. */
  readonly #starting = new Map<string, number>();
  /** Pods that nothing more is started of, until their lease is given back. */
  readonly #closing = new Set<string>();
  readonly #ends: (() => void)[] = [];
  #abort = new AbortController();
  #cancelReview: CancelTimer = () => undefined;
  #reviewing: Promise<void> = Promise.resolve();

  constructor(deps: WardenDeps) {
    this.#deps = deps;
  }

  /** Takes up what an earlier run of the daemon held, as early as can be: its time runs. The voting must have started. */
  async start(signal: AbortSignal): Promise<void> {
    const { guard, voting } = this.#deps;
    this.#abort = new AbortController();
    signal.addEventListener('abort', () => this.#abort.abort(), { once: true });
    for (const { uid, resource, term, deadline, expired } of await guard.start(signal)) {
      this.#armed.set(uid, deadline);
      if (expired) this.#closing.add(uid);
      else voting.party.resume(resource, uid, term, deadline, voting.now());
    }
    this.#ends.push(
      voting.onChanged(() => this.#renew()),
      guard.onKilled((uid, why) => this.#killed(uid, why)),
    );
    voting.wake();
  }

  /** Looks after what runs from now on. The runtime must have started. */
  watch(): void {
    this.#reviewLater();
  }

  /** What runs goes on, as long as the guard lets it. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelReview();
    for (const end of this.#ends.splice(0)) end();
    this.#deps.guard.stop();
    await this.#reviewing;
  }

  /**
   * Starts a container: at once if it may run in many copies, else under a lease that lasts long enough, with its guard armed.
   * @throws KithError `AwaitingMajority` while there is no such lease; what `start` throws
   */
  async admit(pod: DesiredObject, build: (pod: Pod) => ContainerStart, start: (spec: ContainerStart) => Promise<void>): Promise<void> {
    const exclusive = exclusiveOf(this.#deps.view, pod);
    if (exclusive.is === 'any') return start(build(asPod(pod)));
    if (exclusive.is === 'unknown') throw awaiting('its owner is not known here yet, which says whether it may run more than once');
    const { uid } = pod;
    this.#starting.set(uid, (this.#starting.get(uid) ?? 0) + 1);
    try {
      const { term, heldUntil } = await this.#lease(exclusive.resource, uid);
      await this.#startUnder(pod, term, heldUntil, exclusive.resource, build, start);
    } finally {
      const left = (this.#starting.get(uid) ?? 1) - 1;
      if (left > 0) this.#starting.set(uid, left);
      else this.#starting.delete(uid);
    }
  }

  /** Number of the lease that the pod has or had last. Undefined: it has had none, or may run in many copies. */
  token(uid: string): number | undefined {
    const term = this.#deps.voting.party.candidacies().find(({ pod }) => pod === uid)?.term;
    return term === 0 ? undefined : term;
  }

  async #startUnder(
    pod: DesiredObject,
    term: number,
    heldUntil: number,
    resource: string,
    build: (pod: Pod) => ContainerStart,
    start: (spec: ContainerStart) => Promise<void>,
  ): Promise<void> {
    const { guard, runtime } = this.#deps;
    const { uid } = pod;
    await guard.arm({ uid, resource, term, deadline: heldUntil }).catch((error: unknown) => {
      throw awaiting(error instanceof Error ? error.message : String(error));
    });
    this.#armed.set(uid, Math.max(heldUntil, this.#armed.get(uid) ?? 0));
    const spec = build(withToken(asPod(pod), term));
    await start({ ...spec, fence: { notAfterMs: heldUntil, mark: (marks) => guard.mark(uid, marks) } });
    // An engine elsewhere, or one whose processes are not ours to kill: no guard of this host can end what it runs.
    const { seen, killable } = await guard.look(uid);
    if (seen === killable && (seen > 0 || !(await this.#runs(uid, spec.container)))) return;
    await runtime.stopContainer(uid, spec.container, 0);
    throw awaiting(
      'this host can not guard it: the processes of its containers are not to be seen, or not to be killed, by kithd. Run kithd as root, on the host of the engine',
    );
  }

  async #runs(uid: string, name: string): Promise<boolean> {
    const pod = (await this.#deps.runtime.list()).find((candidate) => candidate.uid === uid);
    return pod?.containers.some((container) => container.name === name && container.state === 'running') === true;
  }

  /** Waits a moment for the votes: most starts are not held up by them. */
  async #lease(resource: string, uid: string): Promise<{ term: number; heldUntil: number }> {
    const { voting, clock } = this.#deps;
    const { party, settings } = voting;
    const until = clock.monotonic() + PATIENCE_MS;
    let woken = false;
    for (;;) {
      if (!this.#closing.has(uid)) {
        party.want(resource, uid, voting.now());
        const known = party.candidacy(resource, uid);
        const heldUntil = known?.lost === true ? undefined : known?.heldUntil;
        if (known !== undefined && heldUntil !== undefined && heldUntil - voting.now() >= settings.startRoomMs)
          return { term: known.term, heldUntil };
      }
      if (clock.monotonic() >= until || this.#abort.signal.aborted) break;
      // Once: each look is told to all who wait, and two of them would wake each other without end.
      if (!woken) voting.wake();
      woken = true;
      await this.#changed(until);
    }
    const known = party.candidacy(resource, uid);
    const other = party.candidacies().find((candidacy) => candidacy.resource === resource && candidacy.pod !== uid);
    if (other !== undefined) throw awaiting('the copy that ran here before has not given its lease back yet');
    throw awaiting(awaitingMessage(known ?? {}, voting.electorate, this.#closing.has(uid) || known?.lost === true));
  }

  async #changed(until: number): Promise<void> {
    const { voting, clock } = this.#deps;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        end();
        resolve();
      };
      const cancel = clock.after(Math.max(1, until - clock.monotonic()), done);
      const end = voting.onChanged(done);
    });
  }

  /** Hands every renewal on to the guard. */
  #renew(): void {
    const { voting, guard, log } = this.#deps;
    for (const { resource, pod, term, heldUntil } of voting.party.candidacies()) {
      const armed = this.#armed.get(pod);
      if (heldUntil === undefined || armed === undefined || heldUntil <= armed) continue;
      this.#armed.set(pod, heldUntil);
      guard.arm({ uid: pod, resource, term, deadline: heldUntil }).catch((error: unknown) => {
        log.warn('A lease was renewed, but its guard does not take it: the pod is ended', { pod, error });
        this.#closing.add(pod);
      });
    }
  }

  #killed(uid: string, why: string): void {
    this.#closing.add(uid);
    const pod = this.#deps.view.podsOnNode(this.#deps.view.self.node).find((candidate) => candidate.uid === uid);
    if (pod === undefined) return;
    const message = `Killed: ${why}. It starts again where a majority of the electors grants a new one`;
    this.#deps.record({ about: asPod(pod), type: 'Warning', reason: 'LeaseLost', message, component: 'kubelet' });
  }

  #reviewLater(): void {
    this.#cancelReview = this.#deps.clock.after(REVIEW_MS, () => {
      this.#reviewing = this.#review()
        .catch((error: unknown) => {
          if (!this.#abort.signal.aborted) this.#deps.log.warn('Leases could not be looked after; they are looked at again', { error });
        })
        .finally(() => {
          if (!this.#abort.signal.aborted) this.#reviewLater();
        });
    });
  }

  async #review(): Promise<void> {
    const { view, voting } = this.#deps;
    const candidacies = voting.party.candidacies();
    const here = view.podsOnNode(view.self.node).filter((pod) => exclusiveOf(view, pod).is === 'one');
    if (candidacies.length === 0 && this.#closing.size === 0 && here.length === 0) return;
    const before = new Set(this.#starting.keys());
    const listed = await this.#deps.runtime.list(this.#abort.signal);
    for (const candidacy of candidacies) {
      if (this.#isFree(candidacy)) await this.#setFree(candidacy);
      else if (candidacy.lost || !this.#isWanted(candidacy, listed)) this.#closing.add(candidacy.pod);
    }
    await this.#endUnguarded(here, listed);
    for (const uid of [...this.#closing]) if (!before.has(uid) && !this.#starting.has(uid)) await this.#close(uid, listed);
  }

  /** A pod that runs without a guard: the policy has just changed, or both daemon and guard were gone. */
  async #endUnguarded(here: readonly DesiredObject[], listed: readonly RuntimePod[]): Promise<void> {
    const { log, runtime } = this.#deps;
    for (const { uid, key } of here) {
      if (this.#armed.has(uid) || this.#starting.has(uid)) continue;
      const running = (listed.find((pod) => pod.uid === uid)?.containers ?? []).filter(({ state }) => state !== 'exited');
      if (running.length === 0) continue;
      log.warn('A pod that must run at most once runs without a lease: it is ended', { pod: key });
      for (const { name } of running) await runtime.stopContainer(uid, name, 0, this.#abort.signal);
      this.#killed(uid, 'it ran without a lease');
    }
  }

  /** The lease goes back once nothing of the pod is left. One that is not wanted any more has its time to stop by itself. */
  async #close(uid: string, listed: readonly RuntimePod[]): Promise<void> {
    const { guard, voting } = this.#deps;
    const candidacy = voting.party.candidacies().find(({ pod }) => pod === uid);
    const isOver = candidacy === undefined || candidacy.heldUntil === undefined;
    const runs = runsIn(listed, uid);
    if (runs && !isOver) return;
    await guard.clear(uid);
    this.#armed.delete(uid);
    // Killed a moment ago: the runtime has to have seen it, or it would be taken for running without a lease.
    if (runs) return;
    this.#closing.delete(uid);
    if (candidacy !== undefined) voting.send(voting.party.drop(candidacy.resource, uid));
  }

  /** Its workload may run in many copies from now on. */
  #isFree({ pod: uid }: Candidacy): boolean {
    const { view } = this.#deps;
    const pod = view.podsOnNode(view.self.node).find((candidate) => candidate.uid === uid);
    return view.complete && pod !== undefined && exclusiveOf(view, pod).is === 'any';
  }

  async #setFree({ resource, pod }: Candidacy): Promise<void> {
    const { guard, voting } = this.#deps;
    await guard.forget(pod);
    this.#armed.delete(pod);
    this.#closing.delete(pod);
    voting.send(voting.party.drop(resource, pod));
  }

  /** An incomplete view says nothing of what is wanted. */
  #isWanted({ resource, pod: uid }: Candidacy, listed: readonly RuntimePod[]): boolean {
    const { view } = this.#deps;
    if (view.removed) return false;
    if (!view.complete) return true;
    const pod = view.podsOnNode(view.self.node).find((candidate) => candidate.uid === uid);
    if (pod === undefined || pod.object.kith?.outcome !== undefined || boundNode(pod) !== view.self.node) return false;
    // Another fills its slot: what runs goes on until that one is ready, which it becomes by this lease only if nothing runs here.
    if (!runsIn(listed, uid) && ['superseded', 'surplus'].includes(slotStanding(view, pod).is)) return false;
    const exclusive = exclusiveOf(view, pod);
    return exclusive.is === 'unknown' || (exclusive.is === 'one' && exclusive.resource === resource);
  }
}

function runsIn(listed: readonly RuntimePod[], uid: string): boolean {
  return listed.find((pod) => pod.uid === uid)?.containers.some(({ state }) => state !== 'exited') === true;
}

function awaiting(message: string): KithError {
  return new KithError('AwaitingMajority', message);
}
