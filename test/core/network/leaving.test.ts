import { describe, expect, it } from 'vitest';
import { LEAVING_LIMITS, judgeLeaving, sentTo } from '../../../daemon/core/network/leaving.ts';
import { podKey, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';
import { addServingPod, resolved, serviceObject, tellReadiness } from '../../support/service-world.ts';

const { leastMs, settleMs, mostMs } = LEAVING_LIMITS;

describe('when a pod may be told to stop', () => {
  const pod = { since: 1_000, isKept: false, waitingFor: ['node-2'] };

  it('follows from who still sends to it, within bounds', () => {
    expect(judgeLeaving({ ...pod, waitingFor: [], clearSince: 1_000 }, 1_000)).toEqual({ stop: false, lookAt: 1_000 + leastMs });
    expect(judgeLeaving({ ...pod, waitingFor: [], clearSince: 1_000 }, 1_000 + leastMs)).toMatchObject({ stop: true });
    expect(judgeLeaving({ ...pod, waitingFor: [], clearSince: 1_490 }, 1_500)).toEqual({ stop: false, lookAt: 1_490 + settleMs });
    expect(judgeLeaving(pod, 1_500)).toEqual({ stop: false, lookAt: 1_000 + mostMs });
    expect(judgeLeaving({ ...pod, isKept: true }, 1_500)).toMatchObject({ stop: true });
    expect(judgeLeaving(pod, 1_000 + mostMs)).toEqual({ stop: true, why: `node-2 did not take it out of rotation within ${mostMs} ms` });
  });

  it('is soon enough for what waits for it', () => {
    expect(leastMs).toBeGreaterThan(settleMs);
    expect(mostMs).toBeGreaterThan(2 * leastMs);
  });
});

describe('whom Services send traffic to', () => {
  const two = (spec = {}): ClusterWorld => {
    const world = worldOf(2);
    world.create(serviceObject('web', spec));
    for (const index of [1, 2]) addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` });
    return world;
  };
  const sent = (world: ClusterWorld): string[] => {
    const names = new Map(world.pods().map(({ uid, object }) => [uid, object.metadata.name]));
    return [...sentTo([resolved(world)], new Set(names.keys()))].map((uid) => names.get(uid) ?? '').sort();
  };
  const end = (world: ClusterWorld, name: string): void =>
    world.edit(podKey(name), (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:30Z'));

  it('are those in rotation: ready ones, or the last that end', () => {
    const world = two();
    expect(sent(world)).toEqual(['web-1', 'web-2']);
    end(world, 'web-1');
    expect(sent(world)).toEqual(['web-2']);
    tellReadiness(world, 'web-2', { ip: '10.42.2.2', ready: false });
    expect(sent(world)).toEqual(['web-1']);
  });

  it('are those of this node only where the policy says so, but for one that ends', () => {
    const world = two({ internalTrafficPolicy: 'Local' });
    expect(sent(world)).toEqual(['web-1']);
    end(world, 'web-1');
    expect(sent(world)).toEqual([]);
    const open = two({ type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' });
    expect(sent(open)).toEqual(['web-1', 'web-2']);
    end(open, 'web-1');
    expect(sent(open)).toEqual(['web-2']);
  });
});
