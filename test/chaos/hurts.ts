import type { Random } from '../../daemon/ports/clock.ts';
import type { Lab, LabHost } from '../lab/types.ts';

/** One hurt of a round: when it begins and how long it lasts, after the round's begin. */
export interface PlannedHurt {
  atMs: number;
  forMs: number;
  what: Hurt;
}

export type Hurt =
  | { do: 'unplug' | 'freeze' | 'freeze daemon' | 'kill' | 'kill daemon' | 'stop engine' | 'kill engine' | 'fill disk'; host: number }
  | { do: 'starve'; host: number; cpus: number }
  | { do: 'drop'; host: number; share: number }
  | { do: 'slow'; host: number; kbitPerSecond: number }
  | { do: 'move clock'; host: number; byMs: number }
  | { do: 'cut' | 'cut one way'; from: number[]; to: number[] };

const LEAST_HURTS = 1;
const MOST_HURTS = 4;
const SHORTEST_MS = 500;
const LONGEST_MS = 12_000;
/** Hurts of a host's processes: one at a time a host, else ending one would undo the other. */
const OF_HOSTS = ['freeze', 'freeze daemon', 'kill', 'kill daemon', 'stop engine', 'kill engine', 'fill disk', 'starve'] as const;
/** These go together with any other, and with each other. */
const OF_SURROUNDINGS = ['unplug', 'drop', 'slow', 'move clock', 'cut', 'cut one way'] as const;
/** Frames wait up to a second in the queue of such a line. */
const THIN_LINES = [128, 512, 2_048] as const;
const CLOCK_JUMPS_MS = [-3_600_000, -45_000, -3_000, 3_000, 45_000, 3_600_000] as const;

/**
 * What a round does to these hosts. The same random numbers give the same plan.
 * @param busy hosts whose processes are left alone
 */
export function planHurts(random: Random, hosts: readonly number[], roundMs: number, busy: readonly number[] = []): PlannedHurt[] {
  const among = (most: number): number => Math.floor(random.next() * most);
  const pick = <T>(items: readonly T[]): T => items[among(items.length)]!;
  const free = new Set(hosts.filter((host) => !busy.includes(host)));
  const planned: PlannedHurt[] = [];
  const count = LEAST_HURTS + among(MOST_HURTS - LEAST_HURTS + 1);
  for (let index = 0; index < count; index += 1) {
    const atMs = among(roundMs / 2);
    const forMs = Math.min(SHORTEST_MS + among(LONGEST_MS - SHORTEST_MS), roundMs - atMs);
    if (free.size > 0 && random.next() < 0.5) {
      const host = pick([...free]);
      free.delete(host);
      const kind = pick(OF_HOSTS);
      planned.push({ atMs, forMs, what: kind === 'starve' ? { do: kind, host, cpus: pick([0.05, 0.1, 0.2]) } : { do: kind, host } });
    } else {
      const what = hurtAround(pick(OF_SURROUNDINGS), pick, hosts);
      // The end of the one would end the other.
      if (!planned.some((other) => endsTogether(other.what, what))) planned.push({ atMs, forMs, what });
    }
  }
  return planned.sort((left, right) => left.atMs - right.atMs);
}

function hurtAround(kind: (typeof OF_SURROUNDINGS)[number], pick: <T>(items: readonly T[]) => T, hosts: readonly number[]): Hurt {
  const host = pick(hosts);
  switch (kind) {
    case 'unplug':
      return { do: kind, host };
    case 'drop':
      return { do: kind, host, share: pick([0.1, 0.2, 0.3, 0.4, 0.5]) };
    case 'slow':
      return { do: kind, host, kbitPerSecond: pick(THIN_LINES) };
    case 'move clock':
      return { do: kind, host, byMs: pick(CLOCK_JUMPS_MS) };
    case 'cut':
    case 'cut one way': {
      // Never all: the host next to it stays on the other side.
      const next = hosts[(hosts.indexOf(host) + 1) % hosts.length];
      const from = hosts.filter((each) => each === host || (each !== next && pick([true, true, false, false, false])));
      return { do: kind, from, to: hosts.filter((each) => !from.includes(each)) };
    }
  }
}

function endsTogether(left: Hurt, right: Hurt): boolean {
  if ('from' in left || 'from' in right) return 'from' in left && 'from' in right;
  return left.do === right.do && left.host === right.host;
}

export function hurtText({ what, forMs }: PlannedHurt): string {
  const seconds = `for ${(forMs / 1_000).toFixed(1)} s`;
  if ('from' in what) return `${what.do}: ${what.from.join(' ')} from ${what.to.join(' ')} ${seconds}`;
  return `${what.do} host-${what.host}${howMuch(what)} ${seconds}`;
}

function howMuch(what: Hurt): string {
  switch (what.do) {
    case 'starve':
      return ` to ${what.cpus} CPU`;
    case 'drop':
      return ` ${Math.round(what.share * 100)} %`;
    case 'slow':
      return ` to ${what.kbitPerSecond} kbit/s`;
    case 'move clock':
      return ` by ${what.byMs / 1_000} s`;
    default:
      return '';
  }
}

/** Whether containers of the host end by it. */
export function endsContainers(what: Hurt): boolean {
  return what.do === 'kill' || what.do === 'stop engine' || what.do === 'kill engine';
}

export async function begin(lab: Lab, what: Hurt): Promise<void> {
  if ('from' in what) return lab.network.cut(hostsOf(lab, what.from), hostsOf(lab, what.to), { oneWay: what.do === 'cut one way' });
  const host = lab.host(what.host);
  switch (what.do) {
    case 'unplug':
      return lab.network.unplug(host);
    case 'drop':
      return lab.network.drop(host, what.share);
    case 'slow':
      return lab.network.slow(host, { kbitPerSecond: what.kbitPerSecond });
    case 'move clock':
      return host.moveClock(what.byMs);
    case 'freeze':
      return host.freeze();
    case 'freeze daemon':
      return host.freezeDaemon();
    case 'kill':
      return host.kill();
    case 'kill daemon':
      return host.killDaemon();
    case 'stop engine':
      return host.stopEngine();
    case 'kill engine':
      return host.stopEngine('SIGKILL');
    case 'fill disk':
      return host.fillDisk();
    case 'starve':
      return host.starve(what.cpus);
  }
}

export async function end(lab: Lab, what: Hurt): Promise<void> {
  if ('from' in what) return lab.network.uncut(hostsOf(lab, what.from), hostsOf(lab, what.to));
  const host = lab.host(what.host);
  switch (what.do) {
    case 'unplug':
      return lab.network.plug(host);
    case 'drop':
      return lab.network.drop(host, 0);
    case 'slow':
      return lab.network.slow(host, undefined);
    case 'move clock':
      return host.moveClock(0);
    case 'freeze':
      return host.thaw();
    case 'freeze daemon':
      return host.thawDaemon();
    case 'kill':
      return host.start();
    case 'kill daemon':
      return host.startDaemon();
    case 'stop engine':
    case 'kill engine':
      return host.startEngine();
    case 'fill disk':
      return host.freeDisk();
    case 'starve':
      return host.starve(undefined);
  }
}

function hostsOf(lab: Lab, numbers: readonly number[]): LabHost[] {
  return numbers.map((number) => lab.host(number));
}
