import { expect, it } from 'vitest';
import { nextStored, withoutShown } from '../../daemon/api/stored.ts';
import type { StoredObject } from '../../protocol/objects.ts';

const before: StoredObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { unschedulable: true },
};
const gpu = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };

function edited(taints: unknown[]): StoredObject {
  const draft = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, spec: { taints } };
  return nextStored(draft, before);
}

it('stores no taint that only says what the state of the node is, so that it goes when its reason goes', () => {
  const shown = ['unschedulable', 'not-ready', 'unreachable'].map((name) => ({ key: `node.kubernetes.io/${name}`, effect: 'NoSchedule' }));
  expect(edited(shown)['spec']).toEqual({});
  expect(edited([...shown, gpu])['spec']).toEqual({ taints: [gpu] });
});

it('takes what only says how a node is out of what a client sends back, so that nobody is warned of it', () => {
  const shown = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  expect(withoutShown('Node', { spec: { unschedulable: true, taints: [shown] } })).toEqual({ spec: { unschedulable: true } });
  for (const other of [null, 'text', {}, { spec: null }, { spec: { taints: 'text' } }]) expect(withoutShown('Node', other)).toEqual(other);
  expect(withoutShown('Pod', { spec: { taints: [shown] } })).toEqual({ spec: { taints: [shown] } });
});
