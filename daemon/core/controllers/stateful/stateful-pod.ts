import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../../protocol/objects.ts';
import type { Pod, PodTemplateSpec, StatefulSetSpec } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { REVISION_HASH_LABEL } from '../revisions.ts';

/** Upstream's labels of a pod that has a number. */
const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const INDEX_LABEL = 'apps.kubernetes.io/pod-index';

export interface Claim {
  /** Of the template: the volume's name. */
  template: string;
  key: ObjectKey;
  object: StoredObject;
}

/** The pod of a number: the same name whenever it is made, so that it finds its storage and others find it. */
export function createStatefulPod(
  owner: DesiredObject,
  ordinal: number,
  revision: string,
  template: PodTemplateSpec,
  wallMs: number,
): Extract<Mutation, { type: 'create' }> {
  const { apiVersion, kind, metadata } = owner.object;
  const { serviceName } = owner.object.spec as StatefulSetSpec;
  const name = `${metadata.name}-${ordinal}`;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const spec = template.spec ?? { containers: [] };
  const claimed = claimsOf(owner, ordinal, wallMs).map(({ template: volume, key }) => ({
    name: volume,
    persistentVolumeClaim: { claimName: parseObjectKey(key).name },
  }));
  const others = (spec.volumes ?? []).filter((volume) => !claimed.some((each) => each.name === volume.name));
  const volumes = [...others, ...claimed];
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: metadata.namespace,
      // Set by the replica, which alone knows the life.
      uid: '',
      creationTimestamp: formatTime(wallMs),
      generateName: `${metadata.name}-`,
      labels: { ...labels, [INDEX_LABEL]: `${ordinal}`, [REVISION_HASH_LABEL]: revision, [POD_NAME_LABEL]: name },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: owner.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(serviceName === undefined || serviceName === '' ? {} : { subdomain: serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
  return { type: 'create', key: objectKey('pods', metadata.namespace ?? '', name), object, orMerge: true };
}

/** What a number stores: a claim for each template, which outlives the pod. */
export function claimsOf(owner: DesiredObject, ordinal: number, wallMs: number): Claim[] {
  const { apiVersion, kind, metadata } = owner.object;
  const spec = owner.object.spec as StatefulSetSpec;
  const { volumeClaimTemplates = [], selector } = spec;
  const whenDeleted = spec.persistentVolumeClaimRetentionPolicy?.whenDeleted;
  return volumeClaimTemplates.map((template): Claim => {
    const volume = template.metadata?.name ?? '';
    const name = `${volume}-${metadata.name}-${ordinal}`;
    const { labels, annotations } = template.metadata ?? {};
    const object: StoredObject = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name,
        namespace: metadata.namespace,
        uid: '',
        creationTimestamp: formatTime(wallMs),
        labels: { ...labels, ...selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
        ...(whenDeleted === 'Delete' ? { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: owner.uid }] } : {}),
      },
      spec: template.spec,
    };
    return { template: volume, key: objectKey('persistentvolumeclaims', metadata.namespace ?? '', name), object };
  });
}
