import { describe, expect, it } from 'vitest';
import { moveBarePod } from '../../../daemon/core/heirs/moves.ts';
import type { Binding } from '../../../protocol/objects.ts';
import { exchange, makeReplica, pod, podKey, restart, type TestReplica } from '../../support/replica-world.ts';

const KEY = podKey('web');
const NOW = { wall: Date.parse('2026-01-02T00:00:00Z'), monotonic: 0 };
const DELETED_AT = '2026-01-02T00:00:07Z';
const BINDING: Binding = { node: 'node-2', membersSeen: 2, membersKnown: 3, term: 1, by: 'heir', rank: 0, at: '2026-01-02T00:00:00Z' };

describe('a bare pod that is deleted on one side while heirs move it on the other', () => {
  async function sides(): Promise<[TestReplica, TestReplica]> {
    const [here, there] = [await makeReplica(), await makeReplica()];
    await here.replica.write([{ type: 'create', key: KEY, object: pod('web') }]);
    await exchange(here.replica, there.replica);
    return [here, there];
  }
  async function mark({ replica }: TestReplica): Promise<void> {
    const { uid, object } = replica.get(KEY)!;
    const next = { ...object, metadata: { ...object.metadata, deletionTimestamp: DELETED_AT } };
    await replica.write([{ type: 'update', key: KEY, uid, base: object, next }]);
  }
  const buried = async ({ replica }: TestReplica): Promise<unknown> =>
    replica.write([{ type: 'bury', key: KEY, uid: replica.get(KEY)!.uid, at: '2026-01-02T00:00:09Z' }]);
  const move = async ({ replica }: TestReplica): Promise<unknown> =>
    replica.write([...moveBarePod(replica.get(KEY)!, BINDING, NOW).mutations]);
  const shown = ({ replica }: TestReplica): unknown[] => {
    const held = replica.get(KEY);
    return [held?.life, held?.object.metadata.deletionTimestamp];
  };

  it('is to be deleted in its new life, too, whether its node has stopped it yet or not', async () => {
    for (const stopped of [false, true]) {
      const [here, there] = await sides();
      await mark(here);
      if (stopped) await buried(here);
      await move(there);
      await exchange(here.replica, there.replica);
      await exchange(here.replica, there.replica);
      expect([shown(here), shown(there)]).toEqual([
        [2, DELETED_AT],
        [2, DELETED_AT],
      ]);
      expect(there.replica.digest()).toEqual(here.replica.digest());
    }
  });

  it('also when the mover tells its grave first, after two moves, and by a daemon that was restarted meanwhile', async () => {
    const [here, there] = await sides();
    await mark(here);
    const { envelope } = await there.replica.write([...moveBarePod(there.replica.get(KEY)!, BINDING, NOW).mutations]);
    await here.replica.merge({ ...envelope!, changes: [] });
    expect(here.replica.get(KEY)).toBeUndefined();
    await move(there);
    const again = await restart(here);
    await exchange(again.replica, there.replica);
    expect(shown(again)).toEqual([3, DELETED_AT]);
  });

  it('is left alone where nobody deleted it, and so is a pod of the same name that somebody makes later', async () => {
    const [here, there] = await sides();
    await move(there);
    await exchange(here.replica, there.replica);
    expect(shown(here)).toEqual([2, undefined]);
    await mark(here);
    await buried(here);
    await exchange(here.replica, there.replica);
    await there.replica.write([{ type: 'create', key: KEY, object: pod('web') }]);
    await move(there);
    await exchange(here.replica, there.replica);
    expect(shown(here)).toEqual([4, undefined]);
  });

  it('that is as large as may be stays in its new life as it was merged, and harms nothing beside it', async () => {
    let most = Number.MAX_SAFE_INTEGER;
    const here = await makeReplica({ validate: (object) => (JSON.stringify(object).length > most ? 'too large' : undefined) });
    const there = await makeReplica();
    await here.replica.write([{ type: 'create', key: KEY, object: pod('web') }]);
    await exchange(here.replica, there.replica);
    await mark(here);
    await move(there);
    await there.replica.write([{ type: 'create', key: podKey('other'), object: pod('other') }]);
    most = JSON.stringify(there.replica.get(KEY)!.object).length;
    await exchange(here.replica, there.replica);
    expect(shown(here)).toEqual([2, undefined]);
    expect(here.replica.get(podKey('other'))).toBeDefined();
  });
});
