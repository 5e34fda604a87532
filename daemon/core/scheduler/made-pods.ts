import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { EventDraft } from '../decisions.ts';
import { claimKeysOf } from '../storage/claims.ts';
import { isForUs, scheduledEvent } from './bindings.ts';

/**
 * Pods that these mutations are about to make and that can be bound in the same write: then a pod is one change of its document, and its node hears of both at once. One with
 * claims is bound when it is there, as its claims are written with it. They have no uid yet: their key stands for it.
 */
export function madePods(mutations: readonly Mutation[]): DesiredObject[] {
  return mutations.flatMap((mutation): DesiredObject[] => {
    if (mutation.type !== 'create' || parseObjectKey(mutation.key).resource !== 'pods') return [];
    const { key, object } = mutation;
    const pod: DesiredObject = { key, life: 0, uid: key, object, heads: [], conflicts: [] };
    return object.kith?.binding === undefined && isForUs(pod) && claimKeysOf(pod).length === 0 ? [pod] : [];
  });
}

/** The same mutations with the bindings in them, and what is to be told of that. */
export function withBindings(
  mutations: readonly Mutation[],
  bindings: ReadonlyMap<ObjectKey, Binding>,
): { mutations: Mutation[]; events: EventDraft[] } {
  const events: EventDraft[] = [];
  const bound = mutations.map((mutation): Mutation => {
    const binding = mutation.type === 'create' ? bindings.get(mutation.key) : undefined;
    if (mutation.type !== 'create' || binding === undefined) return mutation;
    const object = { ...mutation.object, kith: { ...mutation.object.kith, binding } };
    events.push(scheduledEvent(object, binding.node));
    return { ...mutation, object };
  });
  return { mutations: bound, events };
}
