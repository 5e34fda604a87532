import { afterEach, beforeEach, expect, it } from 'vitest';
import { GRAVE_IN_FLIGHT_MS } from '../../daemon/peer/replica/graves.ts';
import { MEMBERS } from '../../daemon/core/cluster/membership.ts';
import { PeerWorld } from '../support/peer-world.ts';

let world: PeerWorld;
beforeEach(() => {
  world = new PeerWorld(1);
});
afterEach(() => world.stop());

it('a removed member stays out when its grave is forgotten, wherever else it was known from', async () => {
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
  const { uid } = first.daemon.replica.get(key)!;
  await world.wait(first.daemon.replica.write([{ type: 'bury', key, uid, at: '2026-01-01T00:00:00Z' }]));
  await world.until('removed', () => last.daemon.replica.buriedLife(key) === 1);
  await world.until('forgotten', () => last.daemon.replica.buriedLife(key) === 0, 3 * GRAVE_IN_FLIGHT_MS);
  expect(named()).toEqual([first.id, last.id]);
}, 60_000);
