import { performance } from 'node:perf_hooks';
import { percentile, rounded, type BenchArguments } from './args.ts';
import { withPeers } from './peers.ts';

const DEFAULT_PEERS = 10;
const DEFAULT_WRITES = 300;
const WARM_UP_WRITES = 20;
/** One write at a time, this far apart: what is measured is delay, not load. */
const PAUSE_MS = 30;
const GIVE_UP_MS = 5_000;

/** A write at one peer, until a watch at every one of the peers has shown it. */
export async function benchPropagation(given: BenchArguments, say: (text: string) => void): Promise<{ p50Ms: number; p99Ms: number }> {
  const peers = given.numbers.get('peers') ?? DEFAULT_PEERS;
  const writes = given.numbers.get('writes') ?? DEFAULT_WRITES;
  say(`propagation: ${peers} daemons on this machine, ${writes} writes, each seen by a watch at every peer`);
  return withPeers(peers, async (cluster) => {
    const seen = new Map<string, { left: number; at: number; done: () => void }>();
    const stop = new AbortController();
    const watches = cluster.peers.map(async (peer) => {
      for await (const event of peer.client.watch({ path: '/api/v1/namespaces', query: {}, signal: stop.signal })) {
        const name = (event.object as { metadata?: { labels?: Record<string, string> } }).metadata?.labels?.bench;
        const waiting = name === undefined ? undefined : seen.get(name);
        if (waiting === undefined) continue;
        waiting.left -= 1;
        if (waiting.left === 0) {
          waiting.at = performance.now();
          waiting.done();
        }
      }
    });
    const samples: number[] = [];
    for (let index = 0; index < writes + WARM_UP_WRITES; index += 1) {
      const name = `w${index}`;
      const arrived = Promise.withResolvers<void>();
      const waiting = { left: peers, at: 0, done: arrived.resolve };
      seen.set(name, waiting);
      const began = performance.now();
      const timer = setTimeout(
        () => arrived.reject(new Error(`write ${index} was not seen by ${waiting.left} peers within ${GIVE_UP_MS} ms`)),
        GIVE_UP_MS,
      );
      const write = cluster.peer(index % peers).client.call({
        method: 'PATCH',
        path: '/api/v1/namespaces/default',
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { bench: name } } },
      });
      await Promise.all([write, arrived.promise]);
      clearTimeout(timer);
      seen.delete(name);
      if (index >= WARM_UP_WRITES) samples.push(waiting.at - began);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    stop.abort();
    await Promise.allSettled(watches);
    return { p50Ms: rounded(percentile(samples, 0.5)), p99Ms: rounded(percentile(samples, 0.99)) };
  });
}
