import type { Mutation } from '../../../protocol/desired.ts';
import { parseObjectKey, type DesiredObject, type ObjectKey } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { cpuMillis } from '../../../protocol/values/quantity.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import type { EventDraft, Now } from '../../core/decisions.ts';
import type { PodAction } from '../../core/reconcile/actions.ts';
import { afterAction, eventsBefore } from '../../core/reconcile/after-action.ts';
import { noPullSecrets, podEvent } from '../../core/reconcile/back-off-events.ts';
import type { DnsFacts } from '../../core/network/names/pod-dns.ts';
import { configSource } from '../../core/reconcile/config-source.ts';
import type { PodFacts } from '../../core/reconcile/environment.ts';
import { allContainers } from '../../core/reconcile/containers.ts';
import { judgePods, type AdmitPods, type PodCase } from '../../core/reconcile/judge.ts';
import type { NodeFacts } from '../../core/reconcile/node-status.ts';
import { afterProbe } from '../../core/reconcile/probes/answer.ts';
import { dueProbes, type DueProbe } from '../../core/reconcile/probes/sync.ts';
import { freshMemory } from '../../core/reconcile/observe.ts';
import { planPod, type PodPlan } from '../../core/reconcile/plan.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { HealthChecker, ProbeAnswer } from '../../ports/health.ts';
import type { AccountTokens } from '../../ports/account-tokens.ts';
import type { VolumeStore } from '../../ports/volumes.ts';
import type { Log } from '../../ports/log.ts';
import type { ObservedState } from '../../ports/observed.ts';
import type { ContainerRuntime, LogChunk, LogRequest, RuntimePod } from '../../ports/runtime.ts';
import { AccountedPods } from './accounted-pods.ts';
import { CarryOut } from './carry-out.ts';
import type { ActionSubject, CarriedOut, CarryOutDeps, StartGate } from './carry-out.ts';
import { EngineWatch, type Listing } from './engine-watch.ts';
import { AGENT_LIMITS as LIMITS, decideGap, podsAtOnce } from './limits.ts';
import { PodVolumes } from './pod-volumes.ts';
import { ProbeRunner } from './probe-runner.ts';
import { ReleasedVolumes } from './released-volumes.ts';
import { NodeReporter } from './node-reporter.ts';
import { UsageReporter } from './usage-reporter.ts';
import { ViewNews } from './view-news.ts';
import { PodTrack, hasVolumes, listedOf, newReport, ownGrace, subjectPod } from './pod-track.ts';

/** The view, and word of its changes. */
export interface ViewSource {
  view(): ClusterView;
  onChanged(listener: (affected: ReadonlySet<ObjectKey>) => void): () => void;
}

export interface NodeAgentDeps extends Pick<CarryOutDeps, 'store'> {
  runtime: ContainerRuntime;
  views: ViewSource;
  /** Writes to desired state; resolves after the fsync. */
  write(mutations: readonly Mutation[]): Promise<unknown>;
  observed: ObservedState;
  events: { record(draft: EventDraft): void };
  /** Which pods do not fit this node: the scheduler's arithmetic. */
  admit: AdmitPods;
  gate?: StartGate;
  /** Variables that tell the pod of services. */
  serviceLinks?(pod: Pod): Record<string, string>;
  /** What pods are told of names. */
  dns?(): DnsFacts;
  /** Resolves, in bounded time, when no node's services send traffic to the pod any more, or the signal aborts. Undefined where none ever did. */
  leaveRotation?(namespace: string, podUid: string, signal: AbortSignal): Promise<void> | undefined;
  volumes: VolumeStore;
  /** Without it pods get no credentials of their accounts. */
  accounts?: AccountTokens;
  /** Asks pods' programs how they do. */
  health: HealthChecker;
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
  readonly #probes: ProbeRunner;
  readonly #volumes: PodVolumes;
  readonly #accounted: AccountedPods;
  readonly #released: ReleasedVolumes;
  readonly #node: NodeReporter;
  readonly #news = new ViewNews();
  readonly #tracks = new Map<string, PodTrack>();
  /** What the last look at all pods wanted of each, by uid. */
  #cases: ReadonlyMap<string, PodCase> = new Map();
  readonly #stopping = new AbortController();
  readonly #works = new Set<Promise<void>>();
  readonly #ends: (() => void)[] = [];
  #decideAt = Infinity;
  #cancelDecide: CancelTimer = () => undefined;
  #lastDecideAt = -Infinity;
  #lastDecideTookMs = 0;
  #swept = false;

  constructor(deps: NodeAgentDeps, options: NodeAgentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#volumes = new PodVolumes(deps);
    this.#accounted = new AccountedPods(deps.accounts !== undefined);
    this.#released = new ReleasedVolumes(deps);
    this.#carryOut = new CarryOut(
      { ...deps, podVolumes: this.#volumes },
      { podsAtOnce: podsAtOnce(cpuMillis(options.facts.capacity['cpu'] ?? '0')) },
    );
    this.#probes = new ProbeRunner(deps);
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
    const { views } = this.#deps;
    this.#ends.push(views.onChanged((affected) => this.#decideWithin(this.#news.lookWithinMs(views.view(), this.#cases, affected))));
    this.#keep(this.#engine.run(this.#stopping.signal));
    this.#keep(new UsageReporter(this.#deps, this.#engine).run(this.#stopping.signal));
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
    const at = Math.max(now + ms, this.#lastDecideAt + decideGap(this.#lastDecideTookMs));
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
    this.#decideAll(now);
    this.#lastDecideTookMs = this.#deps.clock.monotonic() - now.monotonic;
  }

  #decideAll(now: Now): void {
    const view = this.#deps.views.view();
    this.#node.report(view.self, this.#engine.state, now);
    const { listing } = this.#engine;
    if (listing === undefined) return;
    const cases = judgePods(view, listing.pods, this.#deps.admit, this.#cases);
    let wakeAt = Infinity;
    for (const podCase of cases) wakeAt = Math.min(wakeAt, this.#decidePod(view, podCase, listing, now));
    this.#cases = new Map(cases.map((podCase) => [podCase.uid, podCase]));
    this.#forget(view, this.#cases);
    const pods = [...this.#tracks.values()].flatMap(({ pod }) => pod ?? []);
    this.#keep(this.#released.remove(view, pods));
    if ([...this.#tracks.values()].some((track) => !track.settled)) this.#engine.listWithin(LIMITS.relistBusyMs);
    if (wakeAt < Infinity) this.#decideWithin(Math.max(0, wakeAt - now.monotonic));
  }

  /** The step after one that went well is taken at once, where nothing but that step has changed the pod: a look at all pods takes longer, the more there are. */
  #goOn(track: PodTrack): void {
    const view = this.#deps.views.view();
    const { listing } = this.#engine;
    const podCase = this.#cases.get(track.uid);
    if (view.removed || listing === undefined || podCase === undefined || view.get(podCase.key) !== podCase.desired)
      return this.#decideWithin(0);
    const now = this.#now();
    const listed = listing.pods.find(({ uid }) => uid === track.uid);
    const wakeAt = this.#decidePod(view, { ...podCase, listed }, listing, now);
    if (wakeAt < Infinity) this.#decideWithin(Math.max(0, wakeAt - now.monotonic));
  }

  /** @returns monotonic ms when to look again */
  #decidePod(view: ClusterView, podCase: PodCase, listing: Listing, now: Now): number {
    const track = this.#trackOf(view, podCase, now);
    const pod = this.#accounted.of(view, podCase);
    track.pod = pod ?? track.pod;
    const intent = ownGrace(podCase, track.pod);
    const probeAt = intent.want === 'run' && pod !== undefined ? this.#probe(track, pod, listing, now) : Infinity;
    return Math.min(probeAt, this.#decideStep(view, track, podCase, intent, listing, now));
  }

  /** Probes go on while a step is taken. @returns monotonic ms when the next one is due */
  #probe(track: PodTrack, pod: Pod, { pods }: Listing, now: Now): number {
    const listed = pods.find(({ uid }) => uid === track.uid);
    if (listed === undefined || this.#engine.state.is !== 'up') return Infinity;
    const { due, nextAt } = dueProbes(track.memory, allContainers(pod.spec), listed.containers, now.monotonic);
    for (const probe of due) {
      const answered = this.#probes.ask(pod, listed.sandbox.ip, probe, track.probing.signal);
      if (answered !== undefined) this.#keep(this.#heed(track, pod, probe, answered));
    }
    return nextAt;
  }

  async #heed(track: PodTrack, pod: Pod, probe: DueProbe, answered: Promise<{ answer: ProbeAnswer; asked: number }>): Promise<void> {
    const { answer, asked } = await answered;
    if (this.#stopping.signal.aborted || track.probing.signal.aborted) return;
    const after = afterProbe(track.memory, pod, probe, answer, { asked, now: this.#deps.clock.monotonic() });
    track.memory = after.memory;
    for (const event of after.events) this.#deps.events.record(event);
    this.#decideWithin(0);
  }

  /** @returns monotonic ms when to look again */
  #decideStep(view: ClusterView, track: PodTrack, podCase: PodCase, intent: PodCase['intent'], listing: Listing, now: Now): number {
    const pod = this.#accounted.of(view, podCase);
    let refreshAt = Infinity;
    if (track.busyWith !== undefined) {
      track.reconsider(intent);
      return Infinity;
    }
    if (listing.serial < track.needsSerial) return Infinity;
    if (this.#waitsForWords(track, intent, podCase.listed)) return Infinity;
    if (pod !== undefined && intent.want === 'run' && hasVolumes(track, podCase.listed)) {
      const facts = this.#facts(view, podCase.listed?.sandbox.ip ?? '');
      this.#keep(this.#volumes.refresh(pod, facts, configSource(view, pod.metadata.namespace ?? ''), track.probing.signal));
      refreshAt = Math.max(this.#volumes.refreshAt(track.uid), now.monotonic + LIMITS.relistBusyMs);
    }
    const listed = track.words.addTo(listedOf(track, podCase.listed, listing.serial));
    const node = { name: view.self.node, hostIP: this.#hostIP() };
    const config = configSource(view, pod?.metadata.namespace ?? '');
    const plan = planPod(
      { uid: podCase.uid, intent, pod, listed, memory: track.memory, node, config, stopAt: this.#stopAt(track, intent, now) },
      now,
    );
    track.memory = plan.memory;
    track.settled = plan.action === undefined && plan.status?.phase !== 'Pending';
    if (plan.reason !== track.reason && intent.want === 'leave' && pod === undefined) {
      this.#deps.log.warn('A pod runs here that desired state does not know. It is left alone.', { pod: podCase.key, uid: podCase.uid });
    }
    track.reason = plan.reason;
    for (const event of plan.events) this.#deps.events.record(event);
    const report = pod === undefined ? undefined : newReport(track, pod, plan.status);
    if (report !== undefined) this.#deps.observed.publish(`pod/${podCase.uid}`, report);
    return Math.min(refreshAt, this.#step(track, podCase, plan, listed?.sandbox.ip ?? '', now));
  }

  /** A pod that services send traffic to runs on until every node has taken it out of rotation. */
  #stopAt(track: PodTrack, intent: PodCase['intent'], now: Now): number | undefined {
    if (intent.want !== 'gone') track.stay();
    if (intent.want !== 'gone' || intent.graceSeconds === 0) return undefined;
    if (track.stopAt !== undefined) return track.stopAt;
    const left = this.#deps.leaveRotation?.(parseObjectKey(track.key).namespace, track.uid, track.probing.signal);
    if (left !== undefined) this.#keep(track.leave(left, this.#deps.clock).then(() => this.#decideWithin(0)));
    return (track.stopAt ??= now.monotonic);
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
    const view = this.#deps.views.view();
    const subject: ActionSubject = {
      uid: track.uid,
      pod,
      desired,
      facts: { ...this.#facts(view, podIP), serviceLinks: this.#deps.serviceLinks?.(pod), dns: this.#deps.dns?.() },
      config: configSource(view, pod.metadata.namespace ?? ''),
      onPulling: (container, image) => this.#deps.events.record(podEvent(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, container)),
      onNoPullSecrets: (names) => this.#deps.events.record(noPullSecrets(pod, names)),
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
      // One thing that breaks off is not the engine that is away: the list tells.
      if (result.code === 'RuntimeUnavailable') this.#engine.listWithin(0);
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
    const isPreparation = action.do === 'createSandbox' || action.do === 'ensureImage';
    if (isPreparation && result.ok) this.#goOn(track);
    else this.#decideWithin(0);
  }

  #trackOf(view: ClusterView, podCase: PodCase, now: Now): PodTrack {
    let track = this.#tracks.get(podCase.uid);
    if (track === undefined) {
      const last = this.#deps.observed.get(view.self.peer, `pod/${podCase.uid}`)?.value;
      const reported = last?.kind === 'pod' ? last.status : undefined;
      // Not yet published, though its status may be the same: what a daemon does not say again after its start is withdrawn.
      const found = { ran: podCase.listed !== undefined, boundAt: podCase.desired?.object.kith?.binding?.at };
      track = new PodTrack(podCase.uid, podCase.key, freshMemory(reported, now, found));
      this.#tracks.set(podCase.uid, track);
    }
    return track;
  }

  /** Drops what is neither bound here nor runs here, and what an earlier run of the daemon reported of such pods. */
  #forget(view: ClusterView, concerned: ReadonlyMap<string, PodCase>): void {
    for (const track of this.#tracks.values()) {
      if (concerned.has(track.uid)) continue;
      track.reconsider(undefined);
      if (track.busyWith !== undefined) continue;
      track.giveUp();
      this.#tracks.delete(track.uid);
      if (track.memory.volumesReady !== undefined) this.#keep(this.#volumes.discard(track.uid));
      this.#deps.observed.publish(`pod/${track.uid}`, null);
    }
    if (this.#swept || !view.complete) return;
    this.#swept = true;
    const stale = [...this.#deps.observed.all()].filter(
      ({ owner, value }) => owner === view.self.peer && value?.kind === 'pod' && !concerned.has(value.uid),
    );
    for (const { key } of stale) this.#deps.observed.publish(key, null);
    this.#keep(this.#volumes.sweep([...concerned.values()]));
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

  #facts(view: ClusterView, podIP: string): PodFacts {
    const { allocatable, capacity } = this.#options.facts;
    return { nodeName: view.self.node, hostIP: this.#hostIP(), podIP, allocatable, capacity };
  }

  #hostIP(): string {
    return this.#options.facts.addresses.find((address) => address.type === 'InternalIP')?.address ?? '';
  }
}
