/**
 * The running peer: ties desired state, observed state and liveness into one view, and lets the loops look at it. Knows ports only, so that a simulator runs the
 * same code. It decides nothing itself, and acts on nothing before its state is complete.
 */
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { parseObjectKey } from '../../protocol/objects.ts';
import type { Member, MemberSpec } from '../../protocol/types.ts';
import type { ManifestFileRow, PeersAnswer } from '../../protocol/answers.ts';
import { gatewayOf } from '../../protocol/values/ipv4.ts';
import { MEMBERS } from '../core/cluster/membership.ts';
import { ClusterState } from '../core/cluster/state.ts';
import { changesSince, type ClusterIndex, type ClusterView } from '../core/cluster/view.ts';
import type { EventDraft } from '../core/decisions.ts';
import { admitPods } from '../core/scheduler/admit.ts';
import { answerName } from '../core/network/names/answer.ts';
import type { DnsFacts } from '../core/network/names/pod-dns.ts';
import { nameWorld } from '../core/network/names/world.ts';
import { podSubnetOf } from '../core/network/pod-subnets.ts';
import { clusterDomain } from '../core/network/service-range.ts';
import { serviceLinks } from '../core/network/service-links.ts';
import { mayShow, renderObject } from '../core/status/render.ts';
import type { SyncedReplica } from '../ports/replica.ts';
import { NodeAgent, type ViewSource } from './agent/agent.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { Brain } from './brain.ts';
import { Comparisons } from './comparisons.ts';
import { Completion } from './completion.ts';
import { ConflictReporter } from './conflict-reporter.ts';
import { createDoctor, type Doctor } from './doctor/in-peer.ts';
import { AcknowledgedWriter } from './desired-writer.ts';
import { peersAnswer } from './endpoints.ts';
import { EventWriter } from './event-writer.ts';
import { EventRecorder } from './events.ts';
import { Farewell, REMOVED_MESSAGE, removedError } from './farewell.ts';
import { livePeers } from './live-peers.ts';
import { PeerLiveness } from './liveness.ts';
import { createLeases, isFounder, type Leases } from './leases/in-peer.ts';
import { LogRelay } from './log-relay.ts';
import { StreamRelay } from './stream-relay.ts';
import { ManifestWatch } from './manifests.ts';
import { isTurnedOut } from './own-admission.ts';
import { createKernel, type Kernel } from './network/kernel.ts';
import { LeavingPods } from './network/leaving-pods.ts';
import { proxySinks } from './network/proxy-sink.ts';
import { ServiceTable } from '../core/network/service-table.ts';
import { ServiceLoop } from './network/service-loop.ts';
import { PodNetwork } from './network/pod-network.ts';
import { ObjectCache } from './object-cache.ts';
import { ObservedEvents } from './observed-events.ts';
import { shownKeys } from './shown-keys.ts';
import { PeerObserved } from './observed.ts';
import { Replication } from './replication.ts';
import type { PeerDeps, PeerImage, PeerOptions } from './peer-deps.ts';

export type { PeerDeps, PeerOptions };

export class Peer {
  readonly objects: ObjectCache;
  readonly writer: EventWriter;
  readonly logs: LogRelay;
  readonly streams: StreamRelay;
  readonly events: EventRecorder;
  readonly agent: NodeAgent;
  readonly services: ServiceLoop;
  readonly doctor: Doctor;
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
  readonly #kernel: Kernel | undefined;
  readonly #podNetwork: PodNetwork;
  readonly #leaving: LeavingPods;
  readonly #leases: Leases | undefined;
  readonly #observedEvents = new ObservedEvents();
  readonly #viewListeners = new Set<(affected: ReadonlySet<ObjectKey>) => void>();
  readonly #memberListeners = new Set<(members: readonly MemberSpec[]) => void>();
  readonly #unsubscribe: (() => void)[] = [];

  readonly #write: SyncedReplica['write'] = async (mutations) => {
    if (this.#state.removed) throw removedError();
    return this.#deps.replica.write(mutations);
  };

  constructor(deps: PeerDeps, options: PeerOptions) {
    this.#deps = deps;
    this.#options = options;
    const { replica, transport, beats, prober, runtime, identity, verify, clock, random, log } = deps;
    const { node, incarnation, persistIncarnation, clusterId } = options;
    const self = transport.self;
    const antiEntropy = new AntiEntropy({ replica, transport, clock, random, log }, { clusterId });
    this.#antiEntropy = antiEntropy;
    const { state: from, heard } = deps.image ?? {};
    const reader = deps.recordReader;
    this.#observed = new PeerObserved({ transport, identity, verify, reader, clock, random, log }, { node, incarnation, heard });
    const comparisons = new Comparisons([antiEntropy, this.#observed.comparison], clock);
    const view = new ClusterState(replica, { self: { peer: self, node }, from, comparedAt: comparisons.comparedAt });
    this.#state = view;
    this.#liveness = new PeerLiveness(
      { beats, transport, observed: this.#observed, prober, clock, log, stalled: () => this.#brain.stoodStill() },
      { self, incarnation, persistIncarnation },
    );
    this.events = new EventRecorder({ observed: this.#observed, clock }, { peer: self, node });
    this.#replication = new Replication({ replica, transport, antiEntropy, clock, log }, { clusterId });
    this.objects = new ObjectCache(
      {
        render: (key) => this.#render(key),
        keys: (resource) => shownKeys(this.#state, { events: this.#observedEvents, services: this.services }, resource),
        exists: (key) => this.#observedEvents.has(key) || mayShow(this.#state, key),
        clock,
      },
      { peerId: self, lastVersion: options.lastResourceVersion, persistVersion: options.persistResourceVersion },
    );
    const desired = new AcknowledgedWriter({
      replica,
      acknowledge: async (envelope, peers) => this.#replication.acknowledge(envelope, peers),
      livePeers: () => livePeers(view, transport),
      membersKnown: () => view.membersKnown,
      isRemoved: () => view.removed,
    });
    this.writer = new EventWriter({ desired, events: this.events, shown: this.#observedEvents, objects: this.objects, self });
    const record = (draft: EventDraft): void => this.events.record(draft);
    transport.turnAway((peer) => this.#replication.removalNotice(peer, view.removed));
    const tell = async (peer: string, signal: AbortSignal): Promise<boolean> => antiEntropy.syncWith(peer, signal);
    this.#farewell = new Farewell({ clock, tell, onEnd: () => this.#membersChanged() });
    const showAgain = (keys: readonly ObjectKey[]): void => this.objects.changed(keys);
    const liveness = this.#liveness;
    this.#brain = new Brain({ view, write: this.#write, record, showAgain, antiEntropy, comparisons, liveness, clock, log });
    // Who refuted its death is another one than who was confirmed dead.
    this.#leases = createLeases(deps, view, () => this.#liveness.ownIncarnation, record);
    this.agent = this.#createAgent();
    this.#kernel = createKernel(deps, view, { clusterId, latest: () => this.services.table.list() });
    this.#podNetwork = this.#createPodNetwork();
    const relayed = { transport, runtime, peerOfNode: (name: string) => view.memberOfNode(name)?.spec.peerId };
    this.logs = new LogRelay(relayed);
    this.streams = new StreamRelay(relayed);
    this.services = this.#createServices();
    this.#leaving = new LeavingPods({ services: this.services, view, transport, clock, log });
    this.doctor = createDoctor(deps, options, { view, services: this.services, kernel: this.#kernel, leases: this.#leases });
    this.#completion = new Completion({ transport, antiEntropy, members: () => this.members().map(({ peerId }) => peerId), clock, log });
    this.#conflicts = new ConflictReporter({ view, record });
    this.#manifests = this.#watchFolder(this.#write);
  }

  #createAgent(): NodeAgent {
    const { runtime, health, volumes, clock, log } = this.#deps;
    const { node, facts, version } = this.#options;
    return new NodeAgent(
      {
        runtime,
        health,
        volumes,
        accounts: this.#deps.accounts,
        store: this.#deps.store,
        views: this.views,
        write: this.#write,
        observed: this.#observed,
        events: this.events,
        gate: this.#leases?.warden,
        dns: () => this.#dnsFacts(),
        serviceLinks: (pod) => serviceLinks(this.services.table.list(), pod),
        leaveRotation: (namespace, podUid, signal) => this.#leaving.leave(namespace, podUid, signal),
        admit: (seen, pods, running) => admitPods(seen, node, pods, { allocatable: facts.allocatable, running }),
        clock,
        log,
      },
      { facts, version },
    );
  }

  /** Pods ask their node where the kernel's network is ours. */
  #dnsFacts(): DnsFacts {
    const { nameServer, hostDns } = this.#deps;
    const domain = clusterDomain(this.#state);
    if (this.#kernel === undefined || nameServer === undefined) return { domain };
    const subnet = podSubnetOf(this.#state, this.#options.node);
    return subnet === undefined ? { domain, pending: true } : { domain, server: gatewayOf(subnet), host: hostDns };
  }

  #createPodNetwork(): PodNetwork {
    const { runtime, hostNetwork: host, nameServer, clock, log } = this.#deps;
    const deps = { view: this.#state, write: this.#write, runtime, host, nameServer, kernel: this.#kernel, clock, log };
    return new PodNetwork({ ...deps, record: (draft) => this.events.record(draft) }, { clusterId: this.#options.clusterId });
  }

  #createServices(): ServiceLoop {
    const { serviceSinks = [], image, clock, log } = this.#deps;
    const proxied = proxySinks(this.#deps, async (node, request, signal) => this.streams.connect(node, request, signal), this.#options);
    const inKernel = this.#kernel === undefined ? [] : [this.#kernel.services];
    return new ServiceLoop({ view: this.#state, from: image?.services, sinks: [...serviceSinks, ...proxied, ...inKernel], clock, log });
  }

  #watchFolder(write: SyncedReplica['write']): ManifestWatch | undefined {
    const { folder, clock, log } = this.#deps;
    const view = this.#state;
    if (folder === undefined) return undefined;
    const views = { ...this.views, view: () => view };
    const bindingAuthor = () => ({ membersSeen: view.membersSeen, membersKnown: view.membersKnown, term: view.leader.term });
    return new ManifestWatch({ folder, views, write, bindingAuthor, events: this.events, clock, log });
  }

  get view(): ClusterView {
    return this.#state;
  }

  /** The same, with what decisions about the whole cluster read. */
  get cluster(): ClusterIndex {
    return this.#state;
  }

  image(): PeerImage {
    const state = new ClusterState(this.#deps.replica, { self: this.#state.self, from: this.#state });
    return { state, heard: this.#observed.image(), services: new ServiceTable(this.services.table) };
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
    this.#tell(this.#state.applyDesired(changesSince(this.#state, replica.all()), monotonic()));
    if (this.#options.removed) this.#becomeRemoved();
    if (this.#options.complete) this.#becomeComplete();
    else this.#membersChanged();
    await beats.start(signal);
    this.#observed.start(signal);
    this.#liveness.start(signal);
    this.events.start();
    this.logs.start();
    this.streams.start();
    this.doctor.start();
    await this.#antiEntropy.start(signal);
    await this.#replication.start(signal);
    await this.#leases?.voting.start(signal, { founder: isFounder(replica, transport.self) });
    await this.#leases?.warden.start(signal);
    this.#leaving.start();
    await transport.start(signal);
    if (!this.#options.complete) {
      this.#completion.start(signal, async () => {
        await this.#options.persistComplete();
        this.#becomeComplete();
      });
    }
    await runtime.start(signal);
    this.services.start();
    this.#deps.nameServer?.start((name, type) => answerName(nameWorld(this.#state, this.services.table), name, type));
    this.#podNetwork.start();
    this.#leases?.warden.watch();
    this.agent.start(signal);
    await this.#brain.start(signal);
    await this.#manifests?.start(signal);
  }

  /** Stops in reverse order. Containers go on. */
  async stop(): Promise<void> {
    this.#farewell.stop();
    this.doctor.stop();
    await this.#manifests?.stop();
    await this.#brain.stop();
    await this.agent.stop();
    this.#leaving.stop();
    await this.#leases?.warden.stop();
    await this.#deps.nameServer?.stop();
    await this.services.stop();
    await this.#podNetwork.stop();
    await this.#deps.runtime.stop();
    this.#completion.stop();
    this.#leases?.voting.stop();
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

  /** Undefined where nothing holds traffic of pods back. */
  get policies(): Kernel['policies'] | undefined {
    return this.#kernel?.policies;
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
      electorate: this.#leases?.voting.electorate,
      now: this.#deps.clock.monotonic(),
    });
  }

  /** Peer ids of the members that vote, as far as those know who answer. */
  async electors(): Promise<readonly string[]> {
    return (await this.#leases?.voting.newestElectorate())?.members ?? [];
  }

  #render(key: ObjectKey): KubeObject | undefined {
    if (key.startsWith('events/')) return this.#observedEvents.get(key);
    const { clock } = this.#deps;
    const object = renderObject(this.#state, key, { wall: clock.now(), monotonic: clock.monotonic() }, this.services);
    return object === undefined ? undefined : (kindOfResource(parseObjectKey(key).resource)?.redact?.(object) ?? object);
  }

  #tell(affected: ReadonlySet<ObjectKey>): void {
    this.objects.changed(this.services.touch(affected));
    this.objects.changed(affected);
    this.#brain.touch(affected);
    this.#podNetwork.touch(affected);
    for (const listener of this.#viewListeners) listener(affected);
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
    const members = this.members();
    if (!this.#state.removed && isTurnedOut(this.#deps, this.#state, members)) this.#becomeRemoved();
    const reachable = this.#state.removed ? [] : [...members, ...this.#farewell.leaving(members)];
    this.#deps.transport.setMembers(reachable.map(({ peerId, peerAddresses }) => ({ peer: peerId, addresses: peerAddresses })));
    this.#observed.setMembers(members);
    this.#liveness.setMembers([...members]);
    this.#antiEntropy.setMembers(members.map(({ peerId }) => peerId));
    for (const listener of this.#memberListeners) listener(members);
  }
}
