import { describe, expect, it } from 'vitest';
import { type DeletionWorld, endsLife, planDeletion } from '../../daemon/core/deletion.ts';
import type { DesiredObject, KithFields, ObjectMeta, StoredObject } from '../../protocol/objects.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00.900Z');
const world: DeletionWorld = { nodeIsMember: (node) => node === 'node-1' };
const binding = { node: 'node-1', membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at: '' } as const;

function desired(key: string, metadata: Partial<ObjectMeta> = {}, spec: object = {}, kith?: KithFields): DesiredObject {
  const object: StoredObject = {
    apiVersion: 'v1',
    kind: 'X',
    metadata: { name: 'x', uid: 'u', creationTimestamp: '', ...metadata },
    spec,
    kith,
  };
  return { key, life: 1, uid: 'u', object, heads: [], conflicts: [] };
}

function metadataAfter(target: DesiredObject, request = {}): Partial<ObjectMeta> | string {
  const plan = planDeletion(world, target, request, NOW_MS);
  const [mutation] = plan.mutations;
  return mutation?.type === 'update' ? mutation.next.metadata : plan.outcome;
}

describe('planDeletion', () => {
  it('buries what nothing holds', () => {
    expect(planDeletion(world, desired('deployments.apps/default/x'), {}, NOW_MS)).toMatchObject({
      outcome: 'buried',
      mutations: [{ type: 'bury', key: 'deployments.apps/default/x', uid: 'u', at: '2026-01-01T00:00:00Z' }],
    });
  });

  it('of a node removes its member and takes every join token back, since the host knows their secrets', () => {
    const [node, member, token] = ['nodes//node-1', 'members.kith.dev//p', 'jointokens.kith.dev//t'].map((key) => desired(key)) as [
      DesiredObject,
      DesiredObject,
      DesiredObject,
    ];
    const plan = planDeletion({ ...world, memberOf: () => member, joinTokens: () => [token] }, node, {}, NOW_MS);
    expect(plan.mutations.map(({ type, key }) => [type, key])).toEqual([member, node, token].map(({ key }) => ['bury', key]));
    const other = planDeletion({ ...world, joinTokens: () => [token] }, desired('deployments.apps/default/x'), {}, NOW_MS);
    expect(other.mutations).toHaveLength(1);
  });

  it('marks what finalizers hold, once', () => {
    const held = desired('deployments.apps/default/x', { finalizers: ['a/b'] });
    expect(metadataAfter(held)).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
    const marked = desired('deployments.apps/default/x', { finalizers: ['a/b'], deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(metadataAfter(marked)).toBe('unchanged');
  });

  it('goes by what was asked last of what becomes of its dependents, also when it is held already', () => {
    const marked = (...finalizers: string[]): DesiredObject =>
      desired('deployments.apps/default/x', { finalizers, deletionTimestamp: '2025-12-31T00:00:00Z' });
    const asked = (propagation: string, ...finalizers: string[]) => metadataAfter(marked(...finalizers), { propagation });
    const deletionTimestamp = '2025-12-31T00:00:00Z';
    expect(asked('Foreground', 'a/b')).toMatchObject({ deletionTimestamp, finalizers: ['a/b', 'foregroundDeletion'] });
    expect(asked('Orphan', 'a/b', 'foregroundDeletion')).toMatchObject({ deletionTimestamp, finalizers: ['a/b', 'orphan'] });
    expect(asked('Orphan', 'a/b', 'orphan')).toBe('unchanged');
  });

  it('marks a bound pod with the grace period asked for, its own, or 30 seconds', () => {
    const pod = (spec: object): DesiredObject => desired('pods/default/x', {}, spec, { binding });
    expect(metadataAfter(pod({}))).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 });
    expect(metadataAfter(pod({ terminationGracePeriodSeconds: 5 }))).toMatchObject({ deletionGracePeriodSeconds: 5 });
    expect(metadataAfter(pod({}), { gracePeriodSeconds: 7 })).toMatchObject({ deletionGracePeriodSeconds: 7 });
    expect(metadataAfter(pod({}), { gracePeriodSeconds: -1 })).toMatchObject({ deletionGracePeriodSeconds: 1 });
  });

  it('buries a pod at once that no node has to stop', () => {
    expect(metadataAfter(desired('pods/default/x'))).toBe('buried');
    expect(metadataAfter(desired('pods/default/x', {}, {}, { binding }), { gracePeriodSeconds: 0 })).toBe('buried');
    expect(metadataAfter(desired('pods/default/x', {}, {}, { binding: { ...binding, node: 'removed' } }))).toBe('buried');
    const outcome = { phase: 'Succeeded', node: 'node-1', finishedAt: '' } as const;
    expect(metadataAfter(desired('pods/default/x', {}, {}, { binding, outcome }))).toBe('buried');
  });

  it('marks an unbound pod that finalizers hold', () => {
    expect(metadataAfter(desired('pods/default/x', { finalizers: ['a/b'] }))).toMatchObject({ deletionGracePeriodSeconds: 0 });
  });

  it('shortens the grace period of a marked pod and never lengthens it', () => {
    const marked = desired(
      'pods/default/x',
      { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
      {},
      { binding },
    );
    expect(metadataAfter(marked, { gracePeriodSeconds: 60 })).toBe('unchanged');
    expect(metadataAfter(marked)).toBe('unchanged');
    expect(metadataAfter(marked, { gracePeriodSeconds: 3 })).toMatchObject({
      deletionGracePeriodSeconds: 3,
      deletionTimestamp: '2026-01-01T00:00:03Z',
    });
    expect(metadataAfter(marked, { gracePeriodSeconds: 0 })).toBe('buried');
  });

  it('leaves a namespace to whoever empties it', () => {
    expect(metadataAfter(desired('namespaces//x'))).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z' });
  });
});

describe('endsLife', () => {
  const marked = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0, finalizers: ['a/b'] };
  const without = (target: DesiredObject): StoredObject => ({ ...target.object, metadata: { ...target.object.metadata, finalizers: [] } });

  it('is so when the last finalizer of a marked object goes', () => {
    const target = desired('deployments.apps/default/x', marked);
    expect(endsLife(target, without(target))).toBe(true);
    expect(endsLife(target, target.object)).toBe(false);
  });

  it('is not so for what is not marked, for a pod that runs, and for a namespace', () => {
    for (const target of [
      desired('deployments.apps/default/x', { finalizers: ['a/b'] }),
      desired('pods/default/x', { ...marked, deletionGracePeriodSeconds: 30 }, {}, { binding }),
      desired('namespaces//x', marked),
    ]) {
      expect(endsLife(target, without(target))).toBe(false);
    }
  });
});
