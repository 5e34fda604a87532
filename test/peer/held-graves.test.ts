import { afterEach, describe, expect, it } from 'vitest';
import { bucketOf } from '../../daemon/core/desired/digest.ts';
import { SYNC_INTERVAL_MS } from '../../daemon/peer/anti-entropy.ts';
import { GRAVE_LIMITS } from '../../daemon/peer/replica/graves.ts';
import { CREATED_AT, pod, podKey } from '../support/replica-world.ts';
import { SyncWorld } from '../support/sync-world.ts';

const GONE = podKey('gone');
/** What `b` knows, and `a` has not heard of: as the admission of a third member is, which may have missed the deletion. */
const NEWS = podKey('news');

describe('who holds a grave', () => {
  let world: SyncWorld;
  afterEach(() => world.stop());

  /** A grave that both hold, and news of `b` alone, which goes nowhere: everything about it fails while `isStuck`. */
  async function withNews() {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(1_000);
    const state = { isStuck: true };
    for (const { replica } of [a, b]) {
      const [list, changes] = [replica.bucket.bind(replica), replica.changesSince.bind(replica)];
      replica.bucket = (index) => {
        if (state.isStuck) throw new Error('the connection broke');
        return list(index);
      };
      replica.changesSince = (have, most) => (state.isStuck ? Promise.reject(new Error('the connection broke')) : changes(have, most));
    }
    const { objects } = await a.replica.write([{ type: 'create', key: GONE, object: pod('gone') }]);
    await a.replica.write([{ type: 'bury', key: GONE, uid: objects[0]!.uid, at: CREATED_AT }]);
    await world.clock.pass(50);
    expect(b.replica.buriedLife(GONE)).toBe(1);
    world.network.lose('b', 'a', 0.999_999);
    await b.replica.write([{ type: 'create', key: NEWS, object: pod('news') }]);
    world.network.lose('b', 'a', 0);
    const isOpen = async () => {
      await a.replica.collectGraves(['b'], world.clock.monotonic());
      return a.replica.openGraves(bucketOf(GONE)).length > 0;
    };
    return { a, b, state, isOpen };
  }

  it('is noted only once all that it knew is here: it may know of a member that does not hold it', async () => {
    const { a, state, isOpen } = await withNews();
    await world.clock.pass(5 * SYNC_INTERVAL_MS);
    expect(a.replica.get(NEWS)).toBeUndefined();
    expect(a.antiEntropy.counters()['SyncFailed']).toBeGreaterThan(0);
    expect(await isOpen()).toBe(true);
    state.isStuck = false;
    await world.clock.pass(5 * SYNC_INTERVAL_MS);
    expect(a.replica.get(NEWS)).toBeDefined();
    expect(await isOpen()).toBe(false);
  });

  it.each([
    { incomplete: false, is: 'is forgotten by one that is alone' },
    { incomplete: true, is: 'is not forgotten by one that knows of no other as its disk lost records' },
  ])('$is', async ({ incomplete }) => {
    world = new SyncWorld();
    const a = await world.add('a', { incomplete });
    const { objects } = await a.replica.write([{ type: 'create', key: GONE, object: pod('gone') }]);
    await a.replica.write([{ type: 'bury', key: GONE, uid: objects[0]!.uid, at: CREATED_AT }]);
    await world.clock.pass(GRAVE_LIMITS.intervals * 2 * SYNC_INTERVAL_MS);
    expect(a.replica.openGraves(bucketOf(GONE))).toHaveLength(incomplete ? 1 : 0);
  });
});
