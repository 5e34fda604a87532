import { expect, it } from 'vitest';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { podKey, podObject, worldOf } from '../../support/cluster-view.ts';

const POD = 'pods.metrics.k8s.io/default/web';
const NODE = 'nodes.metrics.k8s.io//node-2';
const LEASE = 'leases.coordination.k8s.io/kube-node-lease/node-2';

it('tells what pods and nodes use, while the node lives and the pod is there', () => {
  const world = worldOf(2);
  const [pod] = world.create(
    podObject('web', {}, { metadata: { name: 'web', uid: '', creationTimestamp: '', namespace: 'default', labels: { app: 'web' } } }),
  );
  world.bind(podKey('web'), 'node-2');
  const shown = (key: string) => renderObject(world.state, key, world.now);
  expect([shown(POD), shown(NODE)]).toEqual([undefined, undefined]);
  const pods = [{ uid: pod?.uid ?? '', containers: [{ name: 'main', cpuMillis: 250, memoryBytes: 1_048_577 }] }];
  const value = {
    kind: 'usage',
    at: '2026-01-01T00:01:00Z',
    windowMs: 15_000,
    node: { cpuMillis: 1_500, memoryBytes: 2_048 },
    pods,
  } as const;
  const record = {
    owner: 'peer-node-2',
    node: 'node-2',
    incarnation: 1,
    sequence: 9,
    key: 'usage',
    signature: '',
    value: structuredClone(value) as never,
  };
  expect([...world.state.applyObserved([record], 0)].sort()).toEqual([LEASE, NODE, POD]);
  const time = { timestamp: '2026-01-01T00:01:00Z', window: '15s' };
  expect(shown(POD)).toMatchObject({
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: 'PodMetrics',
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    ...time,
    containers: [{ name: 'main', usage: { cpu: '250m', memory: '1025Ki' } }],
  });
  expect(shown(NODE)).toMatchObject({ kind: 'NodeMetrics', metadata: { name: 'node-2' }, ...time, usage: { cpu: '1500m', memory: '2Ki' } });
  // The node's Lease: when it last told of itself. It stays as it was when the node is dead, and nobody else's is made of it.
  const lease = {
    kind: 'Lease',
    metadata: { name: 'node-2', namespace: 'kube-node-lease', ownerReferences: [{ kind: 'Node', name: 'node-2' }] },
    spec: { holderIdentity: 'node-2', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:01:00.000000Z' },
  };
  expect(shown(LEASE)).toMatchObject(lease);
  expect(shown(LEASE.replace('kube-node-lease', 'default'))).toBeUndefined();
  expect(shown(LEASE.replace('node-2', 'node-1'))?.['spec']).not.toMatchObject({ renewTime: '2026-01-01T00:01:00.000000Z' });
  const key = podKey('web');
  expect([...world.state.applyDesired([{ key, before: undefined, after: world.object(key) }], 0)]).toContain(POD);
  world.setMember('node-2', 'dead');
  expect([shown(POD), shown(NODE)]).toEqual([undefined, undefined]);
  expect(shown(LEASE)).toMatchObject(lease);
  world.setMember('node-2', 'alive');
  world.bury(key);
  expect(shown(POD)).toBeUndefined();
});
