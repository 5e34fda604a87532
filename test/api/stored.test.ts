import { expect, it } from 'vitest';
import { nextStored } from '../../daemon/api/stored.ts';
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
