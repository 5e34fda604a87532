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
  | { do: 'cut' | 'cut one way'; from: number[]; to: number[] };

const LEAST_HURTS = 1;
const MOST_HURTS = 4;
const SHORTEST_MS = 500;
const LONGEST_MS = 12_000;
/** Hurts of a host's processes: one at a time a host, else ending one would undo the other. */
const OF_HOSTS = ['freeze', 'freeze daemon', 'kill', 'kill daemon', 'stop engine', 'kill engine', 'fill disk', 'starve'] as const;
const OF_LINKS = ['unplug', 'drop', 'cut', 'cut one way'] as const;

/** What a round does to the hosts. The same random numbers give the same plan. */
export function planHurts(random: Random, hosts: number, roundMs: number): PlannedHurt[] {
  const among = (most: number): number => Math.floor(random.next() * most);
  const pick = <T>(items: readonly T[]): T => items[among(items.length)]!;
  const free = new Set(Array.from({ length: hosts }, (_, index) => index + 1));
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
      const what = linkHurt(pick(OF_LINKS), random, hosts);
      // The end of the one would end the other.
      if (!planned.some((other) => endsTogether(other.what, what))) planned.push({ atMs, forMs, what });
    }
  }
  return planned.sort((left, right) => left.atMs - right.atMs);
}

function linkHurt(kind: (typeof OF_LINKS)[number], random: Random, hosts: number): Hurt {
  const host = 1 + Math.floor(random.next() * hosts);
  if (kind === 'unplug') return { do: kind, host };
  if (kind === 'drop') return { do: kind, host, share: 0.1 + Math.floor(random.next() * 5) / 10 };
  const all = Array.from({ length: hosts }, (_, index) => index + 1);
  // Never all: the host next to it stays on the other side.
  const from = all.filter((number) => number === host || (number !== (host % hosts) + 1 && random.next() < 0.4));
  const rest = all.filter((number) => !from.includes(number));
  return { do: kind, from, to: rest };
}

function endsTogether(left: Hurt, right: Hurt): boolean {
  if ('from' in left || 'from' in right) return 'from' in left && 'from' in right;
  return left.do === right.do && left.host === right.host;
}

export function hurtText({ what, forMs }: PlannedHurt): string {
  const seconds = `for ${(forMs / 1_000).toFixed(1)} s`;
  if ('from' in what) return `${what.do}: ${what.from.join(' ')} from ${what.to.join(' ')} ${seconds}`;
  const detail = what.do === 'starve' ? ` to ${what.cpus} CPU` : what.do === 'drop' ? ` ${Math.round(what.share * 100)} %` : '';
  return `${what.do} host-${what.host}${detail} ${seconds}`;
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

/** Ends whatever is left, and starts what does not run. */
export async function recover(lab: Lab): Promise<void> {
  await lab.heal();
  await Promise.all(
    lab.hosts.map(async (host) => {
      if (!host.isOn) return host.start();
      if (!host.engineRuns) await host.startEngine();
      await host.startDaemon();
    }),
  );
}

function hostsOf(lab: Lab, numbers: readonly number[]): LabHost[] {
  return numbers.map((number) => lab.host(number));
}
