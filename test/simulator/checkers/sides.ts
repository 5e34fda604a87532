import { memberKey } from '../../../daemon/app/members.ts';
import { admitterOf, MEMBERS } from '../../../daemon/core/cluster/membership.ts';
import type { WriteResult } from '../../../protocol/desired.ts';
import type { DesiredObject, Tombstone } from '../../../protocol/objects.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { hasProved } from './views.ts';
import { cleanSides, onlyBeats } from './ways.ts';

/** All on a side are connected: a leader that falls silent is replaced in less than a second, an announcement that was lost is repeated after 5 s. */
const STABLE_MS = 6_000;

/** Each side of a clean cut follows one leader, one of its own, soon after the sides are what they are. */
export class AnytimeOneLeaderASide implements Checker {
  readonly name = 'anytimeOneLeaderASide';
  private sides = '';
  private since = 0;

  onTick(world: SimWorld): void {
    const sides = cleanSides(world);
    const now = world.clock.monotonic();
    // Restarts count as changes, too.
    const text = sides?.map((side) => side.map(({ id, incarnation }) => `${id}#${incarnation}`).join()).join(' | ') ?? 'mixed';
    // A redial may take 15 s.
    const isWhole = sides?.every((side) => areConnected(world, side)) === true;
    // One that stood still speaks as it goes on, though it die in the same moment.
    const hasSpoken = world.hosts.some(({ thawedAt }) => thawedAt > this.since);
    if (text !== this.sides || !isWhole || hasSpoken || world.network.gossipLoss > 0 || world.lasting().some(onlyBeats)) {
      this.sides = text;
      this.since = now;
    }
    if (sides === undefined || now - this.since < STABLE_MS) return;
    for (const side of sides) {
      // Who does not hold the whole state can't lead, and need not be followed.
      if (!side.some(hasProved)) continue;
      const leaders = new Set(side.map(({ daemon }) => daemon?.peer.view.leader.peer ?? ''));
      const [leader = ''] = leaders;
      // One that was removed on another side leads here until it hears so.
      const isUnheard = world.running().some(({ id, isGone, daemon }) => id === leader && isGone && !daemon.peer.view.removed);
      if (leaders.size === 1 && (isUnheard || side.some(({ id }) => id === leader))) continue;
      const named = side.map(({ node, daemon }) => `${node} follows ${daemon?.peer.view.leader.peer || 'nobody'}`).join(', ');
      throw new Violation(this.name, `the sides are the same for ${STABLE_MS / 1000} s, and ${named}`);
    }
  }
}

function areConnected({ network }: SimWorld, side: readonly SimHost[]): boolean {
  return side.every((one) => side.every((other) => one === other || network.connected(one.id, other.id)));
}

/** Who says that it holds the whole state has all that everybody held when it started from whom it could take it. */
export class AnytimeTheCompleteHaveAll implements Checker {
  readonly name = 'anytimeTheCompleteHaveAll';
  private readonly starting = new Map<SimDaemon, { host: SimHost; keys: Set<string> }>();
  private readonly sources = new WeakSet<SimDaemon>();

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    if (hasProved(host)) return;
    // Among them is who was removed and has not heard so yet: one that was cut off may be the only one that the host reaches.
    const others = world.running().filter((other) => other !== host && hasProved(other) && !other.daemon.peer.view.removed);
    const [first, ...rest] = others.map(({ daemon: { replica } }) => new Set([...replica.all()].map(({ key }) => key)));
    const keys = new Set([...(first ?? [])].filter((key) => rest.every((held) => held.has(key))));
    this.starting.set(daemon, { host, keys });
  }

  onTick(world: SimWorld): void {
    this.lookForSources(world);
    for (const [daemon, { host, keys }] of this.starting) {
      if (host.daemon !== daemon) this.starting.delete(daemon);
      if (host.daemon !== daemon || !hasProved(host)) continue;
      this.starting.delete(daemon);
      for (const key of keys) {
        if (daemon.replica.get(key) !== undefined || daemon.replica.buriedLife(key) > 0) continue;
        const holder = world.lasting().find((other) => other !== host && other.daemon?.replica.get(key) !== undefined);
        if (holder === undefined) continue;
        const has = `${holder.node} has had ${key} since before it started`;
        throw new Violation(this.name, `${host.node} says that it holds the whole state, and does not have all of it: ${has}`);
      }
    }
  }

  /** Who comes back meanwhile, complete by what it proved in an earlier life, has what it had when it went, and may be taken from. */
  private lookForSources(world: SimWorld): void {
    for (const source of world.running()) {
      const { daemon } = source;
      if (this.sources.has(daemon) || !hasProved(source) || daemon.peer.view.removed) continue;
      this.sources.add(daemon);
      for (const { host, keys } of this.starting.values()) {
        if (host !== source) for (const key of keys) if (daemon.replica.get(key) === undefined) keys.delete(key);
      }
    }
  }
}

/** The grave of a removed member names all whom it had let in as far as its writer knew: these stay. */
export class AnytimeGravesNameTheAdmitted implements Checker {
  readonly name = 'anytimeGravesNameTheAdmitted';

  onBoot({ node }: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    const write = replica.write.bind(replica);
    replica.write = (mutations) => {
      const members = [...replica.list(MEMBERS)];
      const writing = write(mutations);
      const look = ({ envelope }: WriteResult): void => world.guard(() => this.look(node, envelope?.tombstones ?? [], members, replica));
      writing.then(look, () => undefined);
      return writing;
    };
  }

  private look(node: string, graves: readonly Tombstone[], before: readonly DesiredObject[], replica: SimDaemon['replica']): void {
    for (const { key, admitted } of graves) {
      if (admitted === undefined) continue;
      const known = before.filter(({ object }) => memberKey(admitterOf(object) ?? '') === key && !admitted.includes(object.metadata.name));
      const left = known.find((member) => replica.get(member.key) !== undefined);
      if (left !== undefined) throw new Violation(this.name, `${node} writes a grave ${key} that does not name ${left.key}, which it knew`);
    }
  }
}

/** Who was removed, or let in by one that was, unseen by its remover, knows it in the end, and runs nothing. */
export class FinallyTheRemovedRunNothing implements Checker {
  readonly name = 'finallyTheRemovedRunNothing';

  atRest(world: SimWorld): void {
    for (const host of world.running()) {
      if (!host.isGone || !mustKnow(world, host)) continue;
      const { node, daemon, runtime } = host;
      const running = runtime.podUids().filter((uid) => runtime.inspect(uid)?.containers.some(({ state }) => state === 'running') === true);
      if (!daemon.peer.view.removed) throw new Violation(this.name, `${node} is no member any more, and does not know it`);
      if (running.length > 0) throw new Violation(this.name, `${node} is no member any more, and still runs ${running.join(', ')}`);
    }
  }
}

/** Of a void admission may know only who gave it: where that one runs no more, nobody tells. */
function mustKnow(world: SimWorld, { id, isVoid, admittedBy }: SimHost): boolean {
  return (
    !isVoid || world.running().some((host) => (host.isGone ? host.id === admittedBy : host.daemon.replica.buriedLife(memberKey(id)) > 0))
  );
}
