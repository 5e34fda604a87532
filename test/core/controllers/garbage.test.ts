import { describe, expect, it } from 'vitest';
import type { OwnerReference, StoredObject } from '../../../protocol/objects.ts';
import { DEFAULT_NAMESPACES } from '../../../daemon/core/controllers/namespaces.ts';
import type { ClusterWorld } from '../../support/cluster-view.ts';
import { EPOCH_MS, keyOf, podKey, podObject, readyStatus, replicaSetObject, worldOf } from '../../support/cluster-view.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { deriveUid } from '../../../protocol/identity.ts';

const DELETED = '2026-01-01T00:00:30Z';

function configMap(name: string, owners: OwnerReference[] = [], more: Partial<StoredObject['metadata']> = {}): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS), ownerReferences: owners, ...more },
  };
}

function ownerOf(world: ClusterWorld, name: string, block = false): OwnerReference {
  const { uid } = world.object(`configmaps/default/${name}`);
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, ...(block ? { blockOwnerDeletion: true } : {}) };
}

function namespace(name: string): StoredObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: '', creationTimestamp: formatTime(EPOCH_MS) }, spec: {} };
}

const exists = (world: ClusterWorld, name: string): boolean => world.state.get(`configmaps/default/${name}`) !== undefined;

describe('garbage collection', () => {
  it('ends what belonged to an owner whose life is buried, and what belonged to that', () => {
    const world = worldOf(1);
    world.create(configMap('owner'));
    world.create(configMap('child', [ownerOf(world, 'owner')]));
    world.create(configMap('grandchild', [ownerOf(world, 'child')]));
    world.bury('configmaps/default/owner');
    world.converge();
    expect(exists(world, 'child')).toBe(false);
    expect(exists(world, 'grandchild')).toBe(false);
  });

  it('does not touch dependents of an owner that is merely absent', () => {
    const world = worldOf(1);
    const uid = deriveUid('test', 'configmaps/default/unseen', 1);
    world.create(configMap('child', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'unseen', uid }]));
    world.converge();
    expect(exists(world, 'child')).toBe(true);
  });

  it('does not take the next life of an owner for the one that is buried', () => {
    const world = worldOf(1);
    world.create(configMap('owner'));
    world.bury('configmaps/default/owner');
    world.create(configMap('owner'));
    world.create(configMap('child', [ownerOf(world, 'owner')]));
    world.converge();
    expect(exists(world, 'child')).toBe(true);
  });

  it('keeps what has another living owner, without the dead one', () => {
    const world = worldOf(1);
    world.create(configMap('one'), configMap('two'));
    world.create(configMap('child', [ownerOf(world, 'one'), ownerOf(world, 'two')]));
    world.bury('configmaps/default/one');
    world.converge();
    expect(world.object('configmaps/default/child').object.metadata.ownerReferences?.map(({ name }) => name)).toEqual(['two']);
  });

  it('waits for finalizers, and buries when the last one is gone', () => {
    const world = worldOf(1);
    world.create(configMap('held', [], { finalizers: ['example.com/hold'], deletionTimestamp: DELETED }));
    world.converge();
    expect(exists(world, 'held')).toBe(true);
    world.edit('configmaps/default/held', (draft) => void (draft.metadata.finalizers = []));
    world.converge();
    expect(exists(world, 'held')).toBe(false);
  });

  it.each(['foregroundDeletion', 'orphan'])('sees to very many dependents in writes that are taken: %s', (finalizer) => {
    const world = worldOf(1);
    world.create(configMap('owner'));
    const owners = [ownerOf(world, 'owner', true)];
    const names = Array.from({ length: 1_100 }, (_, index) => `child-${index}`);
    world.create(...names.map((name) => configMap(name, owners)));
    world.edit('configmaps/default/owner', (draft) => {
      draft.metadata = { ...draft.metadata, finalizers: [finalizer], deletionTimestamp: DELETED };
    });
    world.converge();
    expect(exists(world, 'owner')).toBe(false);
    expect(names.filter((name) => exists(world, name))).toHaveLength(finalizer === 'orphan' ? names.length : 0);
    expect(Math.max(...world.units.map(({ mutations }) => mutations.length))).toBeLessThanOrEqual(501);
  });

  it('serves the foreground policy: dependents first, then the owner', () => {
    const world = worldOf(1);
    world.create(configMap('owner'));
    world.create(configMap('child', [ownerOf(world, 'owner', true)], { finalizers: ['example.com/hold'] }));
    world.edit('configmaps/default/owner', (draft) => {
      draft.metadata = { ...draft.metadata, finalizers: ['foregroundDeletion'], deletionTimestamp: DELETED };
    });
    world.converge();
    expect(exists(world, 'owner')).toBe(true);
    world.edit('configmaps/default/child', (draft) => void (draft.metadata.finalizers = []));
    world.converge();
    expect(exists(world, 'child')).toBe(false);
    expect(exists(world, 'owner')).toBe(false);
  });

  it('serves the orphan policy: dependents go on without an owner', () => {
    const world = worldOf(1);
    world.create(replicaSetObject('web', 2));
    world.converge();
    world.edit('replicasets.apps/default/web', (draft) => {
      draft.metadata = { ...draft.metadata, finalizers: ['orphan'], deletionTimestamp: DELETED };
    });
    world.converge();
    expect(world.state.get('replicasets.apps/default/web')).toBeUndefined();
    expect(world.pods().map(({ object }) => object.metadata.ownerReferences)).toEqual([[], []]);
  });
});

describe('pods that no node will end', () => {
  it('are buried when they are deleted and their node is dead, but left to a node that lives', () => {
    const world = worldOf(3);
    for (const [name, node] of [
      ['dead', 'node-2'],
      ['alive', 'node-3'],
    ] as const) {
      world.create(podObject(name));
      world.bind(podKey(name), node);
      world.edit(podKey(name), (draft) => void (draft.metadata.deletionTimestamp = DELETED));
    }
    world.setMember('node-2', 'dead');
    world.decide();
    expect(world.state.get(podKey('dead'))).toBeUndefined();
    expect(world.state.get(podKey('alive'))).toBeDefined();
  });

  it('are buried some time after their node was removed, and replaced', () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.converge();
    const [lost] = world.state.podsOnNode('node-2');
    world.bury('members.kith.dev//peer-node-2');
    world.decide();
    expect(world.state.get(lost!.key)).toBeDefined();
    world.converge({ quietMs: 60_000 });
    expect(world.state.get(lost!.key)).toBeUndefined();
    expect(world.state.podsOnNode('node-1')).toHaveLength(2);
    expect(world.state.get('nodes//node-2')).toBeUndefined();
  });
});

describe('namespaces', () => {
  it('are emptied, then buried, when they are deleted', () => {
    const world = worldOf(1);
    world.create(namespace('team'));
    const inTeam = (object: StoredObject): StoredObject => ({ ...object, metadata: { ...object.metadata, namespace: 'team' } });
    const objects = [inTeam(configMap('a')), inTeam(podObject('b')), inTeam(replicaSetObject('c', 2))];
    world.create(...objects);
    world.converge();
    world.reportPod('pods/team/b', readyStatus(world.now.wall));
    world.edit('namespaces//team', (draft) => void (draft.metadata.deletionTimestamp = DELETED));
    world.converge();
    for (const object of objects) expect(world.state.get(keyOf(object))).toBeUndefined();
    expect(world.state.inNamespace('team')).toEqual([]);
    expect(world.state.get('namespaces//team')).toBeUndefined();
  });

  it('take with them what another side put in while they were deleted', () => {
    const world = worldOf(1);
    world.create(namespace('team'));
    world.bury('namespaces//team');
    world.create({ ...configMap('late'), metadata: { ...configMap('late').metadata, namespace: 'team' } });
    world.converge();
    expect(world.state.get('configmaps/team/late')).toBeUndefined();
  });

  it('of every cluster are made the same by all, once, and stay deleted', () => {
    const [one, other] = [worldOf(2, 'node-1'), worldOf(2, 'node-2')];
    for (const world of [one, other]) {
      world.setLeader(world.state.self.node);
      world.elapsed += world === other ? 5_000 : 0;
      world.converge();
    }
    for (const name of DEFAULT_NAMESPACES) expect(other.object(`namespaces//${name}`)).toEqual(one.object(`namespaces//${name}`));
    one.bury('namespaces//kube-public');
    one.converge();
    expect(one.state.get('namespaces//kube-public')).toBeUndefined();
  });
});

describe('nodes', () => {
  it('are made for every member', () => {
    const world = worldOf(1);
    world.bury('nodes//node-1');
    world.converge();
    expect(world.object('nodes//node-1').object.metadata.annotations).toEqual({ 'kith.dev/peer': 'peer-node-1' });
  });
});
