import type { KubeObject } from '../../objects.ts';
import { any, boolean, list, map, object, oneOf, quantity, string, stringMap, strings } from '../../schema/build.ts';
import { required } from '../../schema/field-errors.ts';
import { jsonEqual } from '../../json.ts';
import { column, fieldColumn, fieldOf } from '../columns.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { objectReferenceSchema, typedReferenceSchema } from './references.ts';
import { storedKind } from './stored-kind.ts';

/** Storage. Claims of local volumes are bound and mounted (core/storage); all else is kept as written. */

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const accessModes = list('How it may be mounted.', oneOf('A mode.', Object.keys(SHORT_MODES)));
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
        accessModes,
        resources: object('VolumeResourceRequirements', 'How much.', { requests: amounts, limits: amounts }),
        selector: labelSelectorSchema,
        storageClassName: string('Class of the storage.'),
        volumeAttributesClassName: string('Class of its attributes.'),
        volumeMode,
        volumeName: string('The volume.'),
        dataSource: typedReferenceSchema,
        dataSourceRef: object('TypedObjectReference', 'Where its first content comes from.', {
          apiGroup: string('API group.'),
          kind: string('Kind.'),
          name: string('Name.'),
          namespace: string('Namespace.'),
        }),
      },
      { required: ['accessModes', 'resources'] },
    ),
  },
  required: ['spec'],
  status: 'Which volume it has.',
  validate: (draft) =>
    fieldOf(draft as KubeObject, 'spec.resources.requests.storage') === undefined ? [required('spec.resources[storage]')] : [],
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

/** Where a volume can be. Each has fields of its own, which nothing reads yet. */
const VOLUME_SOURCES = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

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
        claimRef: objectReferenceSchema,
        mountOptions: strings('Options of the mount.'),
        nodeAffinity: any('Nodes that reach it.'),
        persistentVolumeReclaimPolicy: oneOf('What becomes of it when it is released.', ['Delete', 'Recycle', 'Retain'], {
          default: 'Retain',
        }),
        storageClassName: string('Its class.'),
        volumeAttributesClassName: string('Class of its attributes.'),
        volumeMode,
        ...Object.fromEntries(VOLUME_SOURCES.map((source) => [source, any('Where it is.')])),
      },
      { required: ['accessModes', 'capacity'] },
    ),
  },
  required: ['spec'],
  status: 'Whether it is bound.',
  validate: (draft) => {
    const spec = draft.spec as Record<string, unknown>;
    const sources = VOLUME_SOURCES.filter((source) => spec[source] !== undefined);
    return sources.length === 0 ? [required('spec', 'must specify a volume type')] : [];
  },
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
    allowedTopologies: list('Where it can be.', any('A place.')),
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
  validateUpdate: (before, after) =>
    ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode']
      .filter((field) => !jsonEqual(before[field] ?? null, after[field] ?? null))
      .map((field) => ({ field, reason: 'FieldValueForbidden', message: 'Forbidden: updates to this field are forbidden.' }) as const),
  columns: [
    fieldColumn('Provisioner', 'provisioner', 'Who provides it.'),
    fieldColumn('ReclaimPolicy', 'reclaimPolicy', 'What becomes of released volumes.'),
    fieldColumn('VolumeBindingMode', 'volumeBindingMode', 'When a claim gets its volume.'),
    column('AllowVolumeExpansion', 'Whether volumes may grow.', (object) => object['allowVolumeExpansion'] === true, { type: 'boolean' }),
  ],
});
