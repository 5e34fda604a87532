import { KithError } from '../../../protocol/errors.ts';
import { STORE_KEYS } from '../../../daemon/app/store-keys.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { KubeObject } from '../../../protocol/objects.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import { FORGED, FORGED_INCARNATION } from '../forging.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/** Whether its disk says that it held the whole desired state at some time: read there, not asked of the daemon. */
export function hasProved({ disk }: SimHost): boolean {
  return disk.records.has(STORE_KEYS.complete);
}

/** A peer that has not proved that its state is complete writes nothing of its own accord: users' requests and its own member aside. */
export class AnytimeEmptyViewIsNoOrder implements Checker {
  readonly name = 'anytimeEmptyViewIsNoOrder';

  onBoot(host: SimHost, { replica, peer }: SimDaemon, world: SimWorld): void {
    const write = replica.write.bind(replica);
    let users = 0;
    const userWrite = peer.writer.write.bind(peer.writer);
    peer.writer.write = (mutations) => {
      users += 1;
      return userWrite(mutations).finally(() => (users -= 1));
    };
    replica.write = (mutations) => {
      world.guard(() => {
        if (hasProved(host) || users > 0) return;
        // That a pod of its own has ended is a fact, and no order.
        const orders = mutations.filter((mutation) => !(mutation.type === 'update' && mutation.next.kith?.outcome !== undefined));
        if (orders.length === 0) return;
        const keys = orders.map(({ type, key }) => `${type} ${key}`).join(', ');
        throw new Violation(this.name, `${host.node} does not hold the whole state, and writes: ${keys}`);
      });
      return write(mutations);
    };
  }
}

/** Facts of a node come from that node alone. */
export class AnytimeOnlyTheOwnerSpeaks implements Checker {
  readonly name = 'anytimeOnlyTheOwnerSpeaks';

  onTick(world: SimWorld): void {
    for (const { node, daemon } of world.running()) {
      const what = believed(daemon);
      if (what !== undefined) throw new Violation(this.name, `${node} believes ${what}`);
    }
  }
}

/** What of what was said in another's name. */
function believed({ replica, peer: { view, objects } }: SimDaemon): string | undefined {
  for (const { incarnation, spec, death } of view.members()) {
    const { nodeName } = spec;
    // Who is declared dead in an incarnation that it never had refutes that in a higher one.
    if (incarnation >= FORGED_INCARNATION || (death?.incarnation ?? 0) >= FORGED_INCARNATION)
      return `an incarnation of ${nodeName} that another made up`;
    if (view.nodeReport(nodeName)?.version === FORGED) return `what another says of ${nodeName}`;
    if (view.podReport(FORGED, nodeName) !== undefined) return `in a pod on ${nodeName} of which another speaks`;
  }
  for (const { key, uid, object } of replica.list('pods')) {
    const node = object.kith?.binding?.node ?? '';
    if (view.podReport(uid, node)?.status.message === FORGED) return `what another says of ${key} on ${node}`;
  }
  return objects.get(objectKey('events', 'default', FORGED)) === undefined
    ? undefined
    : 'an Event that another tells in the name of a node';
}

/** A peer's idea of the election's term never goes back while it runs, and who begins to lead does so in a term of its own. */
export class AnytimeTermsGrow implements Checker {
  readonly name = 'anytimeTermsGrow';
  private readonly terms = new Map<SimDaemon, { term: number; isSelf: boolean }>();

  onTick(world: SimWorld): void {
    for (const { node, daemon } of world.running()) {
      const { term, isSelf } = daemon.peer.view.leader;
      const before = this.terms.get(daemon) ?? { term: 0, isSelf: false };
      if (term < before.term) throw new Violation(this.name, `${node} went back from term ${before.term} to ${term}`);
      if (isSelf && !before.isSelf && term === before.term)
        throw new Violation(this.name, `${node} leads in term ${term}, which was another's`);
      this.terms.set(daemon, { term, isSelf });
    }
  }
}

const WATCHED = ['pods', 'events', 'deployments.apps', 'nodes'];
/** The first so many of them hang up now and then. */
const RESUMED = 2;

/** Lists are costly; what a watch dropped stays missing. */
const COMPARE_EVERY_TICKS = 10;

/** Events are kept for longer (`RING_LIMITS`). */
const KEPT_MS = 60_000;
/** 8 s. */
const RESUME_EVERY_TICKS = 16;
/** What happens meanwhile it is to hear when it is back. */
const AWAY_MS = 1_500;

interface Mirror {
  resource: string;
  items: Map<string, KubeObject>;
  version: bigint;
  /** When that came. */
  at: number;
  isAway: boolean;
  hangUp: () => void;
}

/**
 * A client that lists once and then only watches holds what a list shows: nothing dropped, repeated or out of order. Some hang up now and then, and go on from the last version that they
 * have.
 */
export class AnytimeWatchesAreComplete implements Checker {
  readonly name = 'anytimeWatchesAreComplete';
  private readonly mirrors = new Map<SimDaemon, Mirror[]>();
  private ticks = 0;

  onTick(world: SimWorld): void {
    this.ticks += 1;
    for (const { node, daemon } of world.running()) {
      if (daemon.isStopping === true) continue;
      const known = this.mirrors.get(daemon);
      if (this.ticks % RESUME_EVERY_TICKS === 0)
        for (const mirror of known?.slice(0, RESUMED) ?? []) this.hangUp(node, daemon, mirror, world);
      if (known !== undefined && this.ticks % COMPARE_EVERY_TICKS > 0) continue;
      const mirrors = known ?? this.follow(node, daemon, world);
      for (const mirror of mirrors) {
        const listed = daemon.peer.objects.list(mirror.resource);
        world.clock.after(2, () => {
          if (daemon.isStopping !== true && !mirror.isAway) this.compare(node, mirror, listed.items, BigInt(listed.resourceVersion));
        });
      }
    }
  }

  private follow(node: string, daemon: SimDaemon, world: SimWorld): Mirror[] {
    const mirrors = WATCHED.map((resource): Mirror => {
      const { items, resourceVersion } = daemon.peer.objects.list(resource);
      const version = BigInt(resourceVersion);
      const mirror = {
        resource,
        items: new Map(items.map((item) => [nameOf(item), item])),
        version,
        at: world.clock.monotonic(),
        isAway: false,
        hangUp: () => undefined,
      };
      this.resume(node, daemon, mirror, world);
      return mirror;
    });
    this.mirrors.set(daemon, mirrors);
    return mirrors;
  }

  private hangUp(node: string, daemon: SimDaemon, mirror: Mirror, world: SimWorld): void {
    // Its daemon stands still, and it waits to be back.
    if (mirror.isAway) return;
    mirror.hangUp();
    mirror.isAway = true;
    // Not where the daemon is dead by then.
    daemon.clock.after(AWAY_MS, () => (daemon.isStopping === true ? undefined : this.resume(node, daemon, mirror, world)));
  }

  private resume(node: string, daemon: SimDaemon, mirror: Mirror, world: SimWorld): void {
    mirror.isAway = false;
    const ending = new AbortController();
    mirror.hangUp = () => ending.abort();
    // It ends as it is hung up on, at the latest with its daemon.
    this.watch(node, daemon, mirror, ending.signal, world).catch((error: unknown) => {
      if (ending.signal.aborted) return;
      // Of what is old nothing is promised.
      const isOld = world.clock.monotonic() - mirror.at > KEPT_MS;
      if (isOld && error instanceof KithError && error.code === 'Expired') this.mirrors.delete(daemon);
      else world.guard(() => this.fail(node, mirror, `ends: ${String(error)}`));
    });
  }

  private async watch(node: string, daemon: SimDaemon, mirror: Mirror, signal: AbortSignal, world: SimWorld): Promise<void> {
    for await (const { type, object } of daemon.peer.objects.watch(mirror.resource, String(mirror.version), signal)) {
      if (signal.aborted) return;
      const name = nameOf(object);
      const version = BigInt(object.metadata.resourceVersion ?? '0');
      const fail = (how: string): void => world.guard(() => this.fail(node, mirror, `${type} ${name} ${how}`));
      if (version <= mirror.version) fail(`has version ${version} after ${mirror.version}`);
      if (type === 'ADDED' && mirror.items.has(name)) fail('is there already');
      if (type !== 'ADDED' && !mirror.items.has(name)) fail('was not there');
      mirror.version = version;
      mirror.at = world.clock.monotonic();
      if (type === 'DELETED') mirror.items.delete(name);
      else mirror.items.set(name, object);
    }
  }

  private compare(node: string, mirror: Mirror, listed: readonly KubeObject[], at: bigint): void {
    const names = new Set(listed.map(nameOf));
    for (const item of listed) {
      const version = BigInt(item.metadata.resourceVersion ?? '0');
      const held = BigInt(mirror.items.get(nameOf(item))?.metadata.resourceVersion ?? '0');
      if (held < version && mirror.version <= at)
        this.fail(node, mirror, `${nameOf(item)} has version ${version} in a list, ${held} by watching`);
    }
    for (const [name, { metadata }] of mirror.items) {
      if (!names.has(name) && BigInt(metadata.resourceVersion ?? '0') <= at)
        this.fail(node, mirror, `${name} is gone from the list, not by watching`);
    }
  }

  private fail(node: string, { resource }: Mirror, how: string): never {
    throw new Violation(this.name, `a watch of ${resource} at ${node}: ${how}`);
  }
}

function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
