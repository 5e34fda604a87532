import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Member, Namespace } from '../../../protocol/types.ts';
import { MEMBERS } from '../cluster/membership.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import { deleteMutations, holdsFinalizers } from './deletion-world.ts';

/** Namespaces that every cluster has. */
export const DEFAULT_NAMESPACES: readonly string[] = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
/** Objects ended in one pass; the rest follow. */
const BURST = 500;

/** A namespace that is deleted: all in it goes first, then it. */
export function planNamespace(view: ClusterIndex, namespace: DesiredObject, now: Now): Decision[] {
  if (!isDeleting(namespace)) return [];
  const { name } = namespace.object.metadata;
  const contents = view.inNamespace(name);
  if (contents.length === 0) {
    if (holdsFinalizers(namespace)) return [];
    return [{ do: 'write', mutations: [buryMutation(namespace, now.wall)], reason: 'nothing is left in it' }];
  }
  const reason = `namespace ${name} is deleted`;
  return contents
    .filter((object) => !isDeleting(object))
    .slice(0, BURST)
    .map((object): Decision => ({ do: 'write', mutations: deleteMutations(view, object, now.wall), reason }));
}

/**
 * Makes the namespaces that every cluster has. All that goes in is the same on every peer: their age is that of the cluster's first member. One that was
 * deleted stays so.
 */
export function planDefaultNamespaces(view: ClusterIndex): Decision[] {
  const creationTimestamp = foundedAt(view);
  if (creationTimestamp === undefined) return [];
  const mutations = DEFAULT_NAMESPACES.flatMap((name): Mutation[] => {
    const key = objectKey('namespaces', '', name);
    if (view.get(key) !== undefined || view.buriedLife(key) > 0) return [];
    const object: Namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: '', creationTimestamp, labels: { 'kubernetes.io/metadata.name': name } },
      spec: { finalizers: ['kubernetes'] },
    };
    return [{ type: 'create', key, object, orMerge: true }];
  });
  return mutations.length === 0 ? [] : [{ do: 'write', mutations, reason: 'every cluster has these namespaces' }];
}

/** When the founder was made a member, or the oldest that is left. */
function foundedAt(view: ClusterIndex): string | undefined {
  const members = view.list(MEMBERS).map(({ object }) => object as Member);
  const founder = members.find(({ spec }) => spec.admittedBy === spec.peerId);
  if (founder !== undefined) return founder.metadata.creationTimestamp;
  return members.map(({ metadata }) => metadata.creationTimestamp).sort()[0];
}
