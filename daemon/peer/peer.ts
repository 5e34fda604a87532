/**
 * The running peer: ties desired state, observed state and liveness into one view, and lets the loops look at it. Knows ports only, so that a simulator runs the
 * same code. It decides nothing itself, and acts on nothing before its state is complete.
 */
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { parseObjectKey } from '../../protocol/objects.ts';
import type { Member, MemberSpec } from '../../protocol/types.ts';
import type { ManifestFileRow, PeersAnswer } from '../../protocol/answers.ts';
import { MEMBERS } from '../core/cluster/membership.ts';
import { ClusterState } from '../core/cluster/state.ts';
import type { ClusterView } from '../core/cluster/view.ts';
import type { Now } from '../core/decisions.ts';
import type { NodeFacts } from '../core/reconcile/node-status.ts';
import { admitPods } from '../core/scheduler/admit.ts';
import { renderObject } from '../core/status/render.ts';
import type { Beats } from '../ports/beats.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { WatchedFolder } from '../ports/folder.ts';
import type { Identity, VerifySignature } from '../ports/identity.ts';
import type { Log } from '../ports/log.ts';
import type { Prober } from '../ports/prober.ts';
import type { SyncedReplica } from '../ports/replica.ts';
import type { ContainerRuntime } from '../ports/runtime.ts';
import type { Transport } from '../ports/transport.ts';
import { NodeAgent, type ViewSource } from './agent/agent.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { Brain } from './brain.ts';
import { Completion } from './completion.ts';
import { ConflictReporter } from './conflict-reporter.ts';
import { AcknowledgedWriter } from './desired-writer.ts';
import { peersAnswer } from './endpoints.ts';
import { EventRecorder } from './events.ts';
import { Farewell, REMOVED_MESSAGE, removedError } from './farewell.ts';
import { PeerLiveness } from './liveness.ts';
import { LogRelay } from './log-relay.ts';
import { ManifestWatch } from './manifests.ts';
import { ObjectCache } from './object-cache.ts';
import { ObservedEvents } from './observed-events.ts';
import { PeerObserved } from './observed.ts';
import { Replication } from './replication.ts';

export interface PeerDeps {
  /** Not started. */
  replica: SyncedReplica;
  transport: Transport;
  beats: Beats;
  prober: Prober;
  runtime: ContainerRuntime;
  /** Manifests to keep desired state in step with. */
  folder?: WatchedFolder;
  identity: Identity;
  verify: VerifySignature;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface PeerOptions {
  clusterId: string;
  node: string;
  incarnation: number;
  persistIncarnation: (incarnation: number) => Promise<void>;
  /** Whether this peer's disk is known to hold the whole desired state as of some time. */
  complete: boolean;
  persistComplete: () => Promise<void>;
  /** Whether this peer heard, in an earlier run, that it was removed. */
  removed: boolean;
  persistRemoved: () => Promise<void>;
  /** Members known from elsewhere (the answer to a join, the peer book), until desired state names them. */
  knownMembers: readonly MemberSpec[];
  facts: NodeFacts;
  /** Wire and program version, for the node report. */
  version: string;
  lastResourceVersion?: string;
  persistResourceVersion?: (reserve: string) => void;
}

export class Peer {
  readonly objects: ObjectCache;
  readonly writer: AcknowledgedWriter;
  readonly logs: LogRelay;
  readonly events: EventRecorder;
  readonly agent: NodeAgent;
  readonly #deps: PeerDeps;
  readonly #options: PeerOptions;
  readonly #state: ClusterState;
  readonly #observed: PeerObserved;
  readonly #liveness: PeerLiveness;
  readonly #antiEntropy: AntiEntropy;
  readonly #replication: Replication;
  readonly #brain: Brain;
  readonly #completion: Completion;
  readonly #conflicts: ConflictReporter;
  readonly #manifests: ManifestWatch | undefined;
  readonly #farewell: Farewell;
  readonly #observedEvents = new ObservedEvents();
  readonly #viewListeners = new Set<() => void>();
  readonly #memberListeners = new Set<(members: readonly MemberSpec[]) => void>();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(deps: PeerDeps, options: PeerOptions) {
    this.#deps = deps;
    this.#options = options;
    const { replica, transport, beats, prober, runtime, identity, verify, clock, random, log } = deps;
    const { node, incarnation, persistIncarnation, clusterId } = options;
    const self = transport.self;
    const view = new ClusterState(replica, { self: { peer: self, node } });
    this.#state = view;
    this.#observed = new PeerObserved({ transport, identity, verify, clock, random, log }, { node, incarnation });
    this.#liveness = new PeerLiveness(
      { beats, transport, observed: this.#observed, prober, clock, log },
      { self, incarnation, persistIncarnation },
    );
    this.events = new EventRecorder({ observed: this.#observed, clock }, { peer: self, node });
    this.#antiEntropy = new AntiEntropy({ replica, transport, clock, random, log }, { clusterId });
    this.#replication = new Replication({ replica, transport, antiEntropy: this.#antiEntropy, clock, log }, { clusterId });
    this.objects = new ObjectCache(
      { render: (key) => this.#render(key), clock },
      { peerId: self, lastVersion: options.lastResourceVersion, persistVersion: options.persistResourceVersion },
    );
    this.writer = new AcknowledgedWriter({
      replica,
      acknowledge: async (envelope, peers) => this.#replication.acknowledge(envelope, peers),
      livePeers: () => this.#livePeers(),
      membersKnown: () => view.membersKnown,
      isRemoved: () => view.removed,
    });
    const write: SyncedReplica['write'] = async (mutations) => {
      if (view.removed) throw removedError();
      return replica.write(mutations);
    };
    this.#farewell = new Farewell({
      clock,
      tell: async (peer, signal) => this.#antiEntropy.syncWith(peer, signal),
      onEnd: () => this.#membersChanged(),
    });
    this.#brain = new Brain({
      view,
      write,
      record: (draft) => this.events.record(draft),
      showAgain: (keys) => this.objects.changed(keys),
      clock,
      log,
    });
    this.agent = new NodeAgent(
      {
        runtime,
        views: this.views,
        write,
        observed: this.#observed,
        events: this.events,
        admit: (seen, pods, running) => admitPods(seen, node, pods, { allocatable: options.facts.allocatable, running }),
        clock,
        log,
      },
      { facts: options.facts, version: options.version },
    );
    this.logs = new LogRelay({ transport, runtime, peerOfNode: (name) => view.memberOfNode(name)?.spec.peerId });
    this.#completion = new Completion({
      transport,
      antiEntropy: this.#antiEntropy,
      members: () => this.members().map(({ peerId }) => peerId),
      clock,
      log,
    });
    this.#conflicts = new ConflictReporter({ view, record: (draft) => this.events.record(draft) });
    this.#manifests = this.#watchFolder(write);
  }

  #watchFolder(write: SyncedReplica['write']): ManifestWatch | undefined {
    const { folder, clock, log } = this.#deps;
    const view = this.#state;
    if (folder === undefined) return undefined;
    return new ManifestWatch({
      folder,
      views: this.views,
      write,
      bindingAuthor: () => ({ membersSeen: view.membersSeen, membersKnown: view.membersKnown, term: view.leader.term }),
      events: this.events,
      clock,
      log,
    });
  }

  get view(): ClusterView {
    return this.#state;
  }

  get views(): ViewSource {
    return {
      view: () => this.#state,
      onChanged: (listener) => {
        this.#viewListeners.add(listener);
        return () => this.#viewListeners.delete(listener);
      },
    };
  }

  /** The replica must have been started. */
  async start(signal: AbortSignal): Promise<void> {
    const { replica, transport, beats, clock, runtime } = this.#deps;
    const monotonic = (): number => clock.monotonic();
    this.#unsubscribe.push(
      replica.onChanged((changes) => {
        const affected = this.#state.applyDesired(changes, monotonic());
        if (changes.some(({ key }) => parseObjectKey(key).resource === MEMBERS)) this.#membersChanged();
        this.#conflicts.look(changes);
        this.#tell(affected);
      }),
      this.#observed.onChanged((records) => {
        this.objects.changed(this.#observedEvents.apply(records));
        this.#tell(this.#state.applyObserved(records, monotonic()));
      }),
      this.#liveness.onChanged(() => this.#tell(this.#state.applyLiveness(this.#liveness.members(), this.#liveness.leader(), monotonic()))),
    );
    await this.objects.start(signal);
    this.#tell(
      this.#state.applyDesired(
        [...replica.all()].map((after) => ({ key: after.key, before: undefined, after })),
        monotonic(),
      ),
    );
    if (this.#options.removed) this.#becomeRemoved();
    if (this.#options.complete) this.#becomeComplete();
    else this.#membersChanged();
    await beats.start(signal);
    this.#observed.start(signal);
    this.#liveness.start(signal);
    this.events.start();
    this.logs.start();
    await this.#antiEntropy.start(signal);
    await this.#replication.start(signal);
    await transport.start(signal);
    if (!this.#options.complete) {
      this.#completion.start(signal, async () => {
        await this.#options.persistComplete();
        this.#becomeComplete();
      });
    }
    await runtime.start(signal);
    this.agent.start(signal);
    await this.#brain.start(signal);
    await this.#manifests?.start(signal);
  }

  /** Stops in reverse order. Containers go on. */
  async stop(): Promise<void> {
    this.#farewell.stop();
    await this.#manifests?.stop();
    await this.#brain.stop();
    await this.agent.stop();
    await this.#deps.runtime.stop();
    this.#completion.stop();
    await this.#replication.stop();
    await this.#antiEntropy.stop();
    this.events.stop();
    this.#liveness.stop();
    this.#observed.stop();
    await this.#deps.transport.stop();
    await this.#deps.beats.stop();
    await this.objects.stop();
    for (const end of this.#unsubscribe.splice(0)) end();
  }

  /**
   * Members that desired state names; this one included. Until that is complete, those too that are known from elsewhere: later, who is not named was removed, also when
   * its grave is forgotten.
   */
  members(): readonly MemberSpec[] {
    const stored = [...this.#deps.replica.list(MEMBERS)].map(({ object }) => (object as Member).spec);
    if (this.#state.complete) return stored;
    const removed = (peer: string): boolean => this.#deps.replica.buriedLife(`${MEMBERS}//${peer}`) > 0;
    const named = new Set(stored.map((spec) => spec.peerId));
    return [...stored, ...this.#options.knownMembers.filter((spec) => !named.has(spec.peerId) && !removed(spec.peerId))];
  }

  /** Called with the members whenever they change. */
  onMembers(listener: (members: readonly MemberSpec[]) => void): void {
    this.#memberListeners.add(listener);
  }

  /** Files of the watched folder, for `kith manifests`. */
  manifestFiles(): readonly ManifestFileRow[] {
    return this.#manifests?.files() ?? [];
  }

  peers(): PeersAnswer {
    return peersAnswer({
      clusterId: this.#options.clusterId,
      view: this.#state,
      transport: this.#deps.transport,
      behind: (peer) => this.#antiEntropy.behind(peer),
      nodeRecord: (peer) => this.#observed.get(peer, 'node'),
      now: this.#deps.clock.monotonic(),
    });
  }

  #render(key: ObjectKey): KubeObject | undefined {
    if (key.startsWith('events/')) return this.#observedEvents.get(key);
    const object = renderObject(this.#state, key, this.#now());
    const kind = kindOfResource(parseObjectKey(key).resource);
    return object === undefined || kind?.redact === undefined ? object : kind.redact(object);
  }

  #now(): Now {
    return { wall: this.#deps.clock.now(), monotonic: this.#deps.clock.monotonic() };
  }

  #tell(affected: ReadonlySet<ObjectKey>): void {
    this.objects.changed(affected);
    this.#brain.touch(affected);
    for (const listener of this.#viewListeners) listener();
  }

  #becomeComplete(): void {
    this.#antiEntropy.setComplete();
    this.#deps.replica.setComplete();
    this.#liveness.setEligible(!this.#state.removed);
    this.#tell(this.#state.setComplete(true));
    this.#membersChanged();
  }

  /** For ever: only a new data folder makes this host a member again. */
  #becomeRemoved(): void {
    this.#deps.log.error(REMOVED_MESSAGE);
    this.#liveness.setEligible(false);
    this.#tell(this.#state.setRemoved());
    this.#options.persistRemoved().catch((error: unknown) => {
      this.#deps.log.error('that this host was removed could not be written down', { error });
    });
  }

  #membersChanged(): void {
    const own = `${MEMBERS}//${this.#deps.transport.self}`;
    if (!this.#state.removed && this.#deps.replica.get(own) === undefined && this.#deps.replica.buriedLife(own) > 0) this.#becomeRemoved();
    const members = this.members();
    const reachable = this.#state.removed ? [] : [...members, ...this.#farewell.leaving(members)];
    this.#deps.transport.setMembers(reachable.map(({ peerId, peerAddresses }) => ({ peer: peerId, addresses: peerAddresses })));
    this.#observed.setMembers(members);
    this.#liveness.setMembers([...members]);
    this.#antiEntropy.setMembers(members.map(({ peerId }) => peerId));
    for (const listener of this.#memberListeners) listener(members);
  }

  /**
   * Nearest first. One that was heard and is not dead counts, too, when its connection has just broken: a write waits for it. One that was never heard since our
   * start does not.
   */
  #livePeers(): readonly string[] {
    const { transport } = this.#deps;
    const connected = new Set(transport.connected());
    const distance = (peer: string): number =>
      connected.has(peer) ? (transport.roundTripMs(peer) ?? Number.MAX_SAFE_INTEGER) : Number.POSITIVE_INFINITY;
    return this.#state
      .members()
      .filter(({ peer, state, incarnation }) => peer !== transport.self && state !== 'dead' && (connected.has(peer) || incarnation > 0))
      .map(({ peer }) => ({ peer, at: distance(peer) }))
      .sort((left, right) => (left.at === right.at ? 0 : left.at - right.at))
      .map(({ peer }) => peer);
  }
}
