import { deriveUid } from '../../protocol/identity.ts';
import { KithError } from '../../protocol/errors.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { Mutation, ReplicaChange } from '../../protocol/desired.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { DesiredObject, KithFields, ObjectKey, StoredObject } from '../../protocol/objects.ts';
import type { ObservedRecord, ObservedValue } from '../../protocol/observed.ts';
import type { MemberSpec, PodSpec, PodStatus } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { ClusterState } from '../../daemon/core/cluster/state.ts';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import type { AdmitPods } from '../../daemon/core/reconcile/judge.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import { NodeAgent, type NodeAgentDeps } from '../../daemon/peer/agent/agent.ts';
import type { ObservedState } from '../../daemon/ports/observed.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { SimulatedHealth } from './simulated-health.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryVolumes } from './memory-volumes.ts';
import { silentLog } from './silent-log.ts';
import { AgentClock } from './agent-clock.ts';

export const NODE = 'node-1';
export const PEER = 'peer-1';
const CLUSTER = 'cluster-1';

export const NODE_FACTS: NodeFacts = {
  capacity: { cpu: '4', memory: '8Gi', pods: '110' },
  allocatable: { cpu: '3600m', memory: '7Gi', pods: '110' },
  addresses: [
    { type: 'InternalIP', address: '192.0.2.1' },
    { type: 'Hostname', address: NODE },
  ],
  architecture: 'amd64',
  operatingSystem: 'linux',
  kernelVersion: '6.1.0',
  osImage: 'Debian GNU/Linux 12',
  bootID: 'boot',
  machineID: 'machine',
  systemUUID: 'system',
  kubeletVersion: 'v1.35.0-kith.0.1.0',
};

/** Observed state of one peer, in memory. */
export class MemoryObserved implements ObservedState {
  readonly records = new Map<string, ObservedRecord>();
  /** How many records were made, by key. */
  readonly published = new Map<string, number>();
  private readonly listeners = new Set<(records: readonly ObservedRecord[]) => void>();
  private sequence = 0;

  publish(key: string, value: ObservedValue | null): void {
    const before = this.records.get(`${PEER} ${key}`);
    if (before === undefined ? value === null : jsonEqual(before.value, value)) return;
    this.put(PEER, NODE, key, value);
  }

  put(owner: string, node: string, key: string, value: ObservedValue | null): void {
    this.sequence += 1;
    this.published.set(key, (this.published.get(key) ?? 0) + 1);
    const record: ObservedRecord = { owner, node, incarnation: 1, sequence: this.sequence, key, value, signature: '' };
    this.records.set(`${owner} ${key}`, record);
    for (const listener of this.listeners) listener([record]);
  }

  get(ownerPeer: string, key: string): ObservedRecord | undefined {
    return this.records.get(`${ownerPeer} ${key}`);
  }

  *all(): Iterable<ObservedRecord> {
    for (const record of this.records.values()) if (record.value !== null) yield record;
  }

  onChanged(listener: (records: readonly ObservedRecord[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Desired state of one peer, in memory: lives and graves as the replica keeps them, without merging. */
export class MemoryDesired {
  readonly objects = new Map<ObjectKey, DesiredObject>();
  readonly graves = new Map<ObjectKey, number>();
  private readonly listeners = new Set<(changes: readonly ReplicaChange[]) => void>();

  onChanged(listener: (changes: readonly ReplicaChange[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async write(mutations: readonly Mutation[]): Promise<DesiredObject[]> {
    const changes: ReplicaChange[] = [];
    for (const mutation of mutations) {
      const before = this.objects.get(mutation.key);
      const after = this.apply(mutation, before);
      changes.push({ key: mutation.key, before, after });
    }
    for (const listener of this.listeners) listener(changes);
    return changes.map((change) => (change.after ?? change.before)!);
  }

  private apply(mutation: Mutation, before: DesiredObject | undefined): DesiredObject | undefined {
    const { key } = mutation;
    if (mutation.type === 'create') {
      if (before !== undefined) {
        if (mutation.orMerge === true) return before;
        throw new KithError('AlreadyExists', `${key} already exists`);
      }
      const life = (this.graves.get(key) ?? 0) + 1;
      const uid = deriveUid(CLUSTER, key, life);
      const object = { ...mutation.object, metadata: { ...mutation.object.metadata, uid } };
      return this.put({ key, life, uid, object, heads: [], conflicts: [] });
    }
    if (before === undefined) throw new KithError('NotFound', `${key} not found`);
    if (before.uid !== mutation.uid) throw new KithError('UidMismatch', `${key} is another object`);
    if (mutation.type === 'update') return this.put({ ...before, object: mutation.next });
    this.graves.set(key, before.life);
    this.objects.delete(key);
    return undefined;
  }

  private put(object: DesiredObject): DesiredObject {
    this.objects.set(object.key, object);
    return object;
  }
}

export interface PodSketch {
  image?: string;
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  spec?: Partial<PodSpec>;
  kith?: KithFields;
  metadata?: Partial<StoredObject['metadata']>;
  node?: string;
}

/** One node: its engine, its desired and observed state, and an agent that can be restarted at any moment. */
export class AgentWorld {
  readonly clock = new AgentClock();
  readonly runtime = new SimulatedRuntime(this.clock);
  readonly health = new SimulatedHealth();
  readonly volumes = new MemoryVolumes();
  readonly store = new MemoryStore();
  readonly desired = new MemoryDesired();
  readonly observed = new MemoryObserved();
  readonly events: EventDraft[] = [];
  /** The errors of the agent's next writes, first first. */
  readonly writeFailures: KithError[] = [];
  readonly state: ClusterState;
  admit: AdmitPods = () => new Map();
  leaveRotation: NonNullable<NodeAgentDeps['leaveRotation']> = () => undefined;
  agent: NodeAgent | undefined;
  private readonly viewListeners = new Set<(affected: ReadonlySet<ObjectKey>) => void>();

  constructor() {
    this.state = new ClusterState({ buriedLife: (key) => this.desired.graves.get(key) ?? 0 }, { self: { peer: PEER, node: NODE } });
    this.desired.onChanged((changes) => {
      this.changed(this.state.applyDesired(changes, this.clock.monotonic()));
    });
    this.observed.onChanged((records) => {
      this.changed(this.state.applyObserved(records, this.clock.monotonic()));
    });
    this.state.setComplete(true);
  }

  /** Makes another node a living member. */
  async addMember(node: string, peer: string): Promise<void> {
    const spec = { peerId: peer, nodeName: node } as MemberSpec;
    const metadata = { name: peer, uid: '', creationTimestamp: formatTime(this.clock.now()) };
    const object = { apiVersion: 'kith.dev/v1', kind: 'Member', metadata, spec };
    await this.desired.write([{ type: 'create', key: objectKey('members.kith.dev', '', peer), object }]);
    this.hold(peer, 'alive');
  }

  /** This peer takes the other for that, and all else for alive. */
  hold(peer: string, state: 'alive' | 'dead'): void {
    const stateOf = (of: string): 'alive' | 'dead' => (of === peer ? state : 'alive');
    const members = this.state.members().map(({ peer: of }) => ({ peer: of, state: stateOf(of), since: 0, incarnation: 1 }));
    this.changed(this.state.applyLiveness(members, { term: 1, peer: PEER, isSelf: true }, this.clock.monotonic()));
  }

  changed(affected: ReadonlySet<ObjectKey>): void {
    for (const listener of this.viewListeners) listener(affected);
  }

  startAgent(): NodeAgent {
    if (!this.store.isOpen) void this.store.open();
    const { runtime, observed, clock } = this;
    const views = {
      view: () => this.state,
      onChanged: (listener: (affected: ReadonlySet<ObjectKey>) => void) => {
        this.viewListeners.add(listener);
        return () => this.viewListeners.delete(listener);
      },
    };
    this.agent = new NodeAgent(
      {
        runtime,
        views,
        write: (mutations) => this.write(mutations),
        observed,
        health: this.health,
        volumes: this.volumes,
        store: this.store,
        events: { record: (draft) => this.events.push(draft) },
        leaveRotation: (namespace, uid, signal) => this.leaveRotation(namespace, uid, signal),
        admit: (view, pods, running) => this.admit(view, pods, running),
        clock,
        log: silentLog,
      },
      { facts: NODE_FACTS, version: '1' },
    );
    this.agent.start();
    return this.agent;
  }

  private async write(mutations: readonly Mutation[]): Promise<unknown> {
    const failure = this.writeFailures.shift();
    if (failure !== undefined) throw failure;
    return this.desired.write(mutations);
  }

  async restartAgent(): Promise<void> {
    await this.agent?.stop();
    this.startAgent();
  }

  async addPod(name: string, sketch: PodSketch = {}): Promise<DesiredObject> {
    const at = formatTime(this.clock.now());
    const object: StoredObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', uid: '', creationTimestamp: at, ...sketch.metadata },
      spec: {
        restartPolicy: sketch.restartPolicy ?? 'Always',
        terminationGracePeriodSeconds: 30,
        containers: [{ name: 'main', image: sketch.image ?? 'app:1', imagePullPolicy: 'IfNotPresent' }],
        ...sketch.spec,
      },
      kith: {
        binding: { node: sketch.node ?? NODE, membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at },
        ...sketch.kith,
      },
    };
    const [pod] = await this.desired.write([{ type: 'create', key: objectKey('pods', 'default', name), object }]);
    return pod!;
  }

  async update(key: ObjectKey, change: (object: StoredObject) => StoredObject): Promise<void> {
    const { uid, object } = this.desired.objects.get(key)!;
    await this.desired.write([{ type: 'update', key, uid, base: object, next: change(object) }]);
  }

  /** What the API does with DELETE. */
  async deletePod(name: string, graceSeconds = 30): Promise<void> {
    await this.update(objectKey('pods', 'default', name), (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        deletionTimestamp: formatTime(this.clock.now() + graceSeconds * 1000),
        deletionGracePeriodSeconds: graceSeconds,
      },
    }));
  }

  async bury(key: ObjectKey): Promise<void> {
    const { uid } = this.desired.objects.get(key)!;
    await this.desired.write([{ type: 'bury', key, uid, at: formatTime(this.clock.now()) }]);
  }

  status(pod: DesiredObject): PodStatus | undefined {
    const value = this.observed.get(PEER, `pod/${pod.uid}`)?.value;
    return value?.kind === 'pod' ? value.status : undefined;
  }

  phase(pod: DesiredObject): string | undefined {
    return this.status(pod)?.phase;
  }

  isReady(pod: DesiredObject): boolean {
    return this.status(pod)?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  }

  waitingReason(pod: DesiredObject): string | undefined {
    return this.status(pod)?.containerStatuses?.[0]?.state?.waiting?.reason;
  }

  /** `REASON: MESSAGE` of the Events so far. */
  told(): string[] {
    return this.events.map((event) => `${event.reason}: ${event.message}`);
  }

  async close(): Promise<void> {
    await this.agent?.stop();
  }
}
