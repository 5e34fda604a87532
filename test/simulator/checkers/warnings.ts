import type { Mutation } from '../../../protocol/desired.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { hasProved } from './views.ts';

/** What is promised, whatever the daemon's settings say; and what its own disk and a look every half second may add. */
const ANSWER_MS = 2_000;
const SLACK_MS = 1_000;
/** Who is heard again is known to be there by then. */
const SOUND_MS = 5_000;

interface Asked {
  host: SimHost;
  daemon: SimDaemon;
  keys: string;
  at: number;
}

/** A write is answered in time; and with a warning only where no other member could have confirmed it. */
export class AnytimeWarnedForCause implements Checker {
  readonly name = 'anytimeWarnedForCause';
  private readonly open = new Set<Asked>();
  /** When a host, or what is between two, was last not as it should be. */
  private readonly unsoundAt = new Map<string, number>();

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    this.unsoundAt.set(host.id, world.clock.monotonic());
    const { writer } = daemon.peer;
    const write = writer.write.bind(writer);
    writer.write = (mutations) => {
      const asked = { host, daemon, keys: keysOf(mutations), at: world.clock.monotonic() };
      this.open.add(asked);
      const writing = write(mutations);
      const answered = (warnings: readonly string[]): void => {
        this.open.delete(asked);
        world.guard(() => this.look(asked, warnings, world));
      };
      writing.then(
        ({ warnings }) => answered(warnings),
        () => answered([]),
      );
      return writing;
    };
  }

  onTick(world: SimWorld): void {
    this.sample(world);
    for (const asked of this.open) {
      if (asked.host.daemon === asked.daemon) this.lookAtTime(asked, world);
      else this.open.delete(asked);
    }
  }

  private look(asked: Asked, warnings: readonly string[], world: SimWorld): void {
    const { host, daemon, keys, at } = asked;
    if (host.daemon !== daemon) return;
    this.sample(world);
    this.lookAtTime(asked, world);
    if (warnings.length === 0) return;
    const other = world.hosts.find(({ id }) => id !== host.id && this.isSoundSince(at - SOUND_MS, host.id, id, pairOf(host.id, id)));
    if (other === undefined) return;
    throw new Violation(
      this.name,
      `${host.node} answers ${keys} with a warning, and ${other.node} was there all the time: ${warnings.join()}`,
    );
  }

  private lookAtTime({ host, keys, at }: Asked, world: SimWorld): void {
    const tookMs = Math.round(world.clock.monotonic() - at);
    if (tookMs <= ANSWER_MS + SLACK_MS || !this.isSoundSince(at, host.id)) return;
    throw new Violation(this.name, `${host.node} has not answered ${keys} within ${ANSWER_MS / 1000} s: ${tookMs} ms have passed`);
  }

  private isSoundSince(since: number, ...names: string[]): boolean {
    return names.every((name) => (this.unsoundAt.get(name) ?? Infinity) < since);
  }

  private sample(world: SimWorld): void {
    const { hosts, network, clock } = world;
    const now = clock.monotonic();
    const ill = new Set(hosts.filter((host) => !isUp(host)));
    for (const [index, one] of hosts.entries()) {
      if (ill.has(one)) this.unsoundAt.set(one.id, now);
      for (const other of hosts.slice(index + 1)) {
        const isSound = network.isSound(one.id, other.id) && network.isSound(other.id, one.id) && network.connected(one.id, other.id);
        const pair = pairOf(one.id, other.id);
        if (!isSound || !this.unsoundAt.has(pair)) this.unsoundAt.set(pair, now);
      }
    }
  }
}

/** A full member whose daemon and disk are well. */
function isUp(host: SimHost): boolean {
  const { daemon, disk, isGone } = host;
  if (isGone || daemon === undefined || daemon.isStopping === true || daemon.clock['frozen'] || daemon.worker['frozen']) return false;
  return disk.slowMs === 0 && !disk.isFull && hasProved(host);
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

function keysOf(mutations: readonly Mutation[]): string {
  return mutations.map(({ type, key }) => `${type} ${key}`).join(', ');
}
