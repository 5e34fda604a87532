import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { hasProved } from './views.ts';
import { cleanSides } from './ways.ts';

/** A redial may take 15 s, a mute leader is given 8 s, an announcement that was lost is repeated after 5 s. */
const STABLE_MS = 30_000;

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
    if (text !== this.sides || world.network.gossipLoss > 0) {
      this.sides = text;
      this.since = now;
    }
    if (sides === undefined || now - this.since < STABLE_MS) return;
    for (const side of sides) {
      // Who does not hold the whole state can't lead, and need not be followed.
      if (!side.some(hasProved)) continue;
      const leaders = new Set(side.map(({ daemon }) => daemon?.peer.view.leader.peer ?? ''));
      const [leader = ''] = leaders;
      if (leaders.size === 1 && side.some(({ id }) => id === leader)) continue;
      const named = side.map(({ node, daemon }) => `${node} follows ${daemon?.peer.view.leader.peer || 'nobody'}`).join(', ');
      throw new Violation(this.name, `the sides are the same for ${STABLE_MS / 1000} s, and ${named}`);
    }
  }
}

/** Who says that it holds the whole state has all that everybody else held when it started. */
export class AnytimeTheCompleteHaveAll implements Checker {
  readonly name = 'anytimeTheCompleteHaveAll';
  private readonly starting = new Map<SimDaemon, { host: SimHost; keys: Set<string> }>();

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    if (hasProved(host)) return;
    const others = world.lasting().filter((other) => other !== host && hasProved(other) && other.daemon !== undefined);
    const [first, ...rest] = others.map((other) => new Set([...(other.daemon?.replica.all() ?? [])].map(({ key }) => key)));
    const keys = new Set([...(first ?? [])].filter((key) => rest.every((held) => held.has(key))));
    this.starting.set(daemon, { host, keys });
  }

  onTick(world: SimWorld): void {
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
}

/** Who was removed knows it in the end, and runs nothing. */
export class FinallyTheRemovedRunNothing implements Checker {
  readonly name = 'finallyTheRemovedRunNothing';

  atRest(world: SimWorld): void {
    for (const { node, isGone, daemon, runtime } of world.running()) {
      if (!isGone) continue;
      const running = runtime.podUids().filter((uid) => runtime.inspect(uid)?.containers.some(({ state }) => state === 'running') === true);
      if (!daemon.peer.view.removed) throw new Violation(this.name, `${node} was removed, and does not know it`);
      if (running.length > 0) throw new Violation(this.name, `${node} was removed, and still runs ${running.join(', ')}`);
    }
  }
}
