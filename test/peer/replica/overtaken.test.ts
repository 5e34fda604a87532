import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DocumentReplica } from '../../../daemon/peer/replica/document-replica.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject, KithFields } from '../../../protocol/objects.ts';
import { CREATED_AT, makeReplica, pod, podKey } from '../../support/replica-world.ts';

const KEY = podKey('web');
const TO_NODE_1: Binding = { node: 'node-1', membersSeen: 3, membersKnown: 3, term: 1, by: 'leader', rank: 0, at: CREATED_AT };
const TO_NODE_2: Binding = { ...TO_NODE_1, node: 'node-2' };

let replica: DocumentReplica;
beforeEach(async () => {
  ({ replica } = await makeReplica());
});
afterEach(() => replica.stop());

async function create(kith?: KithFields): Promise<DesiredObject> {
  const object = kith === undefined ? pod('web') : pod('web', { kith });
  const { objects } = await replica.write([{ type: 'create', key: KEY, object }]);
  return objects[0]!;
}

/** What somebody decided who saw the object as it was at `seen`. */
function decided(seen: DesiredObject, kith: KithFields): Mutation {
  return { type: 'update', key: KEY, uid: seen.uid, base: seen.object, next: { ...seen.object, kith: { ...seen.object.kith, ...kith } } };
}

describe('a decision that was taken on what has changed since', () => {
  it('does not move a pod that was bound meanwhile', async () => {
    const seen = await create();
    await replica.write([decided(seen, { binding: TO_NODE_1 })]);
    await expect(replica.write([decided(seen, { binding: TO_NODE_2 })])).rejects.toMatchObject({ code: 'Overtaken' });
    expect(replica.get(KEY)?.object.kith?.binding?.node).toBe('node-1');
  });

  it('does not take a slot back to a generation that is gone', async () => {
    const seen = await create({ slots: { 0: { epoch: 1, generation: 1 } }, retired: [] });
    await replica.write([decided(seen, { slots: { 0: { epoch: 4, generation: 4 } } })]);
    await expect(replica.write([decided(seen, { slots: { 0: { epoch: 2, generation: 2 } } })])).rejects.toMatchObject({
      code: 'Overtaken',
    });
    expect(replica.get(KEY)?.object.kith?.slots?.['0']).toEqual({ epoch: 4, generation: 4 });
  });

  it('is taken when it says the same, or is about something else', async () => {
    const seen = await create({ slots: { 0: { epoch: 1, generation: 1 } } });
    const bumped = { 0: { epoch: 2, generation: 2 } };
    await replica.write([decided(seen, { slots: bumped })]);
    await replica.write([decided(seen, { slots: bumped })]);
    await replica.write([decided(seen, { slots: { ...seen.object.kith?.slots, 1: { epoch: 1, generation: 1 } } })]);
    expect(replica.get(KEY)?.object.kith?.slots).toEqual({ ...bumped, 1: { epoch: 1, generation: 1 } });
  });

  it('does not make a pod of a slot again that is buried', async () => {
    const object = pod('web', { kith: { slot: { owner: 'u', slot: 0, generation: 1 } } });
    const { objects } = await replica.write([{ type: 'create', key: KEY, object, orMerge: true }]);
    await replica.write([{ type: 'bury', key: KEY, uid: objects[0]!.uid, at: CREATED_AT }]);
    await expect(replica.write([{ type: 'create', key: KEY, object, orMerge: true }])).rejects.toMatchObject({ code: 'Overtaken' });
    expect(replica.get(KEY)).toBeUndefined();
  });
});
