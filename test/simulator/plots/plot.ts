import type { Draw } from '../draw.ts';
import type { WayFault } from '../way.ts';
import type { Act } from '../scenario.ts';
import type { Release } from '../scenario.ts';
import { TARGETS } from '../workloads.ts';
import type { Request } from '../workloads.ts';

/** What a drawer of acts knows. */
export interface Pen {
  draw: Draw;
  peers: number;
  /** At most one loss of a disk in a scenario: more may lose what was acknowledged, and we promise nothing about that. */
  mayLoseDisk: boolean;
  host(): number;
}

export interface Timed {
  at: number;
  act: Act;
}

export interface Drawn {
  acts: Timed[];
  stormMs: number;
  /** Of each node. */
  cpu?: string;
  network?: WayFault;
  releases?: Record<number, Release>;
  leases?: boolean;
  histories?: 'hasty';
  graves?: 'hasty';
}

/**
 * A bad day that comes about seldom by chance. One kind of trouble, all else quiet: checkers that excuse what a fault may bring about are strict here. Drawn from the
 * seed like everything.
 */
export interface Plot {
  name: string;
  /** Fewer peers than that make no such day. */
  leastPeers: number;
  /** More neither, whatever is asked for. */
  mostPeers?: number;
  draw(pen: Pen): Drawn;
}

/** The first workloads run by then. */
export const STANDS_MS = 3_000;

export function allHosts({ peers }: Pick<Pen, 'peers'>): number[] {
  return Array.from({ length: peers }, (_, index) => index + 1);
}

/** As between towns: news of a heal comes one by one. */
export function farApart({ draw }: Pen): WayFault {
  return { delayMs: draw.int(20, 60), jitterMs: draw.int(5, 40), loss: 0, duplicate: 0 };
}

/** A cut between two sides, both ways. */
export function cutBetween(left: readonly number[], right: readonly number[], forMs: number): Extract<Act, { do: 'block' }> {
  const ways = left.flatMap((from) =>
    right.flatMap((to): [number, number][] => [
      [from, to],
      [to, from],
    ]),
  );
  const named = (side: readonly number[]): string => side.map((host) => `node-${host}`).join('+');
  return { do: 'block', ways, how: `a cut: ${named(left)} | ${named(right)}`, forMs };
}

/** Two sides, the smaller one first; of unequal size where that is possible. */
export function drawSides(pen: Pen): [few: number[], many: number[]] {
  const hosts = pen.draw.shuffled(allHosts(pen));
  const few = pen.draw.int(1, Math.max(1, Math.floor((pen.peers - 1) / 2)));
  return [hosts.slice(0, few), hosts.slice(few)];
}

/** So many moments in between, in order. */
export function moments({ draw }: Pen, count: number, from: number, to: number): number[] {
  return Array.from({ length: count }, () => draw.int(from, Math.max(from, to))).sort((left, right) => left - right);
}

export function post(host: number, target: string, body: object, what: string): Request {
  return { do: 'request', host, method: 'POST', target, body, what };
}

export function patch(host: number, target: string, body: object, what: string): Request {
  return { do: 'request', host, method: 'PATCH', target, body, what };
}

export function del(host: number, target: string, what: string): Request {
  return { do: 'request', host, method: 'DELETE', target, what };
}

export function scaleTo(host: number, collection: keyof typeof TARGETS, name: string, replicas: number): Request {
  return patch(host, `${TARGETS[collection]}/${name}`, { spec: { replicas } }, `scale ${name} to ${replicas}`);
}

/** All disks take their time, so that two things that one peer does at once meet in its queue. */
export function slowDisks(pen: Pen, forMs: number): Timed[] {
  const byMs = pen.draw.int(80, 500);
  return allHosts(pen).map((host) => ({ at: STANDS_MS - 100, act: { do: 'slowDisk', host, byMs, forMs } }));
}
