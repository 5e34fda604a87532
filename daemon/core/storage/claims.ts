/**
 * Claims of local storage: a folder of one node for each, bound when its first pod is placed. Which node that is, is desired state of the claim; its volume's name
 * follows from the claim's uid. It decides about storage that Kith provides, and leaves all other alone.
 */
import type { PersistentVolumeClaimSpec, PersistentVolumeSpec } from 'kubernetes-types/core/v1.js';
import { lifeOfUid } from '../../../protocol/identity.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { asPod } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

export const CLAIMS = 'persistentvolumeclaims';
export const VOLUMES = 'persistentvolumes';
export const CLASSES = 'storageclasses.storage.k8s.io';
export const LOCAL_PROVISIONER = 'kith.dev/local';
/** The class that every cluster begins with. */
export const LOCAL_CLASS = 'local';
export const DEFAULT_CLASS_ANNOTATION = 'storageclass.kubernetes.io/is-default-class';
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** Keeps a claim while pods use it. */
export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection';
/** Keeps a volume until its node has removed its folder. */
export const VOLUME_PROTECTION = 'kith.dev/local-volume';

export function claimSpec(claim: DesiredObject): PersistentVolumeClaimSpec {
  return claim.object.spec ?? {};
}

export function volumeSpec(volume: DesiredObject): PersistentVolumeSpec {
  return volume.object.spec ?? {};
}

const NONE: readonly ObjectKey[] = [];

/** Claims that a pod names, each once. */
export function claimKeysOf(pod: DesiredObject): readonly ObjectKey[] {
  const { volumes = [] } = asPod(pod).spec;
  if (volumes.length === 0) return NONE;
  const names = volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
  return [...new Set(names)].map((name) => objectKey(CLAIMS, pod.object.metadata.namespace ?? '', name));
}

/** Pods of the namespace that name the claim. */
export function usersOf(
  view: ClusterView & { inNamespace(namespace: string): readonly DesiredObject[] },
  claim: DesiredObject,
): DesiredObject[] {
  return view
    .inNamespace(claim.object.metadata.namespace ?? '')
    .filter((each) => each.object.kind === 'Pod' && claimKeysOf(each).includes(claim.key));
}

/** The name of a claim's volume. */
export function volumeNameOf(claim: DesiredObject): string {
  return `pvc-${claim.uid}`;
}

export function volumeKeyOf(claim: DesiredObject): ObjectKey {
  return objectKey(VOLUMES, '', volumeNameOf(claim));
}

/** Whether the claim was bound by us: to the volume that is named after it. */
export function isBound(claim: DesiredObject): boolean {
  return claimSpec(claim).volumeName === volumeNameOf(claim);
}

/** The node of a bound claim. Of two leaders' choices the merge keeps one, the same everywhere; its volume follows. */
export function nodeOfClaim(view: ClusterView, claim: DesiredObject): string | undefined {
  if (!isBound(claim)) return undefined;
  const selected = claim.object.metadata.annotations?.[SELECTED_NODE];
  if (selected !== undefined && selected !== '') return selected;
  const volume = view.get(volumeKeyOf(claim));
  return volume === undefined ? undefined : nodeOfVolume(volume);
}

export function nodeOfVolume(volume: DesiredObject): string | undefined {
  return volumeSpec(volume).nodeAffinity?.required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
}

/** The class of a claim that names none is the default one, which is the oldest that says so. */
export function classOf(view: ClusterView, claim: DesiredObject): DesiredObject | undefined {
  const name = claimSpec(claim).storageClassName;
  if (name !== undefined) return view.get(objectKey(CLASSES, '', name));
  const age = ({ object }: DesiredObject): string => `${object.metadata.creationTimestamp} ${object.metadata.name}`;
  return view
    .list(CLASSES)
    .filter(({ object }) => object.metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true')
    .sort((left, right) => (age(left) < age(right) ? -1 : 1))[0];
}

/** Why no local volume is made for a claim that is not bound yet; undefined when one is, once a pod needs it. */
export function whyNoVolume(view: ClusterView, claim: DesiredObject): { reason: string; message: string } | undefined {
  const spec = claimSpec(claim);
  const refused = (what: string) => ({ reason: 'ProvisioningFailed', message: `local volumes have no ${what}` });
  if (spec.volumeName !== undefined && spec.volumeName !== '')
    return { reason: 'FailedBinding', message: `volume "${spec.volumeName}" is not of local storage: nothing binds it` };
  const found = classOf(view, claim);
  if (found === undefined) {
    const { storageClassName = '' } = spec;
    if (storageClassName === '') {
      return { reason: 'FailedBinding', message: 'no persistent volumes available for this claim and no storage class is set' };
    }
    return { reason: 'ProvisioningFailed', message: `storageclass.storage.k8s.io "${storageClassName}" not found` };
  }
  const { provisioner } = found.object as StoredObject & { provisioner?: string };
  if (provisioner !== LOCAL_PROVISIONER) {
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner ?? ''}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    return { reason: 'ExternalProvisioning', message };
  }
  if (spec.volumeMode === 'Block') return refused('volumeMode Block');
  if (spec.selector !== undefined) return refused('labels to select by (spec.selector)');
  if (spec.dataSource !== undefined || spec.dataSourceRef !== undefined) return refused('data source to begin with');
  return undefined;
}

/** A claim as it is once it is bound to a node. */
export function boundClaim(claim: DesiredObject, className: string, node: string): StoredObject {
  const { object } = claim;
  const { metadata } = object;
  const finalizers = [...new Set([...(metadata.finalizers ?? []), CLAIM_PROTECTION])];
  const annotations = {
    ...metadata.annotations,
    [SELECTED_NODE]: node,
    'pv.kubernetes.io/bind-completed': 'yes',
    'pv.kubernetes.io/bound-by-controller': 'yes',
    'volume.kubernetes.io/storage-provisioner': LOCAL_PROVISIONER,
  };
  const spec = { ...claimSpec(claim), storageClassName: className, volumeName: volumeNameOf(claim) };
  return { ...object, metadata: { ...metadata, annotations, finalizers }, spec };
}

/** The volume of a claim. The same whoever makes it, but for the node. */
export function volumeObject(claim: DesiredObject, storageClass: DesiredObject, node: string): StoredObject {
  const { metadata } = claim.object;
  const name = volumeNameOf(claim);
  const { accessModes, resources } = claimSpec(claim);
  const { reclaimPolicy } = storageClass.object as StoredObject & { reclaimPolicy?: string };
  const spec: PersistentVolumeSpec = {
    accessModes,
    capacity: { storage: resources?.requests?.['storage'] ?? '0' },
    claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: metadata.namespace, name: metadata.name, uid: claim.uid },
    // Below the data folder of its node's daemon.
    local: { path: `volumes/${name}` },
    nodeAffinity: affinityTo(node),
    persistentVolumeReclaimPolicy: reclaimPolicy ?? 'Delete',
    storageClassName: storageClass.object.metadata.name,
    volumeMode: 'Filesystem',
  };
  const annotations = { [PROVISIONED_BY]: LOCAL_PROVISIONER };
  const { creationTimestamp } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, uid: '', creationTimestamp, annotations, finalizers: [VOLUME_PROTECTION] },
    spec,
  };
}

export function affinityTo(node: string): NonNullable<PersistentVolumeSpec['nodeAffinity']> {
  return { required: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] } };
}

/** Whether we made it. */
export function isLocalVolume({ object }: DesiredObject): boolean {
  return object.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER && /^pvc-[0-9a-f-]{36}$/.test(object.metadata.name);
}

export function claimKeyOfVolume(volume: DesiredObject): ObjectKey | undefined {
  const { namespace, name } = volumeSpec(volume).claimRef ?? {};
  return name === undefined ? undefined : objectKey(CLAIMS, namespace ?? '', name);
}

/** Its claim's life is buried; that it has not arrived yet is no reason to give the volume up. */
export function isReleased(view: ClusterView, volume: DesiredObject): boolean {
  const key = claimKeyOfVolume(volume);
  const life = lifeOfUid(volumeSpec(volume).claimRef?.uid ?? '');
  return key !== undefined && life !== undefined && view.buriedLife(key) >= life;
}

/** A volume whose folder is to be removed. */
export function isToBeRemoved(view: ClusterView, volume: DesiredObject): boolean {
  const isGoing = volume.object.metadata.deletionTimestamp !== undefined;
  return isGoing && isLocalVolume(volume) && volumeSpec(volume).persistentVolumeReclaimPolicy === 'Delete' && isReleased(view, volume);
}
