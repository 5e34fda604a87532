import { expect, it } from 'vitest';
import { standingIn } from '../../../daemon/core/controllers/slots.ts';
import type { SlotState, StoredObject } from '../../../protocol/objects.ts';

const pod = (generation: number): Parameters<typeof standingIn>[1] =>
  ({ object: { kith: { slot: { owner: 'job', slot: 4, generation } } } }) as Parameters<typeof standingIn>[1];
const jobWith = (state: SlotState): StoredObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'counted', uid: 'job', creationTimestamp: '2026-01-01T00:00:00Z' },
  kith: { slots: { 4: state } },
});

it.each([
  // A change of the owner that has not come here yet made it.
  [{ epoch: 2, generation: 1 }, 3, 'unknown'],
  [{ epoch: 2, generation: 2 }, 1, 'superseded'],
  [{ epoch: 2, generation: 2 }, 2, 'kept'],
  [{ epoch: 2, generation: 1, done: 'Succeeded' }, 1, 'kept'],
  [{ epoch: 2, generation: 1, done: 'Succeeded' }, 2, 'surplus'],
  // The other side of a cut did not know, and went on: that counts no more, however far it got.
  [{ epoch: 2, generation: 1, done: 'Succeeded' }, 3, 'surplus'],
  [{ epoch: 2, generation: 1, done: 'Failed' }, 3, 'surplus'],
] as const)('of a slot that is %j the pod of generation %i is %s', (state, generation, expected) => {
  expect(standingIn(jobWith(state), pod(generation))).toBe(expected);
});
