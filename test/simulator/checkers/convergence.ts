import { jsonEqual } from '../../../protocol/json.ts';
import { lifeOfUid } from '../../../protocol/identity.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import type { Deployment, Node, PodSpec } from '../../../protocol/types.ts';
import { cpuMillis } from '../../../protocol/values/quantity.ts';
import type { Acknowledged, Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import { SHORT_IMAGE } from '../workloads.ts';
import type { SimWorld } from '../world.ts';
import { cpuOf, wantedOf } from './containers.ts';

type Up = SimHost & { daemon: SimDaemon };

/** All that last see each other alive, hold the whole state and follow one leader, which is one of them. */
export class EventuallyOneLeader implements Checker {
  readonly name = 'eventuallyOneLeader';
  /** A redial may take 15 s. */
  readonly withinMs = 20_000;

  missing(world: SimWorld): string | undefined {
    const leaders = new Set<string>();
    const ids = world.lasting().map(({ id }) => id);
    for (const { node, isGone, daemon } of world.running()) {
      if (isGone) continue;
      const { view } = daemon.peer;
      if (!view.complete) return `${node} does not hold the whole state`;
      const alive = view.members().filter(({ state }) => state === 'alive');
      const unseen = ids.find((id) => !alive.some(({ spec }) => spec.peerId === id));
      if (unseen !== undefined) return `${node} does not see ${unseen} alive`;
      if (view.members().length !== ids.length) return `${node} knows ${view.members().length} members, there are ${ids.length}`;
      leaders.add(`${view.leader.peer} in term ${view.leader.term}`);
      if (!ids.includes(view.leader.peer)) return `${node} follows ${view.leader.peer || 'nobody'}`;
    }
    return leaders.size === 1 ? undefined : `leaders are ${[...leaders].join(', ')}`;
  }
}

/** Objects, lives and heads are equal everywhere. */
export class EventuallyEqual implements Checker {
  readonly name = 'eventuallyEqual';
  readonly withinMs = 30_000;
  /** Histories are cut at rest, too, and what was cut goes from peer to peer as they compare. */
  readonly waversMs = 30_000;

  missing(world: SimWorld): string | undefined {
    const [first, ...others] = world.running().filter(({ isGone }) => !isGone);
    if (first === undefined) return 'nobody runs';
    // Digests may differ a while longer: a grave that all hold counts for nothing from when a peer hears that all do.
    for (const other of others) {
      const differs = differing(first, other);
      if (differs.length > 0) return `${first.node} and ${other.node} differ: ${differs.join(', ')}`;
    }
    return undefined;
  }
}

function differing(one: Up, other: Up): string[] {
  const keys = new Set([...one.daemon.replica.all(), ...other.daemon.replica.all()].map(({ key }) => key));
  const held = ({ daemon }: Up, key: string): unknown => {
    const object = daemon.replica.get(key);
    return object === undefined ? `buried ${daemon.replica.buriedLife(key)}` : [object.life, object.heads, object.object];
  };
  return [...keys].filter((key) => !jsonEqual(held(one, key), held(other, key))).slice(0, 5);
}

/** Every workload has exactly the pods it asks for, each ready on one live node that fits it, and nothing else runs anywhere. */
export class EventuallyAsDesired implements Checker {
  readonly name = 'eventuallyAsDesired';
  private world: SimWorld | undefined;
  /** Images that users asked for, by owner of pods: where two sides made one ReplicaSet with two templates, pods of either stay. */
  private readonly asked = new Map<ObjectKey, Set<string>>();

  onAcknowledged(_host: SimHost, { mutations }: Acknowledged): void {
    for (const mutation of mutations) {
      if (mutation.type === 'bury' || !mutation.key.startsWith('repl')) continue;
      const { spec } = (mutation.type === 'create' ? mutation.object : mutation.next) as unknown as Deployment;
      this.asked.set(mutation.key, (this.asked.get(mutation.key) ?? new Set()).add(imageOf(spec.template.spec) ?? ''));
    }
  }

  get withinMs(): number {
    return SOON_MS + (this.world === undefined ? 0 : longestBackOff(this.world));
  }

  onTick(world: SimWorld): void {
    this.world = world;
  }

  missing(world: SimWorld): string | undefined {
    const up = world.running().filter(({ isGone }) => !isGone);
    const [first] = up;
    if (first === undefined) return 'nobody runs';
    const { replica } = first.daemon;
    for (const key of ['deployments.apps', 'replicasets.apps', 'replicationcontrollers']) {
      for (const owner of replica.list(key)) {
        const wrong = owner.object.metadata.deletionTimestamp === undefined ? this.owner(first, owner) : 'is being deleted';
        if (wrong !== undefined) return `${owner.key} ${wrong}`;
      }
    }
    const expected = new Map(up.map((host) => [host.node, [] as string[]]));
    for (const pod of replica.list('pods')) {
      const wrong = this.pod(up, first, pod, expected);
      if (wrong !== undefined) return `${pod.key} ${wrong}`;
    }
    for (const host of up) {
      const known = uidsRunning(host).filter((uid) => !wasForgotten(up, host, uid));
      const [runs, should] = [known.join(), (expected.get(host.node) ?? []).sort().join()];
      if (runs !== should) return `${host.node} runs ${runs || 'nothing'}, and should run ${should || 'nothing'}`;
    }
    return undefined;
  }

  private owner(first: Up, owner: DesiredObject): string | undefined {
    const { replica } = first.daemon;
    if (owner.key.startsWith('deployments')) {
      const { spec } = owner.object as Deployment;
      const sets = [...replica.list('replicasets.apps')].filter((set) => ownedBy(set, owner));
      if (sets.some((set) => this.lacksRoom(first, set))) return undefined;
      const wrong = sets.filter((set) => wantedOf(set) !== 0 && !jsonEqual(templateOf(set), spec.template.spec));
      if (wrong.length > 0) return `still asks for ${wrong.map(({ key }) => key).join()}`;
      const asked = sets.reduce((sum, set) => sum + wantedOf(set), 0);
      return asked === (spec.replicas ?? 1) ? undefined : `asks for ${spec.replicas} pods, its ReplicaSets for ${asked}`;
    }
    const pods = [...replica.list('pods')].filter((pod) => ownedBy(pod, owner) && pod.object.kith?.outcome === undefined);
    if (pods.length !== wantedOf(owner))
      return `asks for ${wantedOf(owner)} pods and has ${pods.map(({ key }) => key).join(', ') || 'none'}`;
    const images = pods.filter((pod) => {
      const image = imageOf(pod.object['spec'] as PodSpec) ?? '';
      return image !== imageOf(templateOf(owner)) && this.asked.get(owner.key)?.has(image) !== true;
    });
    return images.length === 0 ? undefined : `has pods of another image: ${images.map(({ key }) => key).join()}`;
  }

  /** Whether a pod of it waits for a node with room: a rollout then stands still, with pods of the old template, as it may not have fewer. */
  private lacksRoom(first: Up, set: DesiredObject): boolean {
    const pods = [...first.daemon.replica.list('pods')].filter((pod) => ownedBy(pod, set));
    return pods.some((pod) => pod.object.kith?.binding === undefined && roomFor(first, pod) === undefined);
  }

  /** Adds what is to run to `expected`. */
  private pod(up: readonly Up[], first: Up, pod: DesiredObject, expected: Map<string, string[]>): string | undefined {
    const { metadata, kith } = pod.object;
    if (metadata.deletionTimestamp !== undefined) return 'is being deleted';
    const node = kith?.binding?.node;
    if (node !== undefined && !expected.has(node)) return `is bound to ${node}, which is none`;
    if (kith?.outcome !== undefined) return undefined;
    if (node === undefined) return roomFor(first, pod) === undefined ? undefined : `has no node, and ${roomFor(first, pod)} has room`;
    if (imageOf(pod.object['spec'] as PodSpec) === SHORT_IMAGE) return 'has not ended yet';
    expected.get(node)?.push(pod.uid);
    for (const { node: observer, daemon } of up) {
      const report = daemon.peer.view.podReport(pod.uid, node);
      const ready = report?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
      if (!ready) return `on ${node} is not ready, as ${observer} sees it: ${report?.status.phase ?? 'no report'}`;
    }
    return undefined;
  }
}

/** Pods of a node that was removed wait 40 s, as upstream. */
export const SOON_MS = 60_000;
/** Before a container that ended is started again, doubled with every end. */
const BACK_OFF_MS = { first: 10_000, most: 300_000 };

/** How long the last of the containers that crashed has yet to wait before it is started again, ms. */
export function longestBackOff({ hosts, clock }: SimWorld): number {
  const leftMs = hosts.flatMap(({ runtime }) =>
    runtime.podUids().flatMap((uid) =>
      (runtime.inspect(uid)?.containers ?? []).map(({ state, attempt, finishedAt }) => {
        if (state !== 'exited' || finishedAt === undefined || attempt === 0) return 0;
        return finishedAt + Math.min(BACK_OFF_MS.most, BACK_OFF_MS.first * 2 ** (attempt - 1)) - clock.now();
      }),
    ),
  );
  return Math.max(0, ...leftMs);
}

/** Uids of pods with running containers, sorted. */
export function uidsRunning({ runtime }: SimHost): string[] {
  return runtime
    .podUids()
    .filter((uid) => runtime.inspect(uid)?.containers.some(({ state }) => state === 'running') === true)
    .sort();
}

/** Whether the host's disk has lost a pod that runs there, and nobody else has it, neither alive nor buried: such a pod is left alone. */
function wasForgotten(up: readonly Up[], { runtime, losses }: SimHost, uid: string): boolean {
  const pod = losses > 0 ? runtime.inspect(uid) : undefined;
  if (pod === undefined) return false;
  const key = objectKey('pods', pod.namespace, pod.name);
  return up.every(({ daemon: { replica } }) => replica.get(key)?.uid !== uid && replica.buriedLife(key) < (lifeOfUid(uid) ?? 0));
}

/** A node on which the pod would fit. */
function roomFor({ daemon }: Up, pod: DesiredObject): string | undefined {
  const { replica, peer } = daemon;
  for (const { spec } of peer.view.members()) {
    const node = replica.get(`nodes//${spec.nodeName}`)?.object as Node | undefined;
    const allocatable = peer.view.nodeReport(spec.nodeName)?.status.allocatable;
    if (node === undefined || node.spec?.unschedulable === true || allocatable === undefined) continue;
    const used = [...replica.list('pods')]
      .filter(({ object }) => object.kith?.binding?.node === spec.nodeName && object.kith.outcome === undefined)
      .reduce((sum, each) => sum + cpuOf(each), 0);
    if (used + cpuOf(pod) <= cpuMillis(String(allocatable['cpu']))) return spec.nodeName;
  }
  return undefined;
}

function ownedBy(object: DesiredObject, owner: DesiredObject): boolean {
  return object.object.metadata.ownerReferences?.some(({ uid, controller }) => uid === owner.uid && controller === true) === true;
}

function templateOf(owner: DesiredObject): PodSpec | undefined {
  return (owner.object as unknown as Deployment).spec.template.spec;
}

function imageOf(spec: PodSpec | undefined): string | undefined {
  return spec?.containers[0]?.image;
}
