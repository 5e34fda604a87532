import type { KubeObject } from '../../objects.ts';
import { any, boolean, list, map, object, oneOf, quantity, string, stringMap, strings } from '../../schema/build.ts';
import { column, fieldColumn, fieldOf } from '../columns.ts';
import { nodeSelectorSchema } from '../affinity.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { HOST_PATH_TYPES } from '../volume.ts';
import type { Schema } from '../../schema/schema.ts';
import { objectReferenceSchema, typedReferenceSchema } from './references.ts';
import {
  validateClaim,
  validateClaimUpdate,
  validateStorageClass,
  validateStorageClassUpdate,
  validateVolumeSpec,
  validateVolumeUpdate,
} from './storage-validation.ts';
import { storedKind } from './stored-kind.ts';

/** Storage. Claims of local volumes are bound and mounted (core/storage); all else is kept as written. */

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const accessModes = strings('How it may be mounted.');
const volumeMode = oneOf('A file system, or raw.', ['Block', 'Filesystem'], { default: 'Filesystem' });
const amounts = map('Amounts by resource.', quantity('An amount.'));

function showModes(object: KubeObject, path: string): string {
  const modes = fieldOf(object, path);
  return Array.isArray(modes) ? modes.map((mode) => SHORT_MODES[String(mode)] ?? String(mode)).join(',') : '';
}

function showPhase(object: KubeObject, first: string): string {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return (fieldOf(object, 'status.phase') as string | undefined) ?? first;
}

export const persistentVolumeClaimKind = storedKind({
  group: '',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  description: 'Storage that is asked for.',
  storesStatus: true,
  fields: {
    spec: object(
      'PersistentVolumeClaimSpec',
      'What is asked for.',
      {
        accessModes: { ...accessModes, missing: { detail: 'at least 1 access mode is required' } },
        selector: labelSelectorSchema,
        resources: object('VolumeResourceRequirements', 'How much.', { requests: amounts, limits: amounts }, { default: {} }),
        storageClassName: string('Class of the storage.'),
        volumeMode,
        volumeName: string('The volume.'),
        dataSource: { ...typedReferenceSchema, required: [] },
        dataSourceRef: object('TypedObjectReference', 'Where its first content comes from.', {
          apiGroup: string('API group.'),
          kind: string('Kind.'),
          name: string('Name.'),
          namespace: string('Namespace.'),
        }),
        volumeAttributesClassName: string('Class of its attributes.'),
      },
      { required: ['accessModes', 'resources'], default: {} },
    ),
  },
  status: 'Which volume it has.',
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  carryOver: (before, draft) => {
    const spec = draft.spec as Record<string, unknown> | undefined;
    for (const field of ['volumeName', 'storageClassName']) {
      const value = fieldOf(before, `spec.${field}`);
      if (spec !== undefined && value !== undefined) spec[field] ??= value;
    }
  },
  findUnsupported: () => ({
    warnings: ['spec.resources.requests[storage]: is kept but has no effect yet: a local volume may grow as far as its disk'],
    refused: [],
  }),
  columns: [
    column('Status', 'Whether it is bound.', (object) => showPhase(object, 'Pending')),
    fieldColumn('Volume', 'spec.volumeName', 'Its volume.'),
    fieldColumn('Capacity', 'status.capacity.storage', 'How much it has.'),
    column('Access Modes', 'How it may be mounted.', (object) => showModes(object, 'status.accessModes')),
    fieldColumn('StorageClass', 'spec.storageClassName', 'Its class.'),
    fieldColumn('VolumeAttributesClass', 'spec.volumeAttributesClassName', 'Class of its attributes.', '<unset>'),
  ],
  lastColumns: [fieldColumn('VolumeMode', 'spec.volumeMode', 'A file system, or raw.', '<unset>', 1)],
});

/** Where a volume can be, in the order in which Kubernetes looks at them. Of most nothing reads the fields. */
const VOLUME_SOURCES = [
  ...['hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'flocker', 'nfs', 'rbd', 'quobyte', 'cephfs', 'iscsi'],
  ...['cinder', 'fc', 'flexVolume', 'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'scaleIO'],
  ...['local', 'storageos', 'csi'],
];

/** Of those that people write by hand the fields are known. */
const KNOWN_SOURCES: Readonly<Record<string, Schema>> = {
  hostPath: object('HostPathVolumeSource', 'A folder of the node.', {
    path: string('Its path.'),
    type: oneOf('What it must be, or is made.', HOST_PATH_TYPES, { default: '' }),
  }),
  local: object('LocalVolumeSource', 'A folder or a device of one node.', {
    path: string('Its path.'),
    fsType: string('Its file system.'),
  }),
  nfs: object('NFSVolumeSource', 'A folder of another host.', {
    server: string('The host.'),
    path: string('Its path.'),
    readOnly: boolean('Nothing can be written to it.'),
  }),
};
const sourceFields = Object.fromEntries(VOLUME_SOURCES.map((source) => [source, KNOWN_SOURCES[source] ?? any('Where it is.')]));

export const persistentVolumeKind = storedKind({
  group: '',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  description: 'Storage that there is.',
  noEffect: 'only volumes that Kith makes for claims of local storage are mounted',
  storesStatus: true,
  fields: {
    spec: object(
      'PersistentVolumeSpec',
      'Where it is, and how much.',
      {
        accessModes,
        capacity: amounts,
        persistentVolumeReclaimPolicy: oneOf('What becomes of it when it is released.', ['Delete', 'Recycle', 'Retain'], {
          default: 'Retain',
        }),
        nodeAffinity: object('VolumeNodeAffinity', 'Nodes that reach it.', { required: nodeSelectorSchema }),
        ...sourceFields,
        claimRef: objectReferenceSchema,
        mountOptions: strings('Options of the mount.'),
        storageClassName: string('Its class.'),
        volumeMode,
        volumeAttributesClassName: string('Class of its attributes.'),
      },
      { required: ['accessModes', 'capacity'], default: {} },
    ),
  },
  status: 'Whether it is bound.',
  validate: (draft) => validateVolumeSpec(draft, VOLUME_SOURCES),
  validateUpdate: (before, after) => validateVolumeUpdate(before, after, VOLUME_SOURCES),
  columns: [
    fieldColumn('Capacity', 'spec.capacity.storage', 'How much it has.'),
    column('Access Modes', 'How it may be mounted.', (object) => showModes(object, 'spec.accessModes')),
    fieldColumn('Reclaim Policy', 'spec.persistentVolumeReclaimPolicy', 'What becomes of it.'),
    column('Status', 'Whether it is bound.', (object) => showPhase(object, 'Available')),
    column('Claim', 'Its claim.', (object) => {
      const claim = fieldOf(object, 'spec.claimRef') as { namespace?: string; name?: string } | undefined;
      return claim === undefined ? '' : `${claim.namespace ?? ''}/${claim.name ?? ''}`;
    }),
    fieldColumn('StorageClass', 'spec.storageClassName', 'Its class.'),
    fieldColumn('VolumeAttributesClass', 'spec.volumeAttributesClassName', 'Class of its attributes.', '<unset>'),
    fieldColumn('Reason', 'status.reason', 'Why.'),
  ],
  lastColumns: [fieldColumn('VolumeMode', 'spec.volumeMode', 'A file system, or raw.', '<unset>', 1)],
});

export const storageClassKind = storedKind({
  group: 'storage.k8s.io',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  description: 'A sort of storage, and who provides it.',
  fields: {
    provisioner: string('Who provides it.'),
    parameters: stringMap('What the provisioner is told.'),
    reclaimPolicy: oneOf('What becomes of volumes that are released.', ['Delete', 'Retain'], { default: 'Delete' }),
    mountOptions: strings('Options of the mounts.'),
    allowVolumeExpansion: boolean('Whether volumes may grow.'),
    volumeBindingMode: oneOf('When a claim gets its volume.', ['Immediate', 'WaitForFirstConsumer'], { default: 'Immediate' }),
    allowedTopologies: list(
      'Where it can be.',
      object('TopologySelectorTerm', 'A place.', {
        matchLabelExpressions: list(
          'Labels of nodes.',
          object('TopologySelectorLabelRequirement', 'A label.', { key: string('Its key.'), values: strings('Its values.') }),
        ),
      }),
    ),
  },
  required: ['provisioner'],
  units: [],
  findUnsupported: (draft) => {
    if (draft['provisioner'] !== 'kith.dev/local')
      return {
        warnings: ['provisioner: is kept but has no effect yet: nothing provides volumes of it but of kith.dev/local'],
        refused: [],
      };
    const early = draft['volumeBindingMode'] === 'Immediate';
    return { warnings: early ? ['volumeBindingMode: is kept but has no effect: local volumes wait for their first pod'] : [], refused: [] };
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  columns: [
    fieldColumn('Provisioner', 'provisioner', 'Who provides it.'),
    fieldColumn('ReclaimPolicy', 'reclaimPolicy', 'What becomes of released volumes.'),
    fieldColumn('VolumeBindingMode', 'volumeBindingMode', 'When a claim gets its volume.'),
    column('AllowVolumeExpansion', 'Whether volumes may grow.', (object) => object['allowVolumeExpansion'] === true, { type: 'boolean' }),
  ],
});
