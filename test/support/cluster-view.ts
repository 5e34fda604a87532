import { ClusterState } from '../../daemon/core/cluster/state.ts';
import type { MemberState } from '../../daemon/core/cluster/view.ts';
import { emptyMemory } from '../../daemon/core/controllers/plan.ts';
import type { Now } from '../../daemon/core/decisions.ts';
import { planPass, type WorkUnit } from '../../daemon/peer/brain-plan.ts';
import type { Mutation } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import type { DesiredObject, ObjectKey, ObjectMeta, StoredObject } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { NodeReport, ObservedRecord, ObservedValue, PodReport } from '../../protocol/observed.ts';
import type {
  Container,
  Deployment,
  Member,
  Node,
  Pod,
  PodSpec,
  PodStatus,
  ReplicaSet,
  ReplicationController,
} from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { MemoryDesired } from './memory-desired.ts';

/** 2026-01-01, as all test times start. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);

export interface NodeOptions {
  allocatable?: Record<string, string>;
  labels?: Record<string, string>;
  spec?: Node['spec'];
}

export const peerOf = (node: string): string => `peer-${node}`;
export const podKey = (name: string): ObjectKey => objectKey('pods', 'default', name);

export function container(requests?: Record<string, string>, more: Partial<Container> = {}): Container {
  return { name: 'main', image: 'kith.dev/hello:1', ...(requests === undefined ? {} : { resources: { requests } }), ...more };
}

type More = Partial<Omit<StoredObject, 'metadata'>> & { metadata?: Partial<ObjectMeta> };

export function podObject(name: string, spec: Partial<PodSpec> = {}, more: More = {}): Pod {
  const { metadata, ...rest } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS), ...metadata },
    spec: { restartPolicy: 'Always', containers: [container()], ...spec },
    ...rest,
  };
}

export function replicaSetObject(name: string, replicas: number, spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: templateOf(name), ...spec },
  };
}

export function replicationControllerObject(name: string, replicas: number): ReplicationController {
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: { replicas, selector: { app: name }, template: templateOf(name) },
  };
}

export function deploymentObject(name: string, replicas: number, spec: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: templateOf(name), ...spec },
  };
}

export function templateOf(
  app: string,
  image = 'kith.dev/hello:1',
): ReplicaSet['spec'] extends { template?: infer T } ? NonNullable<T> : never {
  return { metadata: { labels: { app } }, spec: { restartPolicy: 'Always', containers: [container(undefined, { image })] } };
}

export function readyStatus(atMs: number, startedAtMs = atMs): PodStatus {
  const at = formatTime(atMs);
  return {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at }],
    containerStatuses: [
      {
        name: 'main',
        image: 'kith.dev/hello:1',
        imageID: '',
        ready: true,
        restartCount: 0,
        state: { running: { startedAt: formatTime(startedAtMs) } },
      },
    ],
  };
}

/** One side of a cluster: a view with its desired state, whose nodes do what agents would, and whose time the test moves. */
export class ClusterWorld {
  desired: MemoryDesired;
  readonly state: ClusterState;
  /** Milliseconds since the start; also the monotonic clock. */
  elapsed = 0;
  readonly units: WorkUnit[] = [];
  /** Pods that never become ready, by name's beginning. */
  broken: (pod: DesiredObject) => boolean = () => false;
  /** When it compared with each peer last, ms. */
  readonly comparedAt = new Map<string, number>();
  private readonly memory = emptyMemory();
  private readonly members = new Map<string, MemberState>();
  private readonly reports = new Map<string, ObservedRecord>();
  private leaderNode: string;

  constructor(nodes: readonly string[], self = nodes[0] ?? 'node-1', desired = new MemoryDesired()) {
    this.desired = desired;
    this.leaderNode = self;
    this.state = new ClusterState(
      { buriedLife: (key) => this.desired.buriedLife(key) },
      { self: { peer: peerOf(self), node: self }, comparedAt: (peer) => this.comparedAt.get(peer) },
    );
    this.state.setComplete(true);
    for (const node of nodes) this.members.set(node, { peer: peerOf(node), state: 'alive', since: 0, incarnation: 1 });
    if (desired.objects.size > 0) this.reload();
    this.tellLiveness();
  }

  get now(): Now {
    return { wall: EPOCH_MS + this.elapsed, monotonic: this.elapsed };
  }

  addNode(name: string, options: NodeOptions = {}): void {
    this.addNodes([name], options);
  }

  addNodes(names: readonly string[], options: NodeOptions = {}): void {
    this.create(...names.flatMap((name) => this.nodeObjects(name, options)));
    for (const name of names) this.reportNode(name, options.allocatable);
    this.tellLiveness();
  }

  private nodeObjects(name: string, options: NodeOptions): StoredObject[] {
    if (!this.members.has(name)) this.members.set(name, { peer: peerOf(name), state: 'alive', since: this.elapsed, incarnation: 1 });
    const member: Member = {
      apiVersion: 'kith.dev/v1',
      kind: 'Member',
      metadata: { name: peerOf(name), uid: '', creationTimestamp: formatTime(EPOCH_MS) },
      spec: {
        peerId: peerOf(name),
        nodeName: name,
        peerAddresses: [],
        beatAddresses: [],
        apiAddresses: [],
        beatKey: '',
        admittedBy: peerOf(name),
      },
    };
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        uid: '',
        creationTimestamp: formatTime(EPOCH_MS),
        labels: { 'kubernetes.io/hostname': name, ...options.labels },
        annotations: { 'kith.dev/peer': peerOf(name) },
      },
      spec: options.spec ?? {},
    };
    return [member, node];
  }

  reportNode(
    name: string,
    allocatable: Record<string, string> = { cpu: '4', memory: '8Gi', pods: '110' },
    ready: 'True' | 'False' = 'True',
  ): void {
    const report: NodeReport = { kind: 'node', version: '0', status: { allocatable, conditions: [{ type: 'Ready', status: ready }] } };
    this.observe(name, 'node', report);
  }

  /** Who leads as this side believes. */
  setLeader(node: string): void {
    this.leaderNode = node;
    this.tellLiveness();
  }

  /** @param seenBy how many of all members the one saw that declared it dead */
  setMember(
    node: string,
    state: MemberState['state'],
    incarnation = this.members.get(node)?.incarnation ?? 1,
    seenBy: readonly [number, number] = [1, 1],
  ): void {
    const known = this.members.get(node);
    const at = new Date(EPOCH_MS + this.elapsed).toISOString();
    const death = {
      kind: 'death',
      peerId: peerOf(node),
      node,
      incarnation: 1,
      how: 'silent',
      lastSeen: at,
      at,
      membersSeen: seenBy[0],
      membersKnown: seenBy[1],
    } as const;
    this.members.set(node, {
      peer: peerOf(node),
      ...known,
      incarnation,
      state,
      since: this.elapsed,
      death: state === 'dead' ? death : undefined,
    });
    this.tellLiveness();
  }

  forgetMember(node: string): void {
    this.members.delete(node);
    this.tellLiveness();
  }

  create(...objects: StoredObject[]): DesiredObject[] {
    this.write(objects.map((object): Mutation => ({ type: 'create', key: keyOf(object), object })));
    return objects.map((object) => this.object(keyOf(object)));
  }

  edit<T extends StoredObject>(key: ObjectKey, change: (draft: T) => void): void {
    const current = this.object(key);
    const next = structuredClone(current.object) as T;
    change(next);
    this.write([{ type: 'update', key, uid: current.uid, base: current.object, next }]);
  }

  bury(key: ObjectKey): void {
    this.write([{ type: 'bury', key, uid: this.object(key).uid, at: formatTime(this.now.wall) }]);
  }

  write(mutations: readonly Mutation[]): void {
    this.state.applyDesired(this.desired.write(mutations), this.elapsed);
  }

  object(key: ObjectKey): DesiredObject {
    const desired = this.state.get(key);
    if (desired === undefined) throw new Error(`the test expects ${key} to exist`);
    return desired;
  }

  bind(key: ObjectKey, node: string, at = formatTime(this.now.wall), by: 'leader' | 'heir' | 'user' = 'leader'): void {
    this.edit(key, (draft) => {
      draft.kith = { ...draft.kith, binding: { node, membersSeen: 1, membersKnown: 1, term: 1, by, rank: 0, at } };
    });
  }

  reportPod(key: ObjectKey, status: PodStatus): void {
    const pod = this.object(key);
    const node = pod.object.kith?.binding?.node ?? '';
    const { name, namespace } = pod.object.metadata;
    const report: PodReport = { kind: 'pod', uid: pod.uid, namespace: namespace ?? '', name, status };
    this.observe(node, `pod/${pod.uid}`, report);
  }

  pods(): DesiredObject[] {
    return [...this.state.list('pods')];
  }

  /** Takes over what another side knows of these nodes. */
  learnReports(from: ClusterWorld, nodes: readonly string[]): void {
    const records = [...from.reports.values()].filter(({ node }) => nodes.includes(node));
    for (const record of records) this.reports.set(`${record.node}/${record.key}`, record);
    this.state.applyObserved(records, this.elapsed);
  }

  replaceDesired(desired: MemoryDesired): void {
    const before = [...this.desired.objects.keys()];
    this.desired = desired;
    const keys = new Set([...before, ...desired.objects.keys()]);
    this.state.applyDesired(
      [...keys].map((key) => ({ key, before: undefined, after: desired.objects.get(key) })),
      this.elapsed,
    );
  }

  /** What the living nodes' agents do: start what is bound, stop and bury what is deleted. Answers whether anything happened. */
  runNodes(nodes: readonly string[] = [...this.members.keys()]): boolean {
    let busy = false;
    for (const node of nodes) {
      if (this.members.get(node)?.state !== 'alive') continue;
      for (const pod of this.state.podsOnNode(node)) {
        if (pod.object.metadata.deletionTimestamp !== undefined) {
          this.bury(pod.key);
          busy = true;
        } else if (pod.object.kith?.outcome === undefined && this.state.podReport(pod.uid, node) === undefined && !this.broken(pod)) {
          this.reportPod(pod.key, readyStatus(this.now.wall));
          busy = true;
        }
      }
    }
    return busy;
  }

  /** One pass over everything, as leader or only as heir. Answers whether anything was written. */
  decide(): boolean {
    const plan = planPass(this.state, [...this.state.keys()], this.now, { isLeader: this.state.leader.isSelf, memory: this.memory });
    // Whoever lives answers at once.
    for (const peer of plan.compares.keys()) this.comparedAt.set(peer, this.elapsed);
    let written = false;
    for (const unit of plan.units) {
      this.units.push(unit);
      if (unit.mutations.length === 0) continue;
      try {
        this.write(unit.mutations);
        written = true;
      } catch (error) {
        // Overtaken within the pass, as on a real peer; it is decided anew in the next.
        if (!(error instanceof KithError)) throw error;
      }
    }
    return written;
  }

  /** Decides and lets nodes act until nothing has happened for `quietMs` of its own time. */
  converge(options: { nodes?: readonly string[]; quietMs?: number; maxRounds?: number; each?: () => void } = {}): void {
    const { quietMs = 30_000, maxRounds = 2_000 } = options;
    let quietSince = this.elapsed;
    for (let round = 0; round < maxRounds; round += 1) {
      const decided = this.decide();
      options.each?.();
      const acted = this.runNodes(options.nodes);
      options.each?.();
      this.elapsed += 500;
      if (decided || acted) quietSince = this.elapsed;
      if (this.elapsed - quietSince >= quietMs) return;
    }
    throw new Error(
      `not quiet after ${maxRounds} rounds; last: ${JSON.stringify(this.units.slice(-5).map(({ key, reason }) => [key, reason]))}`,
    );
  }

  events(reason?: string): string[] {
    return this.units
      .flatMap((unit) => unit.events)
      .filter((event) => reason === undefined || event.reason === reason)
      .map((event) => event.message);
  }

  private reload(): void {
    this.state.applyDesired(
      [...this.desired.objects].map(([key, after]) => ({ key, before: undefined, after })),
      this.elapsed,
    );
  }

  private tellLiveness(): void {
    const leader = { term: 1, peer: peerOf(this.leaderNode), isSelf: peerOf(this.leaderNode) === this.state.self.peer };
    this.state.applyLiveness([...this.members.values()], leader, this.elapsed);
  }

  observe(node: string, key: string, value: ObservedValue): void {
    const record: ObservedRecord = { owner: peerOf(node), node, incarnation: 1, sequence: 1, key, value, signature: '' };
    this.reports.set(`${node}/${key}`, record);
    this.state.applyObserved([record], this.elapsed);
  }
}

/** A world of `count` equal nodes, node-1 of which leads. */
export function worldOf(count: number, self = 'node-1', options: NodeOptions = {}): ClusterWorld {
  const nodes = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const world = new ClusterWorld(nodes, self);
  for (const node of nodes) world.addNode(node, options);
  return world;
}

const RESOURCES: Record<string, string> = {
  LimitRange: 'limitranges',
  ResourceQuota: 'resourcequotas',
  Pod: 'pods',
  Node: 'nodes',
  Namespace: 'namespaces',
  Member: 'members.kith.dev',
  ReplicaSet: 'replicasets.apps',
  Deployment: 'deployments.apps',
  ReplicationController: 'replicationcontrollers',
  ConfigMap: 'configmaps',
  Service: 'services',
  EndpointSlice: 'endpointslices.discovery.k8s.io',
  Job: 'jobs.batch',
  CronJob: 'cronjobs.batch',
  DaemonSet: 'daemonsets.apps',
  StatefulSet: 'statefulsets.apps',
  ControllerRevision: 'controllerrevisions.apps',
  HorizontalPodAutoscaler: 'horizontalpodautoscalers.autoscaling',
  PersistentVolumeClaim: 'persistentvolumeclaims',
  NetworkPolicy: 'networkpolicies.networking.k8s.io',
  StorageClass: 'storageclasses.storage.k8s.io',
};

export function keyOf(object: StoredObject): ObjectKey {
  return objectKey(RESOURCES[object.kind] ?? object.kind.toLowerCase(), object.metadata.namespace ?? '', object.metadata.name);
}
