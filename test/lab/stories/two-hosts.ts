import { expect, it } from 'vitest';
import { counters, hello, namesOf, pod } from '../../support/workloads.ts';
import { story } from '../in-lab.ts';

export const twoHostsStory = story('a cluster of two hosts', (cluster) => {
  it('loses the one that leads: the other takes everything, accepts writes, and schedules', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    await cluster.apply(two, counters('counter', 4));
    await cluster.apply(two, pod('alone', { cpu: '10m' }, { app: 'alone' }));
    await cluster.waitReady(one, undefined, 5);
    const leader = await cluster.leader(one);
    const other = leader === one ? two : one;
    const kept = await cluster.running([other]);
    expect(kept.size).toBeGreaterThan(0);
    await leader.kill();
    await cluster.waitServing(other, undefined, 5, [other]);
    await cluster.apply(other, hello('web', 2, 1));
    await cluster.kith(other, ['scale', 'rc', 'counter', '--replicas=3']);
    await cluster.kith(other, ['delete', 'pod', 'alone']);
    await cluster.waitServing(other, 'app=web', 2, [other]);
    await cluster.waitServing(other, 'app=counter', 3, [other]);
    await cluster.waitNothingTwice(other, [other]);
    expect(await cluster.leader(other)).toBe(other);
    const now = await cluster.running([other]);
    const survivors = [...kept.keys()].filter((id) => now.has(id));
    // What was scaled away or deleted is gone; nothing else of the one that lived was touched.
    expect(kept.size - survivors.length).toBeLessThanOrEqual(2);
  });

  it('converges when the lost one is back, which stops nothing of what runs', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const [back, other] = one.isOn ? [two, one] : [one, two];
    const before = await cluster.running([other]);
    await back.start();
    await cluster.lab.waitAllAlive();
    await cluster.waitSameState();
    await cluster.waitNothingTwice(back);
    expect(await cluster.running([other])).toEqual(before);
    expect(await cluster.running([back])).toEqual(new Map());
    expect(namesOf(await cluster.pods(back))).toEqual(namesOf(await cluster.pods(other)));
    expect(namesOf(await cluster.pods(back))).not.toContain('alone');
    await cluster.kith(back, ['scale', 'rc', 'counter', '--replicas=8']);
    const pods = await cluster.waitReady(other, 'app=counter', 8);
    expect(pods.filter(({ spec }) => spec.nodeName === back.node).length).toBeGreaterThan(0);
    await cluster.waitNothingTwice(other);
  });
});
