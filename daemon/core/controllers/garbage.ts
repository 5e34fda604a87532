import { lifeOfUid } from '../../../protocol/identity.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject, OwnerReference } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { isDeleting, ownerKey } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation, PROPAGATION_FINALIZERS } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import { isOfBuriedKind } from './custom-definitions.ts';
import { deleteMutations, holdsFinalizers } from './deletion-world.ts';

const { Orphan: ORPHAN, Foreground: FOREGROUND } = PROPAGATION_FINALIZERS;
/** Dependents seen to in one write; the rest follow. More than one write takes would never be written. */
const BURST = 500;
/** Until they do, ms. */
const REST_MS = 100;

/**
 * Garbage collection of one object. It goes when every owner's life is buried, or when its namespace or its kind is; never because one of them is absent: that may only
 * mean that it has not arrived yet.
 */
export function planGarbage(view: ClusterIndex, desired: DesiredObject, now: Now): Decision[] {
  if (isDeleting(desired)) return planDeleting(view, desired, now);
  const namespace = desired.object.metadata.namespace ?? '';
  if (namespace !== '' && isBuriedNamespace(view, namespace)) return deletion(view, desired, now, `namespace ${namespace} is deleted`);
  if (isOfBuriedKind(view, desired)) return deletion(view, desired, now, 'the definition of its kind is deleted');
  const owners = desired.object.metadata.ownerReferences ?? [];
  const dead = owners.filter((owner) => isDeadOwner(view, owner, namespace));
  if (dead.length === 0) return [];
  const names = dead.map(({ kind, name }) => `${kind} ${name}`).join(', ');
  if (dead.length === owners.length) return deletion(view, desired, now, `its owner is deleted: ${names}`);
  const left = owners.filter((owner) => !dead.includes(owner));
  const next = { ...desired.object, metadata: { ...desired.object.metadata, ownerReferences: left } };
  const update: Mutation = { type: 'update', key: desired.key, uid: desired.uid, base: desired.object, next };
  return [{ do: 'write', mutations: [update], reason: `another owner lives; deleted: ${names}` }];
}

/** An owner reference is dead when the life that its uid names is buried. */
export function isDeadOwner(view: ClusterIndex, owner: OwnerReference, namespace: string): boolean {
  const life = lifeOfUid(owner.uid);
  return life !== undefined && view.buriedLife(ownerKey(owner, namespace)) >= life;
}

function isBuriedNamespace(view: ClusterIndex, namespace: string): boolean {
  const key = objectKey('namespaces', '', namespace);
  return view.get(key) === undefined && view.buriedLife(key) > 0;
}

function deletion(view: ClusterIndex, desired: DesiredObject, now: Now, reason: string): Decision[] {
  const mutations = deleteMutations(view, desired, now.wall);
  return mutations.length === 0 ? [] : [{ do: 'write', mutations, reason }];
}

/** The two finalizers that are ours to serve, and the end of what nothing holds. Pods, namespaces and definitions have planners of their own for that. */
function planDeleting(view: ClusterIndex, desired: DesiredObject, now: Now): Decision[] {
  const finalizers = desired.object.metadata.finalizers ?? [];
  if (finalizers.includes(ORPHAN)) return planOrphaning(view, desired, now);
  if (finalizers.includes(FOREGROUND)) return planForeground(view, desired, now);
  const { kind } = desired.object;
  if (holdsFinalizers(desired) || kind === 'Pod' || kind === 'Namespace' || kind === 'CustomResourceDefinition') return [];
  return [{ do: 'write', mutations: [buryMutation(desired, now.wall)], reason: 'it is deleted and nothing holds it any more' }];
}

function planOrphaning(view: ClusterIndex, desired: DesiredObject, now: Now): Decision[] {
  const dependents = view.dependentsOf(desired.uid);
  const freed = dependents.slice(0, BURST).map(({ key, uid, object }): Mutation => {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== desired.uid);
    return { type: 'update', key, uid, base: object, next: { ...object, metadata: { ...object.metadata, ownerReferences } } };
  });
  const reason = 'its dependents go on without it';
  if (dependents.length > BURST)
    return [
      { do: 'write', mutations: freed, reason },
      { do: 'wake', key: desired.key, at: now.monotonic + REST_MS },
    ];
  return [{ do: 'write', mutations: [...freed, ...finish(desired, ORPHAN, now)], reason }];
}

function planForeground(view: ClusterIndex, desired: DesiredObject, now: Now): Decision[] {
  const dependents = view.dependentsOf(desired.uid);
  const going = dependents
    .filter((dependent) => !isDeleting(dependent))
    .slice(0, BURST)
    .flatMap((dependent) => deleteMutations(view, dependent, now.wall, { propagation: 'Foreground' }));
  if (going.length > 0)
    return [
      { do: 'write', mutations: going, reason: `${desired.object.metadata.name} waits for its dependents to go` },
      { do: 'wake', key: desired.key, at: now.monotonic + REST_MS },
    ];
  const blocked = dependents.some(({ object }) =>
    (object.metadata.ownerReferences ?? []).some((owner) => owner.uid === desired.uid && owner.blockOwnerDeletion === true),
  );
  return blocked ? [] : [{ do: 'write', mutations: finish(desired, FOREGROUND, now), reason: 'its dependents are gone' }];
}

/** Takes a finalizer away; the object goes with its last one. */
function finish(desired: DesiredObject, finalizer: string, now: Now): Mutation[] {
  const finalizers = (desired.object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  if (finalizers.length === 0) return [buryMutation(desired, now.wall)];
  const next = { ...desired.object, metadata: { ...desired.object.metadata, finalizers } };
  return [{ type: 'update', key: desired.key, uid: desired.uid, base: desired.object, next }];
}
