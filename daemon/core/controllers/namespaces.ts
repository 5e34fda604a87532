import { PRIORITY_CLASSES, SYSTEM_CLASSES } from '../admission/priority.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Member, Namespace } from '../../../protocol/types.ts';
import { CLUSTER_BINDINGS, CLUSTER_ROLES } from '../authorization/authorizer.ts';
import { defaultRoles } from '../authorization/default-roles.ts';
import { MEMBERS } from '../cluster/membership.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { CLASSES, DEFAULT_CLASS_ANNOTATION, LOCAL_CLASS, LOCAL_PROVISIONER } from '../storage/claims.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import { deleteMutations, holdsFinalizers } from './deletion-world.ts';

/** Namespaces that every cluster has. */
export const DEFAULT_NAMESPACES: readonly string[] = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
/** Objects ended in one pass; the rest follow. */
const BURST = 500;

/** A namespace that is deleted: all in it goes first, then it. */
export function planNamespace(view: ClusterIndex, namespace: DesiredObject, now: Now): Decision[] {
  if (!isDeleting(namespace)) return planDefaultAccount(view, namespace);
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

/** Every namespace has a service account that its pods are unless they say otherwise: one that is deleted comes back. */
function planDefaultAccount(view: ClusterIndex, { object }: DesiredObject): Decision[] {
  const { name: namespace, creationTimestamp } = object.metadata;
  const key = objectKey('serviceaccounts', namespace, 'default');
  if (view.get(key) !== undefined) return [];
  const metadata = { name: 'default', namespace, uid: '', creationTimestamp };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  const mutations: Mutation[] = [{ type: 'create', key, object: account, orMerge: true }];
  return [{ do: 'write', mutations, reason: `namespace ${namespace} has no default service account` }];
}

/** Makes the roles that every cluster begins with; what somebody changed or deleted of them stays so. */
export function planDefaultRoles(view: ClusterIndex): Decision[] {
  const creationTimestamp = foundedAt(view);
  if (creationTimestamp === undefined) return [];
  const mutations = defaultRoles(creationTimestamp).flatMap((object): Mutation[] => {
    const resource = object.kind === 'ClusterRole' ? CLUSTER_ROLES : CLUSTER_BINDINGS;
    const key = objectKey(resource, '', object.metadata.name);
    return view.get(key) !== undefined || view.buriedLife(key) > 0 ? [] : [{ type: 'create', key, object, orMerge: true }];
  });
  return mutations.length === 0 ? [] : [{ do: 'write', mutations, reason: 'every cluster begins with these roles' }];
}

/** Makes the class of local storage, the default one; changed or deleted it stays so. */
export function planDefaultClass(view: ClusterIndex): Decision[] {
  const creationTimestamp = foundedAt(view);
  const key = objectKey(CLASSES, '', LOCAL_CLASS);
  if (creationTimestamp === undefined || view.get(key) !== undefined || view.buriedLife(key) > 0) return [];
  const annotations = { [DEFAULT_CLASS_ANNOTATION]: 'true' };
  const object = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: LOCAL_CLASS, uid: '', creationTimestamp, annotations },
    provisioner: LOCAL_PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  return [{ do: 'write', mutations: [{ type: 'create', key, object, orMerge: true }], reason: 'every cluster begins with local storage' }];
}

/** Makes the classes of importance that every cluster has; deleted ones come back no more, as they count all the same. */
export function planDefaultPriorities(view: ClusterIndex): Decision[] {
  const creationTimestamp = foundedAt(view);
  if (creationTimestamp === undefined) return [];
  const mutations = SYSTEM_CLASSES.flatMap(({ name, value, description }): Mutation[] => {
    const key = objectKey(PRIORITY_CLASSES, '', name);
    if (view.get(key) !== undefined || view.buriedLife(key) > 0) return [];
    const metadata = { name, uid: '', creationTimestamp };
    const object = {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata,
      value,
      description,
      preemptionPolicy: 'PreemptLowerPriority',
    };
    return [{ type: 'create', key, object, orMerge: true }];
  });
  return mutations.length === 0 ? [] : [{ do: 'write', mutations, reason: 'every cluster has these classes of importance' }];
}

/** When the founder was made a member, or the oldest that is left. */
function foundedAt(view: ClusterIndex): string | undefined {
  const members = view.list(MEMBERS).map(({ object }) => object as Member);
  const founder = members.find(({ spec }) => spec.admittedBy === spec.peerId);
  if (founder !== undefined) return founder.metadata.creationTimestamp;
  return members.map(({ metadata }) => metadata.creationTimestamp).sort()[0];
}
