import { describe, expect, it } from 'vitest';
import { claimSpec, nodeOfClaim, nodeOfVolume, volumeNameOf } from '../../../daemon/core/storage/claims.ts';
import { claimedVolume } from '../../../daemon/core/storage/mount.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { planDeletion } from '../../../daemon/core/deletion.ts';
import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { boundNode } from '../../../daemon/core/cluster/pods.ts';
import { type ClusterWorld, EPOCH_MS, podKey, podObject, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const CLAIM = 'persistentvolumeclaims/default/data';
const at = formatTime(EPOCH_MS);
const using: Partial<PodSpec> = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] };

function claimObject(name = 'data', spec: Record<string, unknown> = {}): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: at },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  };
}

function worldWithPod(spec: Record<string, unknown> = {}): ClusterWorld {
  const world = worldOf(3);
  world.decide();
  world.create(claimObject('data', spec), podObject('web', using));
  world.converge();
  return world;
}

const claimOf = (world: ClusterWorld): DesiredObject => world.object(CLAIM);
const volumeKey = (world: ClusterWorld): string => `persistentvolumes//${volumeNameOf(claimOf(world))}`;
const nodeOf = (world: ClusterWorld, name: string): string | undefined => boundNode(world.object(podKey(name)));
const status = (world: ClusterWorld, key: string): unknown => (renderObject(world.state, key, world.now) as { status?: unknown }).status;

function erase(world: ClusterWorld, key: string): void {
  world.write(planDeletion({ nodeIsMember: () => true }, world.object(key), {}, world.now.wall).mutations);
}

describe('claims of local storage', () => {
  it('begin with a default class, and wait for their first pod', () => {
    const world = worldOf(3);
    world.create(claimObject());
    world.converge();
    expect(world.object('storageclasses.storage.k8s.io//local').object).toMatchObject({ provisioner: 'kith.dev/local' });
    expect(world.events('WaitForFirstConsumer')).toContain('waiting for first consumer to be created before binding');
    expect(status(world, CLAIM)).toEqual({ phase: 'Pending' });
  });

  it('are bound to the node of their first pod', () => {
    const world = worldWithPod();
    const node = nodeOf(world, 'web');
    expect(nodeOfClaim(world.state, claimOf(world))).toBe(node);
    expect(claimSpec(claimOf(world))).toMatchObject({ storageClassName: 'local', volumeName: volumeNameOf(claimOf(world)) });
    expect(status(world, CLAIM)).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } });
    expect(nodeOfVolume(world.object(volumeKey(world)))).toBe(node);
    expect(status(world, volumeKey(world))).toEqual({ phase: 'Bound' });
    expect(world.events('ProvisioningSucceeded')).toEqual([`Successfully provisioned volume ${volumeNameOf(claimOf(world))}`]);
    const isHere = node === world.state.self.node;
    const expected = isHere
      ? { volume: volumeNameOf(claimOf(world)) }
      : { missing: `persistentvolumeclaim "data" has its volume on node ${node}` };
    expect(claimedVolume(world.state, 'default', 'data')).toEqual(expected);
  });

  it('keep all their pods on one node, also those that are placed at once', () => {
    const world = worldOf(3);
    world.create(claimObject(), podObject('a', using), podObject('b', using), podObject('c', using));
    world.converge();
    expect(new Set(['a', 'b', 'c'].map((name) => nodeOf(world, name)))).toEqual(new Set([nodeOfClaim(world.state, claimOf(world))]));
  });

  it('refuse other nodes, and what they can not have, in upstream words', () => {
    const world = worldWithPod();
    const node = nodeOf(world, 'web') ?? '';
    world.edit(`nodes//${node}`, (draft) => (draft.spec = { unschedulable: true }));
    world.create(podObject('late', using), podObject('lost', { volumes: [{ name: 'x', persistentVolumeClaim: { claimName: 'none' } }] }));
    world.create(claimObject('none-class', { storageClassName: '' }));
    world.create(podObject('unbound', { volumes: [{ name: 'x', persistentVolumeClaim: { claimName: 'none-class' } }] }));
    world.converge();
    expect(new Set(world.events('FailedScheduling'))).toEqual(
      new Set([
        '0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
        '0/3 nodes are available: persistentvolumeclaim "none" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
        '0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
      ]),
    );
  });

  it('of ReadWriteOncePod are for one pod', () => {
    const world = worldWithPod({ accessModes: ['ReadWriteOncePod'] });
    world.create(podObject('second', using));
    world.converge();
    expect(nodeOf(world, 'second')).toBeUndefined();
    expect(world.events('FailedScheduling')[0]).toContain('ReadWriteOncePod access mode');
    world.bury(podKey('web'));
    world.converge();
    expect(nodeOf(world, 'second')).toBe(nodeOfClaim(world.state, claimOf(world)));
  });

  it('keep a dead node’s pod waiting for it', () => {
    const world = worldOf(3, 'node-1');
    world.create(claimObject());
    const set = replicaSetObject('web', 1);
    Object.assign((set.spec?.template as { spec: object }).spec, { ...using, nodeSelector: { 'kubernetes.io/hostname': 'node-2' } });
    world.create(set);
    world.converge();
    const [before] = world.pods();
    world.edit('replicasets.apps/default/web', (draft) => {
      delete (draft.spec as { template: { spec: { nodeSelector?: object } } }).template.spec.nodeSelector;
    });
    world.setMember('node-2', 'dead');
    world.converge();
    expect(world.pods().map(({ uid }) => uid)).toEqual([before?.uid]);
    expect(world.events('WaitingForVolume')[0]).toMatch(/^node-2 is dead and has the pod's local storage \(data\)/);
  });

  it('are followed by a pod that another leader had bound elsewhere', () => {
    const world = worldWithPod();
    const node = nodeOf(world, 'web');
    const other = ['node-1', 'node-2', 'node-3'].find((name) => name !== node) ?? '';
    world.edit(CLAIM, (draft) => (draft.metadata.annotations!['volume.kubernetes.io/selected-node'] = other));
    world.converge();
    expect(nodeOf(world, 'web')).toBe(other);
    expect(nodeOfVolume(world.object(volumeKey(world)))).toBe(other);
  });

  it('are kept while a pod uses them; then their volume goes to its node to be removed', () => {
    const world = worldWithPod();
    const key = volumeKey(world);
    erase(world, CLAIM);
    world.converge();
    expect(claimOf(world).object.metadata.deletionTimestamp).toBeDefined();
    expect(world.object(key).object.metadata.deletionTimestamp).toBeUndefined();
    world.bury(podKey('web'));
    world.converge();
    expect(world.state.get(CLAIM)).toBeUndefined();
    expect(world.object(key).object.metadata).toMatchObject({
      finalizers: ['kith.dev/local-volume'],
      deletionTimestamp: expect.stringMatching(/Z$/) as unknown,
    });
    expect(status(world, key)).toEqual({ phase: 'Released' });
    world.forgetMember(nodeOfVolume(world.object(key)) ?? '');
    world.bury(`members.kith.dev//peer-${nodeOfVolume(world.object(key))}`);
    world.converge();
    expect(world.state.get(key)).toBeUndefined();
  });

  it('leave a volume behind that is to be retained', () => {
    const world = worldOf(3);
    world.converge();
    world.edit('storageclasses.storage.k8s.io//local', (draft) => (draft['reclaimPolicy'] = 'Retain'));
    world.create(claimObject(), podObject('web', using));
    world.converge();
    const key = volumeKey(world);
    world.bury(podKey('web'));
    erase(world, CLAIM);
    world.converge();
    expect(world.object(key).object.metadata.deletionTimestamp).toBeUndefined();
    expect(status(world, key)).toEqual({ phase: 'Released' });
    erase(world, key);
    world.converge();
    expect(world.state.get(key)).toBeUndefined();
  });
});
