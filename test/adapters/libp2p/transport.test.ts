import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { transportAcceptance } from '../../acceptance/transport.ts';
import { libp2pWorld, type Libp2pWorld } from '../../support/libp2p-world.ts';

transportAcceptance('the libp2p transport', async () => libp2pWorld());

describe('a peer that is let in again while it is told that it was removed', () => {
  let world: Libp2pWorld;
  beforeEach(() => {
    world = libp2pWorld();
  });
  afterEach(() => world.close());

  it('is connected anew like any other, and its loss is told', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    const events: string[] = [];
    a.onPeer(({ type }) => events.push(type));
    a.turnAway(() => new Uint8Array(1));
    const answer = Promise.withResolvers<Uint8Array>();
    const told = Promise.withResolvers<void>();
    b.serve('push', async () => {
      told.resolve();
      return answer.promise;
    });
    for (const peer of [a, b]) await peer.start();
    const both = [a, b].map((peer) => ({ peer: peer.self, addresses: peer.addresses() }));
    b.setMembers(both);
    await told.promise;
    a.setMembers(both);
    // Nobody is told of the connection that ends with the notice, so it is none of a member.
    expect(a.connected()).toEqual([]);
    answer.resolve(new Uint8Array(0));
    await expect.poll(() => events, { timeout: 10_000 }).toEqual(['connected']);
    await expect.poll(() => a.connected()).toEqual([b.self]);
    await b.stop();
    // Who is dialled anew before it has stopped listening is connected once more, for a moment.
    await expect.poll(() => events.filter((type) => type === 'disconnected').length, { timeout: 10_000 }).toBeGreaterThan(0);
    await expect.poll(() => events.at(-1), { timeout: 10_000 }).toBe('disconnected');
    expect(a.connected()).toEqual([]);
  }, 30_000);
});
