import type { Mutation } from '../../protocol/desired.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import { memberKey } from '../../daemon/app/members.ts';
import type { RuntimeEvent } from '../support/simulated-runtime.ts';
import type { Acknowledged, Checker } from './checker.ts';
import type { Fault } from './faults.ts';
import type { SimDaemon, SimHost } from './host.ts';
import type { SimWorld } from './world.ts';
import { FILED } from './workloads.ts';

/** Two writes of one object within this time are of the same moment. */
const AT_ONCE_MS = 250;
/** A container that heeds its stop has ended by then. */
const HEEDED_MS = 900;

/** Counts what only shows in what becomes of it: shapes of the network, ends of containers, what users got. */
export class FaultWatch implements Checker {
  readonly name = 'anytimeFaultsAreCounted';
  private readonly founders: number;
  private shape = '';
  /** Hosts that obeyed a user since the network had this shape; undefined once two sides did. */
  private obeyed: Set<SimHost> | undefined = new Set();
  private readonly counted = new Set<string>();
  private readonly stops = new Map<string, number>();
  private readonly written = new Map<string, { host: SimHost; at: number }>();

  /** @param founders hosts that are there when the storm begins */
  constructor(founders: number) {
    this.founders = founders;
  }

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    this.watchGraves(host, daemon, world);
    const { replica } = daemon;
    replica.onWritten(({ changes, tombstones }) => {
      for (const { key, life } of changes) if (isFiled(key)) this.once(world, 'filed', `${key} ${life}`);
      for (const { key, life } of tombstones) if (isFiled(key)) this.once(world, 'fileTaken', `${key} ${life}`);
    });
  }

  /** What it forgets nobody can tell it of any more. */
  private watchGraves(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    const collect = replica.collectGraves.bind(replica);
    replica.collectGraves = async (others, now) => {
      const count = await collect(others, now);
      world.faults.note('gravesCollected', count);
      const isAway = ({ id, daemon }: SimHost): boolean => daemon === undefined || !world.network.isOpen(host.id, id);
      if (world.lasting().some((other) => other !== host && isAway(other))) world.faults.note('collectedAway', count);
      return count;
    };
  }

  onTick(world: SimWorld): void {
    for (const host of world.running()) {
      const { id, isGone, isVoid, index, daemon } = host;
      if (!isGone && index > this.founders && daemon.peer.view.complete) this.once(world, 'joined', id);
      const isRemoved = isGone && !isVoid && world.running().some((other) => other.daemon.replica.buriedLife(memberKey(id)) > 0);
      if (isRemoved) this.once(world, 'removed', id);
    }
    this.lookAtShape(world);
  }

  onContainer({ node, runtime }: SimHost, { at, what, by, podUid, container, attempt }: RuntimeEvent, { faults }: SimWorld): void {
    const name = `${node} ${podUid} ${container}`;
    if (what === 'stop') this.stops.set(name, at);
    if (what !== 'exit' && what !== 'kill') return;
    const ended = runtime.inspect(podUid)?.containers.find((each) => each.name === container && each.attempt === attempt);
    if (by === 'itself') faults.note(ended?.exitCode === 0 ? 'containerEnded' : 'containerCrashed');
    if (by === 'world') faults.note('containerWiped');
    if (what === 'kill' && by === 'order' && at - (this.stops.get(name) ?? at) > HEEDED_MS) faults.note('stopIgnored');
    this.stops.delete(name);
  }

  onAcknowledged(host: SimHost, { mutations }: Acknowledged, world: SimWorld): void {
    const at = world.clock.monotonic();
    for (const mutation of mutations) {
      const fault = kindOf(mutation);
      if (fault === undefined) continue;
      world.faults.note(fault);
      const before = this.written.get(mutation.key);
      if (before !== undefined && before.host !== host && at - before.at <= AT_ONCE_MS) world.faults.note('atOnce');
      this.written.set(mutation.key, { host, at });
      this.lookAtSides(host, world);
    }
  }

  private lookAtSides(host: SimHost, { network, faults }: SimWorld): void {
    const { obeyed } = this;
    if (obeyed === undefined) return;
    const isCutOff = (other: SimHost): boolean => !network.passes(host.id, other.id) && !network.passes(other.id, host.id);
    if ([...obeyed].some(isCutOff)) {
      faults.note('bothSides');
      this.obeyed = undefined;
    } else obeyed.add(host);
  }

  /** Told once for as long as it lasts. */
  private lookAtShape(world: SimWorld): void {
    const up = world.running().filter(({ isGone }) => !isGone);
    const isOpen = (one: SimHost, other: SimHost): boolean =>
      one === other || (world.network.passes(one.id, other.id) && world.network.passes(other.id, one.id));
    const shape = up.map((one) => up.map((other) => (isOpen(one, other) ? '1' : '0')).join('')).join();
    if (shape === this.shape) return;
    this.shape = shape;
    this.obeyed = new Set();
    const sides: SimHost[][] = [];
    for (const host of up) {
      const near = sides.filter((side) => side.some((other) => isOpen(host, other)));
      for (const side of near) sides.splice(sides.indexOf(side), 1);
      sides.push([host, ...near.flat()]);
    }
    if (sides.length > 1) world.faults.note(sides.length === 2 ? 'twoSides' : 'moreSides');
    const isBridge = (host: SimHost): boolean => {
      const reached = up.filter((other) => isOpen(host, other));
      return reached.some((one) =>
        reached.some((other) => !world.network.passes(one.id, other.id) && !world.network.passes(other.id, one.id)),
      );
    };
    if (up.some(isBridge)) world.faults.note('bridged');
  }

  private once({ faults }: SimWorld, fault: Fault, id: string): void {
    if (this.counted.has(`${fault} ${id}`)) return;
    this.counted.add(`${fault} ${id}`);
    faults.note(fault);
  }
}

/** What the one who wrote it wanted; undefined: it belongs to something else. */
function kindOf(mutation: Mutation): Fault | undefined {
  const isEnd = mutation.type === 'bury' || (mutation.type === 'update' && mutation.next.metadata.deletionTimestamp !== undefined);
  if (isEnd) return mutation.key.startsWith('nodes/') || mutation.key.startsWith('members.') ? undefined : 'deleted';
  if (mutation.type === 'create') return mutation.key.startsWith('members.') ? undefined : 'created';
  const [before, after] = [specOf(mutation.base), specOf(mutation.next)];
  if (after['unschedulable'] === true && before['unschedulable'] !== true) return 'drained';
  if (!jsonEqual(before['template'] ?? null, after['template'] ?? null)) return 'updated';
  return before['replicas'] === after['replicas'] ? 'changed' : 'scaled';
}

function isFiled(key: string): boolean {
  return FILED.some((name) => key.endsWith(`/${name}`));
}

function specOf(object: StoredObject): Record<string, unknown> {
  return (object['spec'] ?? {}) as Record<string, unknown>;
}
