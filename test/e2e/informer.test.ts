import { expect, it } from 'vitest';
import type { KubeObject } from '../../protocol/objects.ts';
import { Informer } from '../support/informer.ts';
import { realPeers } from '../support/real-peers.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

/** Peers are killed one after the other under a running informer: it goes on at the next, and its cache ends equal to the truth. */
const peers = realPeers(3, 'informer');
const MAPS = '/api/v1/namespaces/default/configmaps';

it('a cache that moves from peer to peer misses nothing', async () => {
  const { cluster } = peers;
  const informer = new Informer(
    cluster.peers.map(({ client }) => client),
    MAPS,
  );
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const truth = async (index: number): Promise<string[]> => (await peers.list(index, MAPS)).map(show).sort();
  const cached = (): string[] => [...informer.cache.values()].map(show).sort();
  const agrees = async (index: number): Promise<void> => {
    await waitFor('the cache is the truth', async () => JSON.stringify(cached()) === JSON.stringify(await truth(index)), {
      timeoutMs: PATIENCE_MS,
      everyMs: 100,
    }).catch(async () => expect(cached()).toEqual(await truth(index)));
  };

  await peers.apply(0, list(['a', '1'], ['b', '1'], ['c', '1']));
  await agrees(0);
  for (const round of [1, 2, 3]) {
    const dead = informer.server;
    const alive = (dead + 1) % 3;
    await cluster.killDaemon(dead);
    // What nobody watches while the informer finds its next peer: one comes, one changes, one goes.
    await peers.apply(alive, list([`new-${round}`, '1'], ['b', String(round + 1)]));
    await peers.kith(alive, ['delete', 'configmap', round === 1 ? 'a' : `new-${round - 1}`]);
    await agrees(alive);
    expect(informer.server).not.toBe(dead);
    // Another peer's version is none that it can go on from: it must say so, or what happened meanwhile would be missed.
    expect(informer.expired).toBe(round);
    expect(cached()).toEqual(['b=' + String(round + 1), 'c=1', `new-${round}=1`]);
    await cluster.start(dead);
    await cluster.waitAllAlive();
  }
  stop.abort();
  await running;
}, 180_000);

function list(...maps: [name: string, value: string][]): object {
  const items = maps.map(([name, value]) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } }));
  return { apiVersion: 'v1', kind: 'List', items };
}

function show(map: KubeObject): string {
  return `${map.metadata.name}=${(map['data'] as { value?: string } | undefined)?.value ?? ''}`;
}
