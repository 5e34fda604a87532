import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { cpuMillis } from '../../../protocol/values/quantity.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import type { EventDraft, Now } from '../../core/decisions.ts';
import type { PodAction } from '../../core/reconcile/actions.ts';
import { afterAction, eventsBefore } from '../../core/reconcile/after-action.ts';
import { podEvent } from '../../core/reconcile/back-off-events.ts';
import { judgePods } from '../../core/reconcile/judge.ts';
import type { AdmitPods, PodCase } from '../../core/reconcile/judge.ts';
import type { NodeFacts } from '../../core/reconcile/node-status.ts';
import { freshMemory } from '../../core/reconcile/observe.ts';
import { planPod } from '../../core/reconcile/plan.ts';
import type { PodPlan } from '../../core/reconcile/plan.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ObservedState } from '../../ports/observed.ts';
import type { ContainerRuntime, LogChunk, LogRequest, RuntimePod } from '../../ports/runtime.ts';
import { CarryOut } from './carry-out.ts';
import type { ActionSubject, CarriedOut } from './carry-out.ts';
import { EngineWatch } from './engine-watch.ts';
import type { Listing } from './engine-watch.ts';
import { AGENT_LIMITS as LIMITS, podsAtOnce } from './limits.ts';
import { NodeReporter } from './node-reporter.ts';
import { PodTrack, listedOf, newReport, subjectPod } from './pod-track.ts';

/** The view, and word of its changes. */
export interface ViewSource {
  view(): ClusterView;
  onChanged(listener: () => void): () => void;
}

export interface NodeAgentDeps {
  runtime: ContainerRuntime;
  views: ViewSource;
  /** Writes to desired state; resolves after the fsync. */
  write(mutations: readonly Mutation[]): Promise<unknown>;
  observed: ObservedState;
  events: { record(draft: EventDraft): void };
  /** Which pods do not fit this node: the scheduler's arithmetic. */
  admit: AdmitPods;
  clock: Clock;
  log: Log;
}

export interface NodeAgentOptions {
  facts: NodeFacts;
  /** Wire and program version, for the node report. */
  version: string;
}

/**
 * Makes this host run what is bound to it: looks, decides one step a pod (core/reconcile), takes it, looks again. Adopts what runs when it starts and leaves it
 * running when it stops. Steps of one pod never overlap. It decides nothing by itself.
 */
export class NodeAgent {
  readonly #deps: NodeAgentDeps;
  readonly #options: NodeAgentOptions;
  readonly #engine: EngineWatch;
  readonly #carryOut: CarryOut;
  readonly #node: NodeReporter;
  readonly #tracks = new Map<string, PodTrack>();
  readonly #stopping = new AbortController();
  readonly #works = new Set<Promise<void>>();
  readonly #ends: (() => void)[] = [];
  #decideAt = Infinity;
  #cancelDecide: CancelTimer = () => undefined;
  #lastDecideAt = -Infinity;
  #swept = false;

  constructor(deps: NodeAgentDeps, options: NodeAgentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#carryOut = new CarryOut(deps, { podsAtOnce: podsAtOnce(cpuMillis(options.facts.capacity['cpu'] ?? '0')) });
    this.#node = new NodeReporter(deps, options);
    const onNews = (): void => this.#decideWithin(0);
    this.#engine = new EngineWatch({ runtime: deps.runtime, clock: deps.clock, log: deps.log, onNews });
  }

  start(signal?: AbortSignal): void {
    const stop = (): void => {
      this.#stopping.abort();
      this.#giveUp();
    };
    if (signal?.aborted === true) return stop();
    signal?.addEventListener('abort', stop, { once: true });
    this.#ends.push(() => signal?.removeEventListener('abort', stop));
    this.#ends.push(this.#deps.views.onChanged(() => this.#decideWithin(0)));
    this.#keep(this.#engine.run(this.#stopping.signal));
  }

  /** Ends what it does. What runs goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelDecide();
    this.#giveUp();
    for (const end of this.#ends.splice(0)) end();
    await Promise.allSettled(this.#works);
  }

  /** Each step has a signal of its own: many listeners on the one of the agent would be taken for a leak. */
  #giveUp(): void {
    for (const track of this.#tracks.values()) track.giveUp();
  }

  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk> {
    return this.#deps.runtime.logs(request, signal);
  }

  /** Why each pod is where it is, by uid: for people who look for a fault. */
  reasons(): ReadonlyMap<string, string> {
    return new Map([...this.#tracks.values()].map((track) => [track.uid, track.reason]));
  }

  #decideWithin(ms: number): void {
    const now = this.#deps.clock.monotonic();
    const at = Math.max(now + ms, this.#lastDecideAt + LIMITS.decideGapMs);
    if (this.#stopping.signal.aborted || at >= this.#decideAt) return;
    this.#cancelDecide();
    this.#decideAt = at;
    this.#cancelDecide = this.#deps.clock.after(at - now, () => this.#decide());
  }

  #decide(): void {
    if (this.#stopping.signal.aborted) return;
    const now = this.#now();
    this.#decideAt = Infinity;
    this.#lastDecideAt = now.monotonic;
    const view = this.#deps.views.view();
    this.#node.report(view.self, this.#engine.state, now);
    const { listing } = this.#engine;
    if (listing === undefined) return;
    const cases = judgePods(view, listing.pods, this.#deps.admit);
    let wakeAt = Infinity;
    for (const podCase of cases) wakeAt = Math.min(wakeAt, this.#decidePod(view, podCase, listing, now));
    this.#forget(view, new Set(cases.map((podCase) => podCase.uid)));
    if ([...this.#tracks.values()].some((track) => !track.settled)) this.#engine.listWithin(LIMITS.relistBusyMs);
    if (wakeAt < Infinity) this.#decideWithin(Math.max(0, wakeAt - now.monotonic));
  }

  /** @returns monotonic ms when to look again */
  #decidePod(view: ClusterView, podCase: PodCase, listing: Listing, now: Now): number {
    const track = this.#trackOf(view, podCase, now);
    const pod = podCase.desired?.object as Pod | undefined;
    track.pod = pod ?? track.pod;
    const intent = ownGrace(podCase, track.pod);
    if (track.busyWith !== undefined) {
      track.reconsider(intent);
      return Infinity;
    }
    if (listing.serial < track.needsSerial) return Infinity;
    if (this.#waitsForWords(track, intent, podCase.listed)) return Infinity;
    const listed = track.words.addTo(listedOf(track, podCase.listed, listing.serial));
    const node = { name: view.self.node, hostIP: this.#hostIP() };
    const plan = planPod({ uid: podCase.uid, intent, pod, listed, memory: track.memory, node }, now);
    track.memory = plan.memory;
    track.settled = plan.action === undefined && plan.status?.phase !== 'Pending';
    if (plan.reason !== track.reason && intent.want === 'leave' && pod === undefined) {
      this.#deps.log.warn('A pod runs here that desired state does not know. It is left alone.', { pod: podCase.key, uid: podCase.uid });
    }
    track.reason = plan.reason;
    for (const event of plan.events) this.#deps.events.record(event);
    const report = pod === undefined ? undefined : newReport(track, pod, plan.status);
    if (report !== undefined) this.#deps.observed.publish(`pod/${podCase.uid}`, report);
    return this.#step(track, podCase, plan, listed?.sandbox.ip ?? '', now);
  }

  /** A container that failed is looked at when its last words are there, so that they are in what is said of it first and last. */
  #waitsForWords({ pod, words }: PodTrack, { want }: PodCase['intent'], listed: RuntimePod | undefined): boolean {
    if (pod === undefined || listed === undefined || (want !== 'run' && want !== 'finished')) return false;
    const { waits, begun } = words.read(this.#deps.runtime, this.#deps.clock, pod, listed);
    for (const read of begun) this.#keep(read.then(() => this.#decideWithin(0)));
    return waits;
  }

  #step(track: PodTrack, podCase: PodCase, plan: PodPlan, podIP: string, now: Now): number {
    const { action, wakeAt = Infinity } = plan;
    if (action === undefined) return wakeAt;
    const { written } = track;
    if (action.do === 'writeOutcome' || action.do === 'bury') {
      if (written !== undefined && written.object === podCase.desired && now.monotonic < written.until) return written.until;
    } else if (this.#engine.state.is !== 'up') return wakeAt;
    const { key, uid } = podCase;
    this.#deps.log.debug('Next step of a pod.', { pod: key, uid, action: action.do, reason: plan.reason });
    this.#keep(this.#act(track, podCase.desired, action, podIP));
    return wakeAt;
  }

  async #act(track: PodTrack, desired: DesiredObject | undefined, action: PodAction, podIP: string): Promise<void> {
    const pod = subjectPod(track);
    const signal = track.begin(action);
    for (const event of eventsBefore(action, pod)) this.#deps.events.record(event);
    const nodeName = this.#deps.views.view().self.node;
    const { allocatable } = this.#options.facts;
    const subject: ActionSubject = {
      uid: track.uid,
      pod,
      desired,
      facts: { nodeName, hostIP: this.#hostIP(), podIP, allocatable },
      onPulling: (container, image) => this.#deps.events.record(podEvent(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, container)),
      onBegun: () => track.begun(),
    };
    const result = await this.#carryOut.run(action, subject, signal);
    track.end();
    if (!this.#stopping.signal.aborted) this.#settle(track, desired, action, result, pod);
  }

  #settle(track: PodTrack, desired: DesiredObject | undefined, action: PodAction, result: CarriedOut, pod: Pod): void {
    const now = this.#now();
    const after = afterAction(track.memory, action, result, pod, now);
    track.memory = after.memory;
    for (const event of after.events) this.#deps.events.record(event);
    if (!result.ok) {
      this.#deps.log.debug('A step of a pod failed.', { uid: track.uid, action: action.do, code: result.code, error: result.message });
      if (result.code === 'RuntimeUnavailable') this.#engine.reportAway(result.message);
    } else if (result.sandbox !== undefined) {
      track.sandbox = result.sandbox;
      track.sandboxSerial = this.#engine.nextSerial;
    }
    if (action.do === 'removePod' && result.ok) track.sandbox = undefined;
    if (action.do === 'writeOutcome' || action.do === 'bury') {
      if (result.ok && desired !== undefined) track.written = { object: desired, until: now.monotonic + LIMITS.relistBusyMs };
    } else if (action.do !== 'ensureImage' && !(action.do === 'createSandbox' && result.ok)) {
      track.needsSerial = this.#engine.nextSerial;
      this.#engine.listWithin(0);
    }
    this.#decideWithin(0);
  }

  #trackOf(view: ClusterView, podCase: PodCase, now: Now): PodTrack {
    let track = this.#tracks.get(podCase.uid);
    if (track === undefined) {
      const last = this.#deps.observed.get(view.self.peer, `pod/${podCase.uid}`)?.value;
      const reported = last?.kind === 'pod' ? last.status : undefined;
      // Not yet published, though its status may be the same: what a daemon does not say again after its start is withdrawn.
      track = new PodTrack(podCase.uid, podCase.key, freshMemory(reported, now));
      this.#tracks.set(podCase.uid, track);
    }
    return track;
  }

  /** Drops what is neither bound here nor runs here, and what an earlier run of the daemon reported of such pods. */
  #forget(view: ClusterView, concerned: ReadonlySet<string>): void {
    for (const track of this.#tracks.values()) {
      if (concerned.has(track.uid)) continue;
      track.reconsider(undefined);
      if (track.busyWith !== undefined) continue;
      track.giveUp();
      this.#tracks.delete(track.uid);
      this.#deps.observed.publish(`pod/${track.uid}`, null);
    }
    if (this.#swept || !view.complete) return;
    this.#swept = true;
    const stale = [...this.#deps.observed.all()].filter(
      ({ owner, value }) => owner === view.self.peer && value?.kind === 'pod' && !concerned.has(value.uid),
    );
    for (const { key } of stale) this.#deps.observed.publish(key, null);
  }

  #keep(work: Promise<void>): void {
    this.#works.add(work);
    const failed = (error: unknown): void =>
      this.#deps.log.error('The node agent has a bug: a step threw.', { error: error instanceof Error ? error.stack : String(error) });
    void work.catch(failed).finally(() => this.#works.delete(work));
  }

  #now(): Now {
    return { wall: this.#deps.clock.now(), monotonic: this.#deps.clock.monotonic() };
  }

  #hostIP(): string {
    return this.#options.facts.addresses.find((address) => address.type === 'InternalIP')?.address ?? '';
  }
}

/** A pod whose object is buried is still stopped with the grace period that it had. */
function ownGrace(podCase: PodCase, pod: Pod | undefined): PodCase['intent'] {
  const { intent, desired } = podCase;
  if (intent.want !== 'gone' || desired !== undefined || pod === undefined) return intent;
  return { ...intent, graceSeconds: pod.spec.terminationGracePeriodSeconds ?? intent.graceSeconds };
}
