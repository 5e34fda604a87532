import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMember } from '../../daemon/app/members.ts';
import { GRAVE_IN_FLIGHT_MS } from '../../daemon/peer/replica/graves.ts';
import { MEMBERS } from '../../daemon/core/cluster/membership.ts';
import { PeerWorld, type PeerHost } from '../support/peer-world.ts';

let world: PeerWorld;
beforeEach(() => {
  world = new PeerWorld(1);
});
afterEach(() => world.stop());

const NODE = 'nodes//node-2';

async function remove(by: PeerHost, key: string): Promise<void> {
  const { uid } = by.daemon.replica.get(key)!;
  await world.wait(by.daemon.replica.write([{ type: 'bury', key, uid, at: '2026-01-01T00:00:00Z' }]));
}

it('a removed member stays out, wherever else it was known from, and its grave is kept for the day on which it comes back', async () => {
  await world.found(3);
  const [first, removed, last] = [world.host(1), world.host(2), world.host(3)];
  const key = `${MEMBERS}//${removed.id}`;
  const named = (): string[] =>
    last.daemon.peer
      .members()
      .map(({ peerId }) => peerId)
      .sort();
  // The answer to its join named it.
  expect(named()).toContain(removed.id);
  await world.kill(removed);
  await remove(first, key);
  await world.until(
    'removed, with its node',
    () => last.daemon.replica.buriedLife(key) === 1 && last.daemon.replica.buriedLife(NODE) === 1,
  );
  await world.until('other graves are forgotten', () => last.daemon.replica.buriedLife(NODE) === 0, 3 * GRAVE_IN_FLIGHT_MS);
  expect(named()).toEqual([first.id, last.id]);
  expect(last.daemon.replica.buriedLife(key)).toBe(1);
}, 60_000);

const RC = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name: 'web' },
  spec: {
    replicas: 3,
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'web:1' }], terminationGracePeriodSeconds: 1 },
    },
  },
};
const RCS = '/api/v1/namespaces/default/replicationcontrollers';
const readyOn = (host: PeerHost): number =>
  world.pods(host).filter(({ status }) => (status?.containerStatuses ?? []).some(({ ready }) => ready)).length;

it.each([2, 3])(
  'one of %i hosts that is removed hears it, stops its pods, takes no orders, and stays out; the others run all',
  async (count) => {
    await world.found(count);
    const [first, removed] = [world.host(1), world.host(2)];
    await world.until('the default namespace', () => first.daemon.peer.objects.get('namespaces//default') !== undefined);
    await world.nodesReady(first);
    expect((await world.call(first, 'POST', RCS, RC)).status).toBe(201);
    await world.until('it runs on all', () => readyOn(first) === 3 && world.hosts.every((host) => host.runtime.running().length > 0));

    expect((await world.call(first, 'DELETE', `/api/v1/nodes/${removed.node}`)).status).toBe(200);
    await world.until('it heard so', () => removed.daemon.peer.view.removed);
    await world.until('it stops all', () => removed.runtime.running().length === 0);
    const refused = await world.call(removed, 'POST', RCS, { ...RC, metadata: { name: 'other' } });
    expect([refused.status, refused.body.message]).toEqual([403, expect.stringContaining('removed from the cluster')]);
    expect(removed.daemon.peer.peers().removed).toBe(true);
    await world.until('the others run all', () => readyOn(first) === 3, 120_000);
    expect(first.daemon.transport.connected()).not.toContain(removed.id);

    await world.kill(removed);
    await world.boot(removed);
    await world.clock.pass(60_000);
    expect(removed.runtime.running()).toEqual([]);
    expect(removed.daemon.peer.view.removed).toBe(true);
    expect(first.daemon.peer.members().map(({ peerId }) => peerId)).not.toContain(removed.id);
  },
);

it('one that was removed while it was off is told so when it comes back, long after, and stops what still runs there', async () => {
  await world.found(3);
  const [first, removed] = [world.host(1), world.host(2)];
  await world.until('the default namespace', () => first.daemon.peer.objects.get('namespaces//default') !== undefined);
  await world.nodesReady(first);
  expect((await world.call(first, 'POST', RCS, RC)).status).toBe(201);
  await world.until('it runs on all', () => readyOn(first) === 3 && world.hosts.every((host) => host.runtime.running().length > 0));
  await world.kill(removed);
  expect((await world.call(first, 'DELETE', `/api/v1/nodes/${removed.node}`)).status).toBe(200);
  await world.until('the others run all', () => readyOn(first) === 3, 120_000);
  await world.clock.pass(3 * GRAVE_IN_FLIGHT_MS);
  const digest = first.daemon.replica.digest();

  expect(removed.runtime.running().length).toBeGreaterThan(0);
  await world.boot(removed);
  await world.until('it heard so', () => removed.daemon.peer.view.removed);
  await world.until('it stops all', () => removed.runtime.running().length === 0);
  expect((await world.call(removed, 'POST', RCS, { ...RC, metadata: { name: 'other' } })).status).toBe(403);
  expect(first.daemon.transport.connected()).not.toContain(removed.id);
  expect(first.daemon.replica.digest()).toEqual(digest);
}, 60_000);

it('who was removed and let in again is not turned out by who has heard of the removal only', async () => {
  await world.found(3);
  const [first, back, behind] = [world.host(1), world.host(2), world.host(3)];
  const key = `${MEMBERS}//${back.id}`;
  await world.kill(back);
  await remove(first, key);
  await world.until('removed', () => behind.daemon.replica.buriedLife(key) === 1);
  for (const other of [first, back]) world.network.cut(behind.id, other.id);
  await world.wait(first.daemon.replica.write([createMember(back.spec(first.id), world.clock.now())]));
  await world.boot(back, first.daemon.peer.members());
  await world.until('it is a member again', () => back.daemon.replica.get(key)?.life === 2);
  world.network.heal(behind.id, back.id);
  await world.clock.pass(30_000);
  expect(behind.daemon.replica.get(key)?.life).toBe(2);
  expect(back.daemon.peer.view.removed).toBe(false);
});
