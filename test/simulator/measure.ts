import type { Log } from '../../daemon/ports/log.ts';
import { Draw } from './draw.ts';
import type { SimDaemon, SimHost } from './host.ts';
import { LightDocuments } from './light-documents.ts';
import { SimWorld } from './world.ts';

/** A /24 for each of 4,096 nodes. */
const WIDE_POD_RANGE = '10.0.0.0/12';
const LIMIT_MS = 120_000;

export interface Standing {
  world: SimWorld;
  measure: Measure;
  decisions(): number;
}

/** What the founder has before all others start on copies of its disk. */
export type Prepare = (founder: SimDaemon, world: SimWorld, measure: Measure) => Promise<void>;

/** Of the processor since then. */
export function secondsOf(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000_000;
}

/** A cluster whose members all see each other. */
export async function standing(peers: number, seed: number, prepare?: Prepare): Promise<Standing> {
  const world = new SimWorld(new Draw(seed), {
    cpu: '4',
    network: { delayMs: 0.3, jitterMs: 0.7, loss: 0, duplicate: 0 },
    documents: new LightDocuments(),
    podRange: WIDE_POD_RANGE,
  });
  let decisions = 0;
  const count = (message: string): void => void (decisions += message === 'decided' ? 1 : 0);
  const none = (): void => undefined;
  const log: Log = { debug: count, info: none, warn: none, error: none, child: () => log };
  world.logOf = () => log;
  const measure = new Measure(world);
  await measure.wait('the founding', world.foundWide(peers, prepare && ((founder) => prepare(founder, world, measure))));
  await measure.until('all see each other', () => world.running().every(({ daemon }) => seesAll(daemon, peers)));
  return { world, measure, decisions: () => decisions };
}

/** Says every so often how far a long run is, by the machine's clock. @returns what ends that */
export function sayProgress({ clock, network }: SimWorld, everySeconds: number, say: (text: string) => void): () => void {
  const began = process.cpuUsage();
  const timer = setInterval(() => {
    const { rss } = process.memoryUsage();
    const gibibytes = (rss / 2 ** 30).toFixed(1);
    say(
      `… ${Math.round(clock.monotonic())} ms, ${network.sent} messages, ${gibibytes} GiB, ${Math.round(secondsOf(began))} s of processor`,
    );
  }, everySeconds * 1_000);
  return () => clearInterval(timer);
}

export class Measure {
  private readonly world: SimWorld;

  constructor(world: SimWorld) {
    this.world = world;
  }

  /** @returns how long it took, ms */
  async until(what: string, condition: () => boolean, everyMs = 20): Promise<number> {
    const { clock } = this.world;
    const began = clock.monotonic();
    while (!condition()) {
      if (clock.monotonic() - began > LIMIT_MS) throw new Error(`waited ${LIMIT_MS} ms for: ${what}`);
      await clock.pass(everyMs);
    }
    return Math.round(clock.monotonic() - began);
  }

  async wait(what: string, promise: Promise<unknown>): Promise<void> {
    let isDone = false;
    const done = (): void => void (isDone = true);
    promise.then(done, done);
    await this.until(what, () => isDone);
    await promise;
  }
}

export function seesAll({ peer }: SimDaemon, count: number): boolean {
  const { view } = peer;
  return (
    view.complete && view.leader.peer !== '' && view.members().length === count && view.members().every(({ state }) => state === 'alive')
  );
}

export function isDead({ peer }: SimDaemon, host: SimHost): boolean {
  return peer.view.memberOfNode(host.node)?.state === 'dead';
}

export function readyPods({ replica, peer }: SimDaemon): number {
  let count = 0;
  for (const { uid, object } of replica.list('pods')) {
    const node = object.kith?.binding?.node ?? '';
    const isUp = peer.view.memberOfNode(node)?.state === 'alive';
    const report = peer.view.podReport(uid, node);
    if (isUp && report?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) count += 1;
  }
  return count;
}

/** A peer and second. */
export interface Rates {
  messages: number;
  bytes: number;
  /** Messages, by what they were. */
  byKind: Record<string, number>;
}

export type Totals = Map<string, { messages: number; bytes: number }>;

export function totals({ network }: SimWorld): Totals {
  const sums: Totals = new Map();
  for (const kinds of network.traffic.values()) {
    for (const [what, { messages, bytes }] of kinds) {
      const sum = sums.get(what) ?? { messages: 0, bytes: 0 };
      sums.set(what, { messages: sum.messages + messages, bytes: sum.bytes + bytes });
    }
  }
  return sums;
}

export function rates(before: Totals, after: Totals, peerSeconds: number): Rates {
  const byKind: Record<string, number> = {};
  let [messages, bytes] = [0, 0];
  for (const [what, now] of after) {
    const then = before.get(what) ?? { messages: 0, bytes: 0 };
    byKind[what] = Number(((now.messages - then.messages) / peerSeconds).toFixed(2));
    messages += (now.messages - then.messages) / peerSeconds;
    bytes += (now.bytes - then.bytes) / peerSeconds;
  }
  return { messages, bytes, byKind };
}
