import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { LocalCluster, LocalPeer } from '../support/local-cluster.ts';
import { percentile, rounded, type BenchArguments } from './args.ts';
import { withPeers } from './peers.ts';

const DEFAULT_OBJECTS = 5_000;
const DEFAULT_WATCHERS = 100;
const DEFAULT_SAMPLES = 500;
const LISTS = 20;
/** Requests under way while the objects are made. */
const CREATORS = 16;
const PODS = '/api/v1/namespaces/default/pods';
const GIVE_UP_MS = 10_000;
const PAUSE_MS = 5;
/** Patches until the watches are open: the first one waits for a hundred connections. */
const WARM_UP_PATCHES = 3;

export interface ApiFigures {
  objects: number;
  watchers: number;
  getP50Ms: number;
  getP99Ms: number;
  listP50Ms: number;
  listP99Ms: number;
  createP50Ms: number;
  createP99Ms: number;
  patchP50Ms: number;
  patchP99Ms: number;
  /** A patch, until the last of all watches has shown it. */
  watchP50Ms: number;
  watchP99Ms: number;
  /** Of the daemon, before there were any objects and at the end. */
  memoryBeforeMiB: number;
  memoryAfterMiB: number;
}

/** One daemon's API with many pods (which nothing places), asked one request at a time over its socket. */
export async function benchApi(given: BenchArguments, say: (text: string) => void): Promise<ApiFigures> {
  const objects = given.numbers.get('objects') ?? DEFAULT_OBJECTS;
  const watchers = given.numbers.get('watchers') ?? DEFAULT_WATCHERS;
  const samples = given.numbers.get('samples') ?? DEFAULT_SAMPLES;
  say(`api: one daemon, ${objects} pods, ${watchers} watchers, ${samples} requests of each kind`);
  return withPeers(1, async (cluster) => {
    const peer = cluster.peer(0);
    const memoryBeforeMiB = rssMiB(peer);
    await makePods(peer, objects);
    say('api: the pods are there');
    const pick = (index: number): string => `${PODS}/bench-${(index * 7919) % objects}`;
    const gets = await times(samples, async (index) => peer.client.get(pick(index)));
    const lists = await times(LISTS, async () => peer.client.get(PODS));
    const creates = await times(samples, async (index) => create(peer, `more-${index}`));
    const patches = await times(samples, async (index) => patch(peer, pick(index), `p${index}`));
    say('api: asked; now the watches');
    const watches = await watchPatches(cluster, pick, watchers, samples);
    const figures = { get: gets, list: lists, create: creates, patch: patches, watch: watches };
    const named = Object.entries(figures).flatMap(([name, all]) => [
      [`${name}P50Ms`, rounded(percentile(all, 0.5))],
      [`${name}P99Ms`, rounded(percentile(all, 0.99))],
    ]);
    return { objects, watchers, ...Object.fromEntries(named), memoryBeforeMiB, memoryAfterMiB: rssMiB(peer) } as ApiFigures;
  });
}

async function makePods(peer: LocalPeer, count: number): Promise<void> {
  let next = 0;
  const creator = async (): Promise<void> => {
    while (next < count) await create(peer, `bench-${next++}`);
  };
  await Promise.all(Array.from({ length: CREATORS }, creator));
}

async function create(peer: LocalPeer, name: string): Promise<unknown> {
  const container = { name: 'main', image: 'busybox', command: ['true'], env: [{ name: 'A', value: 'one' }] };
  const spec = { schedulerName: 'nobody', containers: [container] };
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'bench' } }, spec };
  return peer.client.call({ method: 'POST', path: PODS, body });
}

async function patch(peer: LocalPeer, path: string, value: string): Promise<unknown> {
  const body = { metadata: { labels: { bench: value } } };
  return peer.client.call({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
}

/** One after the other. @returns milliseconds of each */
async function times(count: number, ask: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    await ask(index);
    taken.push(performance.now() - began);
  }
  return taken;
}

async function watchPatches(cluster: LocalCluster, pick: (index: number) => string, watchers: number, samples: number): Promise<number[]> {
  const { client } = cluster.peer(0);
  const { metadata } = await client.get<{ metadata: { resourceVersion: string } }>(PODS, { limit: '1' });
  const waiting = new Map<string, { left: number; at: number; done: () => void }>();
  const stop = new AbortController();
  // One for all watches: that is no leak.
  setMaxListeners(0, stop.signal);
  const watches = Array.from({ length: watchers }, async () => {
    const query = { resourceVersion: metadata.resourceVersion };
    for await (const { object } of client.watch({ path: PODS, query, signal: stop.signal })) {
      const label = (object as { metadata?: { labels?: Record<string, string> } }).metadata?.labels?.bench ?? '';
      const seen = waiting.get(label);
      if (seen === undefined) continue;
      seen.left -= 1;
      if (seen.left > 0) continue;
      seen.at = performance.now();
      seen.done();
    }
  });
  const taken: number[] = [];
  for (let index = 0; index < samples + WARM_UP_PATCHES; index += 1) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const seen = { left: watchers, at: 0, done: resolve };
    waiting.set(`w${index}`, seen);
    const late = setTimeout(
      () => reject(new Error(`patch ${index} was not seen by ${seen.left} watches within ${GIVE_UP_MS} ms`)),
      GIVE_UP_MS,
    );
    const began = performance.now();
    await Promise.all([patch(cluster.peer(0), pick(index), `w${index}`), promise]);
    clearTimeout(late);
    waiting.delete(`w${index}`);
    if (index >= WARM_UP_PATCHES) taken.push(seen.at - began);
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
  stop.abort();
  await Promise.allSettled(watches);
  return taken;
}

function rssMiB(peer: LocalPeer): number {
  const status = readFileSync(`/proc/${peer.process?.pid ?? 0}/status`, 'utf8');
  return rounded(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024, 1);
}
