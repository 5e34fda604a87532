import { expect, it } from 'vitest';
import type { DigestAnswer } from '../../../protocol/answers.ts';
import { counters, hello } from '../../support/workloads.ts';
import { pinnedTo } from '../cluster.ts';
import { story } from '../in-lab.ts';
import type { LabHost } from '../types.ts';
import { watchFor } from '../watching.ts';

const HOUR_MS = 3_600_000;
/** How long the early one is alone: longer than a peer waits in any doubt but that of the unseen. */
const ALONE_MS = 15_000;
const PODS = 9;

export const powerCutStory = story('a cluster whose hosts all lose power at once', (cluster) => {
  it('comes back as it was, whatever the order in which they start, with the clock of one an hour ahead', async () => {
    const [one, two, three] = hosts();
    await cluster.apply(one, counters('counter', 4));
    await cluster.apply(one, hello('web', 3, 1));
    for (const host of [one, three]) await cluster.apply(two, pinnedTo(`pinned-${host.number}`, host));
    await cluster.waitReady(one, undefined, PODS);
    await cluster.waitNothingTwice(one);
    // That a rollout is complete is written into the desired state once its pods are ready: not to be mistaken for a change by the power cut.
    await cluster.waitRolledOut(one, 'web');
    await comesBack(async () => {
      await one.moveClock(HOUR_MS);
      await three.start();
      await one.start();
      await two.start();
    });
    await one.moveClock(0);
  });

  it('comes back as it was when one starts early and alone, by its clock an hour before the others', async () => {
    const [one, two, three] = hosts();
    await comesBack(async () => {
      await two.moveClock(-HOUR_MS);
      await two.start();
      const pods = await podsOf(two);
      await watchFor(ALONE_MS, async () => expect(await podsOf(two)).toEqual(pods));
      // What is bound to it runs at once: it needs nobody's leave for that.
      await cluster.waitServing(two, undefined, pods.filter((line) => line.endsWith(two.node)).length, [two]);
      await Promise.all([one.start(), three.start()]);
    });
    await two.moveClock(0);
  });

  function hosts(): [LabHost, LabHost, LabHost] {
    return [cluster.host(1), cluster.host(2), cluster.host(3)];
  }

  /** Pulls all cables at once; `start` switches the hosts on. Then pods, bindings and the whole desired state are what they were, and each pod runs once. */
  async function comesBack(start: () => Promise<void>): Promise<void> {
    await cluster.waitSameState();
    const before = await stateOf(cluster.host(1));
    const pods = await podsOf(cluster.host(1));
    const ran = await cluster.running();
    await Promise.all(cluster.lab.hosts.map(async (host) => host.kill()));
    await start();
    await cluster.lab.waitAllAlive();
    for (const host of hosts()) expect(await podsOf(host)).toEqual(pods);
    await cluster.waitReady(cluster.host(3), undefined, PODS);
    await cluster.waitNothingTwice(cluster.host(1));
    await cluster.waitSameState();
    expect(await podsOf(cluster.host(2))).toEqual(pods);
    // Not even an object that nobody sees was changed, made or deleted.
    expect(await stateOf(cluster.host(1))).toEqual(before);
    const where = (containers: typeof ran): string[] => [...containers.values()].map(({ node, uid }) => `${node} ${uid}`).sort();
    expect(where(await cluster.running())).toEqual(where(ran));
  }

  async function stateOf(host: LabHost): Promise<DigestAnswer['objects']> {
    return (await host.client.get<DigestAnswer>('/kith.dev/v1/digest', { objects: 'true' })).objects;
  }

  /** `NAME UID NODE` of all pods, as the host tells. */
  async function podsOf(host: LabHost): Promise<string[]> {
    return (await cluster.pods(host)).map(({ metadata, spec }) => `${metadata.name} ${metadata.uid} ${spec.nodeName}`).sort();
  }
});
