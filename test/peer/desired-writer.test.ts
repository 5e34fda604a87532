import { afterEach, describe, expect, it } from 'vitest';
import { AcknowledgedWriter, WARNING_ALONE } from '../../daemon/peer/desired-writer.ts';
import { deployment, deploymentKey } from '../support/replica-world.ts';
import { SyncWorld } from '../support/sync-world.ts';
import type { SyncedPeer } from '../support/sync-world.ts';

describe('acknowledged writes', () => {
  let world: SyncWorld;
  afterEach(() => world.stop());

  function writerOf({ replica, replication }: SyncedPeer, livePeers: readonly string[]): AcknowledgedWriter {
    return new AcknowledgedWriter({
      replica,
      acknowledge: async (envelope, peers) => {
        const answer = replication.acknowledge(envelope, peers);
        await world.clock.pass(1_000);
        return answer;
      },
      livePeers: () => livePeers,
      membersKnown: () => 2,
      isRemoved: () => false,
    });
  }

  /** An object that only `a` has: its own write was lost on the way. */
  async function known(a: SyncedPeer) {
    await world.clock.pass(100);
    world.network.lose('a', 'b', 0.999_999);
    const key = deploymentKey('web');
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    world.network.lose('a', 'b', 0);
    const { uid, object } = objects[0]!;
    return { key, uid, object };
  }

  it('say that what is there already is safe only once another member has it on disk', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    const { key, uid, object } = await known(a);
    const { warnings } = await writerOf(a, ['b']).write([{ type: 'update', key, uid, base: object, next: object }]);
    expect(warnings).toEqual([]);
    expect(b.store.records.has(`replica/o/${key}`)).toBe(true);
  });

  it('warn of what is there already, and here only', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    await world.add('b');
    const { key, uid, object } = await known(a);
    const { warnings } = await writerOf(a, []).write([{ type: 'update', key, uid, base: object, next: object }]);
    expect(warnings).toEqual([WARNING_ALONE]);
  });
});
