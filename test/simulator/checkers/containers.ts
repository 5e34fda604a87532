import { lifeOfUid } from '../../../protocol/identity.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ReplicaSet } from '../../../protocol/types.ts';
import { cpuMillis } from '../../../protocol/values/quantity.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { hasProved } from './views.ts';

/** Of an order to stop: another pod that fills its slot is ready, as its node says. */
export const REPLACED = 'its replacement is ready';

/** Why the daemon may stop the pod, by its own merged state; undefined: it may not. Read off the objects anew, not by the agent's rules. */
export function orderToStop(daemon: SimDaemon, node: string, uid: string, key: string): string | undefined {
  const { replica, peer } = daemon;
  if (peer.view.removed) return 'its host was removed';
  const desired = replica.get(key);
  if (desired?.uid !== uid) return replica.buriedLife(key) >= (lifeOfUid(uid) ?? Infinity) ? 'it is buried' : undefined;
  const { metadata, kith } = desired.object;
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  if (kith?.outcome !== undefined) return 'it has ended';
  if (kith?.binding !== undefined && kith.binding.node !== node) return 'it is bound elsewhere';
  const slot = kith?.slot;
  const owner = ownerOf(daemon, desired);
  if (slot === undefined || owner === undefined) return undefined;
  if (owner.object.kith?.retired?.includes(slot.slot) === true) return 'its slot is retired';
  const state = owner.object.kith?.slots?.[String(slot.slot)];
  if (state?.done !== undefined) return 'its completion has come to its end';
  if (state === undefined || state.generation === slot.generation) return undefined;
  for (const other of replica.list('pods')) {
    const fills = other.object.kith?.slot;
    if (fills?.owner !== owner.uid || fills.slot !== slot.slot || fills.generation !== state.generation) continue;
    const report = peer.view.podReport(other.uid, other.object.kith?.binding?.node ?? '');
    if (report?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) return REPLACED;
  }
  return undefined;
}

const RESOURCES: Record<string, string> = {
  ReplicaSet: 'replicasets.apps',
  StatefulSet: 'statefulsets.apps',
  DaemonSet: 'daemonsets.apps',
  Job: 'jobs.batch',
};

export function ownerOf({ replica }: SimDaemon, pod: DesiredObject): DesiredObject | undefined {
  const reference = pod.object.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const resource = RESOURCES[reference?.kind ?? ''] ?? 'replicationcontrollers';
  const owner = replica.get(objectKey(resource, pod.object.metadata.namespace ?? '', reference?.name ?? ''));
  return owner?.uid === reference?.uid ? owner : undefined;
}

function keyOf(host: SimHost, uid: string): string {
  const pod = host.runtime.inspect(uid);
  return objectKey('pods', pod?.namespace ?? '', pod?.name ?? '');
}

/** No container is stopped but by an order: loss of contact, a restart or an empty view is none. */
export class AnytimeStoppedByOrder implements Checker {
  readonly name = 'anytimeStoppedByOrder';
  private readonly engines = new Set<SimHost>();
  /** What was wrong with stopping a pod when the daemon told its engine to, by node and uid. Desired state may change before the engine is through. */
  private readonly asked = new Map<string, string | undefined>();

  onBoot(host: SimHost): void {
    if (this.engines.has(host)) return;
    this.engines.add(host);
    const { runtime } = host;
    const [stop, remove] = [runtime.stopContainer.bind(runtime), runtime.removePod.bind(runtime)];
    runtime.stopContainer = (uid, ...rest) => {
      this.asked.set(`${host.node} ${uid}`, this.wrongWith(host, uid));
      return stop(uid, ...rest);
    };
    runtime.removePod = (uid, ...rest) => {
      this.asked.set(`${host.node} ${uid}`, this.wrongWith(host, uid));
      return remove(uid, ...rest);
    };
  }

  onContainer(host: SimHost, { what, by, podUid }: RuntimeEvent): void {
    const isStop = what === 'stop' || (what === 'kill' && by === 'order');
    if (!isStop || host.daemon === undefined) return;
    const name = `${host.node} ${podUid}`;
    const wrong = this.asked.has(name) ? this.asked.get(name) : this.wrongWith(host, podUid);
    if (wrong !== undefined) throw new Violation(this.name, wrong);
  }

  private wrongWith(host: SimHost, uid: string): string | undefined {
    const { daemon, node } = host;
    const key = keyOf(host, uid);
    // Who was removed hears so whatever it holds.
    if (!hasProved(host) && daemon?.peer.view.removed !== true) return `${node} stops ${key} though it does not hold the whole state`;
    if (daemon !== undefined && orderToStop(daemon, node, uid, key) === undefined)
      return `${node} stops ${key} (${uid}), and its desired state does not say so`;
    return undefined;
  }
}

/** Longer than a call takes to reach the engine. */
const CALL_MS = 100;

/** What two sides decided has met by then, once nothing is wrong with the network. */
const MERGED_MS = 30_000;

/** A container starts again only after it ended of itself or by the world; and never twice at once. */
export class AnytimeRestartedForCause implements Checker {
  readonly name = 'anytimeRestartedForCause';
  private readonly ended = new Map<string, { by: RuntimeEvent['by']; losses: number; home: string | undefined }>();
  /** When a container was told to stop: how often the disk of its host had lost something, which it may do again before that one has, and which node its pod was bound to. */
  private readonly asked = new Map<string, { losses: number; home: string | undefined }>();
  private readonly engines = new Set<SimHost>();
  /** As what a pod had ended, by its host's word, when its start was asked for: it may hear so while the engine is at it. */
  private readonly ends = new Map<string, string>();

  onBoot(host: SimHost): void {
    if (this.engines.has(host)) return;
    this.engines.add(host);
    const start = host.runtime.startContainer.bind(host.runtime);
    host.runtime.startContainer = (spec, signal) => {
      const { uid, name, namespace } = spec.pod;
      const desired = host.daemon?.replica.get(objectKey('pods', namespace, name));
      const phase = desired?.uid === uid ? desired.object.kith?.outcome?.phase : undefined;
      if (phase === undefined) this.ends.delete(`${host.node} ${uid}`);
      else this.ends.set(`${host.node} ${uid}`, phase);
      return start(spec, signal);
    };
  }

  onContainer(host: SimHost, event: RuntimeEvent, { network, clock }: SimWorld): void {
    const container = `${host.node} ${event.podUid} ${event.container}`;
    // A call that was on its way to the engine when its daemon died was made before that, and before what was lost with it.
    const isLate = host.daemon === undefined && event.at - host.lostAt < CALL_MS;
    const now = { losses: host.losses, home: homeOf(host, event.podUid) };
    if (event.what === 'stop') this.asked.set(container, isLate ? { ...now, losses: host.losses - 1 } : now);
    if (event.what === 'exit' || event.what === 'kill') this.ended.set(container, { by: event.by, ...(this.asked.get(container) ?? now) });
    if (event.what !== 'start') return;
    this.asked.delete(container);
    const name = `${keyOf(host, event.podUid)} on ${host.node}`;
    const running =
      host.runtime.inspect(event.podUid)?.containers.filter(({ name: of, state }) => of === event.container && state === 'running') ?? [];
    if (running.length > 1) throw new Violation(this.name, `two attempts of ${name} run at once`);
    const before = this.ended.get(container);
    const phase = this.ends.get(`${host.node} ${event.podUid}`);
    if (phase !== undefined) throw new Violation(this.name, `${name} is started, though the pod has ended: ${phase}`);
    // It was ended for another node, and of two bindings, of two sides of a cut, this one counts after all.
    const isMerged = network.isTroubled(clock.monotonic() - MERGED_MS);
    const isBoundAgain = isMerged && before?.home !== undefined && before.home !== host.node && now.home === host.node;
    // A disk that lost its last writes may have lost the order with them: what is bound to a node runs until it hears otherwise.
    if (before?.by === 'order' && before.losses === host.losses && !isBoundAgain)
      throw new Violation(this.name, `${name} was stopped by order and starts again as attempt ${event.attempt}`);
  }
}

function homeOf({ runtime, daemon }: SimHost, uid: string): string | undefined {
  const pod = runtime.inspect(uid);
  const desired = pod === undefined ? undefined : daemon?.replica.get(objectKey('pods', pod.namespace, pod.name));
  return desired?.uid === uid ? desired.object.kith?.binding?.node : undefined;
}

/** What runs on a node by right (bound to it, alive) fits it at every moment. */
export class AnytimeNodesFit implements Checker {
  readonly name = 'anytimeNodesFit';

  onContainer(host: SimHost, event: RuntimeEvent): void {
    if (event.what !== 'start' || host.daemon === undefined) return;
    const { replica } = host.daemon;
    let milli = 0;
    const counted: string[] = [];
    for (const uid of host.runtime.podUids()) {
      const desired = replica.get(keyOf(host, uid));
      const isOurs = desired?.uid === uid && desired.object.kith?.binding?.node === host.node && desired.object.kith.outcome === undefined;
      if (!isOurs || host.runtime.inspect(uid)?.containers.every(({ state }) => state !== 'running') !== false) continue;
      milli += cpuOf(desired);
      counted.push(desired.key);
    }
    const capacity = cpuMillis(String(host.facts.allocatable['cpu']));
    if (milli > capacity) throw new Violation(this.name, `${host.node} runs ${milli}m of CPU on ${capacity}m: ${counted.join(', ')}`);
  }
}

/** CPU that a pod asks for, in thousandths. */
export function cpuOf(pod: DesiredObject): number {
  const { containers } = pod.object['spec'] as { containers: { resources?: { requests?: Record<string, string> } }[] };
  return containers.reduce((sum, { resources }) => sum + cpuMillis(resources?.requests?.['cpu'] ?? '0'), 0);
}

/** What an owner with slots asks for. */
export function wantedOf(owner: DesiredObject): number {
  return (owner.object as ReplicaSet).spec.replicas ?? 1;
}
