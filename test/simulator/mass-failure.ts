import { setImmediate } from 'node:timers/promises';
import type { Mutation } from '../../protocol/desired.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { requestApi } from '../support/peer-daemon.ts';
import { isReady } from '../../daemon/core/cluster/pods.ts';
import type { SimDaemon, SimHost } from './host.ts';
import { hearHosts } from './standing-hosts.ts';
import { isDead, type Measure, rates, readyPods, sayProgress, secondsOf, standing, totals } from './measure.ts';
import type { SimWorld } from './world.ts';

/** Hosts of a loaded cluster that lose their power in one moment. */
export interface MassFailure {
  peers: number;
  pods: number;
  lost: number;
}

export interface MassFailureReport extends MassFailure {
  /** Pods that the lost hosts ran. */
  orphans: number;
  /** From the loss until the first and the last survivor holds all lost hosts for dead, ms. */
  detectionMs: number;
  /** From the loss until all pods are bound to survivors, and until all run, ms. */
  claimedMs: number;
  failoverMs: number;
  /** Claims of one node that had not started yet, at most; and of all together. */
  mostInFlight: number;
  mostInFlightOfAll: number;
  /** Pods claimed more than once, by two heirs. */
  claimedTwice: number;
  /** Per survivor, from the loss until all run. */
  messages: number;
  kilobytes: number;
  /** Of this process. */
  memoryMiB: number;
  processorSeconds: number;
  /** Containers that were started at others' hosts than the lost ones' replacements: none should be. */
  needlessStarts: number;
}

const REPLICAS = 30;
const IMAGE = 'app:1';
const WRITE_AT_ONCE = 200;
/** Of several deployments: each look of the scheduler at pods that it may not place costs the more, the more there are. */
const PODS_AT_ONCE = 10 * REPLICAS;
const LOOK_MS = 100;
const REST_MS = 5_000;
const PROGRESS_SECONDS = 15;
const SAID_STARTS = 100;

/** Claims that have been written and not started, by the node that made them. */
class Claims {
  mostOfNode = 0;
  mostOfAll = 0;
  twice = 0;
  starts = 0;
  private readonly waiting = new Map<string, Set<string>>();
  private readonly claimed = new Set<string>();
  private all = 0;

  follow(host: SimHost, { replica }: SimDaemon): void {
    const own = new Set<string>();
    this.waiting.set(host.node, own);
    replica.onWritten(({ changes }) => {
      for (const { key } of changes) {
        const pod = key.startsWith('pods/') ? replica.get(key) : undefined;
        const binding = pod?.object.kith?.binding;
        if (pod === undefined || binding?.by !== 'heir' || binding.node !== host.node || own.has(pod.uid)) continue;
        const { owner, slot } = pod.object.kith?.slot ?? {};
        const place = `${owner} ${slot}`;
        if (this.claimed.has(place)) this.twice += 1;
        this.claimed.add(place);
        own.add(pod.uid);
        this.all += 1;
        this.mostOfNode = Math.max(this.mostOfNode, own.size);
        this.mostOfAll = Math.max(this.mostOfAll, this.all);
      }
    });
    host.runtime.onEvent = ({ what, podUid }) => {
      if (what !== 'start') return;
      this.starts += 1;
      if (own.delete(podUid)) this.all -= 1;
    };
  }
}

/** A cluster whose pods run; then hosts lose their power at once, and heirs take over. */
export async function measureMassFailure(size: MassFailure, seed: number, say: (text: string) => void): Promise<MassFailureReport> {
  const began = process.cpuUsage();
  let endProgress = (): void => undefined;
  const { world, measure } = await standing(size.peers, seed, async (founder, made, measured) => {
    endProgress = sayProgress(made, PROGRESS_SECONDS, say);
    // All start in one moment, in which no timer fires.
    let started = 0;
    made.onBoot.push(() => void ((started += 1) % SAID_STARTS === 0 ? say(`… ${started} hosts have started`) : undefined));
    await load(founder, made, measured, size.pods);
    say(`${size.pods} pods are bound (${heldText()}${Math.round(secondsOf(began))} s of processor)`);
  });
  say(`${size.peers} peers see each other (${heldText()}${Math.round(secondsOf(began))} s of processor)`);
  const [first] = world.running();
  if (first === undefined) throw new Error('nobody runs');
  await measure.until('all pods run', () => readyPods(first.daemon) === size.pods, LOOK_MS);
  await world.clock.pass(REST_MS);
  say(`${size.pods} pods run (${heldText()}${Math.round(secondsOf(began))} s of processor)`);
  const claims = new Claims();
  for (const host of world.running()) claims.follow(host, host.daemon);
  const lost = world.hosts.slice(-size.lost);
  const nodes = new Set(lost.map(({ node }) => node));
  const orphans = [...first.daemon.replica.list('pods')].filter((pod) => nodes.has(nodeOf(pod))).length;
  const before = totals(world);
  for (const host of lost) world.powerCut(host);
  const survivors = world.running();
  const knowsAll = (daemon: SimDaemon): boolean => lost.every((host) => isDead(daemon, host));
  const detectionMs = await measure.until('all know of the deaths', () => survivors.every(({ daemon }) => knowsAll(daemon)), LOOK_MS);
  say(`all deaths are known everywhere after ${detectionMs} ms`);
  const isPlaced = (): boolean => [...first.daemon.replica.list('pods')].filter((pod) => !nodes.has(nodeOf(pod))).length >= size.pods;
  const claimedMs = detectionMs + (await measure.until('all pods are claimed', isPlaced, LOOK_MS));
  const runs = (): boolean => readyPods(first.daemon) === size.pods;
  const failoverMs = claimedMs + (await measure.until('all pods run again', runs, LOOK_MS));
  const { messages, bytes } = rates(before, totals(world), survivors.length);
  say(`${orphans} pods run elsewhere after ${failoverMs} ms (${heldText()}${Math.round(secondsOf(began))} s of processor)`);
  const memoryMiB = Math.round(process.memoryUsage().rss / 1024 / 1024);
  await world.stop();
  endProgress();
  const counts = { mostInFlight: claims.mostOfNode, mostInFlightOfAll: claims.mostOfAll, claimedTwice: claims.twice };
  const times = { detectionMs, claimedMs, failoverMs, ...counts, needlessStarts: claims.starts - orphans };
  return { ...size, orphans, ...times, messages, kilobytes: bytes / 1000, memoryMiB, processorSeconds: secondsOf(began) };
}

function nodeOf({ object }: DesiredObject): string {
  return object.kith?.binding?.node ?? '';
}

/** Deployments whose pods are spread over all hosts and run there already, as after months of work. The controllers make them; here they are only bound. */
export async function load(founder: SimDaemon, world: SimWorld, measure: Measure, pods: number): Promise<void> {
  await cordon(founder, true);
  const seen = new Set<string>();
  for (let made = 0; made < pods; made += PODS_AT_ONCE) {
    const end = Math.min(made + PODS_AT_ONCE, pods);
    for (let first = made; first < end; first += REPLICAS) {
      const body = deployment(first, Math.min(REPLICAS, end - first));
      await measure.wait('a deployment', requestApi(founder, 'POST', '/apis/apps/v1/namespaces/default/deployments', body));
    }
    const fresh = (): DesiredObject[] => [...founder.replica.list('pods')].filter(({ uid }) => !seen.has(uid));
    await measure.until('their pods are there', () => fresh().length === end - made);
    const binds = fresh().map((pod, index) => bind(founder, pod, world.hosts[(made + index) % world.hosts.length]?.node ?? ''));
    await measure.wait('their bindings', founder.replica.write(binds));
    for (const { uid } of fresh()) seen.add(uid);
    await setImmediate();
  }
  await cordon(founder, false);
  const others = new Map(world.hosts.slice(1).map((host) => [host.node, host]));
  const bound = new Map(world.hosts.map(({ node }) => [node, founder.peer.view.podsOnNode(node)]));
  for (const [node, pods] of bound) {
    for (const { uid, object } of pods) {
      const { name, namespace = '' } = object.metadata;
      others.get(node)?.runtime.preload({ uid, name, namespace }, 'main', IMAGE);
    }
  }
  await measure.wait('what the hosts say', hearHosts(founder, [...others.values()], bound));
  await measure.until('its own pods run', () => readyOn(founder) === (bound.get(world.hosts[0]?.node ?? '')?.length ?? 0));
}

/** What is held, where node may be told to collect garbage first (`--expose-gc`). */
function heldText(): string {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return globalThis.gc === undefined ? '' : `${Math.round((heapUsed + external) / 2 ** 20)} MiB held, `;
}

/** Of the founder's own. */
function readyOn({ peer }: SimDaemon): number {
  return peer.view.podsOnNode(peer.view.self.node).filter((pod) => isReady(peer.view, pod)).length;
}

async function cordon({ replica }: SimDaemon, unschedulable: boolean): Promise<void> {
  const nodes = [...replica.list('nodes')];
  for (let start = 0; start < nodes.length; start += WRITE_AT_ONCE) {
    const some = nodes.slice(start, start + WRITE_AT_ONCE);
    const next = (object: DesiredObject['object']): DesiredObject['object'] => ({
      ...object,
      spec: { ...(object['spec'] as object), unschedulable },
    });
    await replica.write(some.map(({ key, uid, object }): Mutation => ({ type: 'update', key, uid, base: object, next: next(object) })));
  }
}

function bind({ peer, clock }: SimDaemon, { key, uid, object }: DesiredObject, node: string): Mutation {
  const { membersKnown, leader } = peer.view;
  const at = formatTime(clock.now());
  const binding = { node, membersSeen: membersKnown, membersKnown, term: leader.term, by: 'leader' as const, rank: 0, at };
  return { type: 'update', key, uid, base: object, next: { ...object, kith: { ...object.kith, binding } } };
}

function deployment(number: number, replicas: number): object {
  const labels = { app: `app-${number}` };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: IMAGE }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `app-${number}` },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

export async function reportMassFailure(sizes: readonly MassFailure[], seed: number): Promise<number> {
  for (const size of sizes) {
    const report = await measureMassFailure(size, seed, (text) => process.stderr.write(`${text}\n`));
    process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  }
  return 0;
}
