import { any, boolean, integer, keyedList, list, long, object, oneOf, quantity, string } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldRefSchema, resourceFieldRefSchema } from './container-env.ts';

/** Volumes of a pod, and where its containers have them. */

const NO_SUCH = 'the containers would run without their files';
const MODES = { minimum: 0, maximum: 0o777, words: 'must be a number between 0 and 0777 (octal), both inclusive' };
const mode = integer('Permissions of the file.', MODES);
const defaultMode = integer('Permissions of files that give none.', { default: 0o644, ...MODES });
const optional = boolean('Whether it may be missing.');
const items = list(
  'Keys, and the files they become; all by default.',
  object(
    'KeyToPath',
    'A key and its file.',
    { key: string('The key.'), path: string('Relative path of the file.'), mode },
    { required: ['key', 'path'] },
  ),
);
const downwardItems = list(
  'Files of fields of the pod.',
  object(
    'DownwardAPIVolumeFile',
    'A file of a field.',
    {
      path: string('Relative path of the file.', { missing: 'zero' }),
      fieldRef: fieldRefSchema,
      resourceFieldRef: resourceFieldRefSchema,
      mode,
    },
    { required: ['path'] },
  ),
);

const projectionSchema = object('VolumeProjection', 'One of the sources.', {
  configMap: object('ConfigMapProjection', 'A ConfigMap.', { name: string('Its name.', { default: '' }), items, optional }),
  secret: object('SecretProjection', 'A Secret.', { name: string('Its name.', { default: '' }), items, optional }),
  downwardAPI: object('DownwardAPIProjection', 'Fields of the pod.', { items: downwardItems }),
  serviceAccountToken: object(
    'ServiceAccountTokenProjection',
    "A token of the pod's account, renewed before it ends.",
    {
      audience: string('Whom it is for; the API unless given.'),
      expirationSeconds: long('For how long it holds.', { default: 3600 }),
      path: string('Relative path of the file.', { missing: 'zero' }),
    },
    { required: ['path'] },
  ),
  clusterTrustBundle: any('Certificates.', { support: 'refused', why: NO_SUCH }),
  podCertificate: any('A certificate of the pod.', { support: 'refused', why: NO_SUCH }),
});

/** Where a volume can come from that nothing here reaches. */
const ELSEWHERE = [
  ...['awsElasticBlockStore', 'azureDisk', 'azureFile', 'cephfs', 'cinder', 'csi', 'ephemeral', 'fc', 'flexVolume', 'flocker'],
  ...['gcePersistentDisk', 'gitRepo', 'glusterfs', 'image', 'iscsi', 'nfs', 'photonPersistentDisk', 'portworxVolume', 'quobyte'],
  ...['rbd', 'scaleIO', 'storageos', 'vsphereVolume'],
] as const;

export const HOST_PATH_TYPES: readonly string[] = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export const volumeSources: Readonly<Record<string, Schema>> = {
  emptyDir: object('EmptyDirVolumeSource', 'An empty folder that lives as long as the pod.', {
    medium: oneOf('`Memory` keeps it in memory.', ['', 'Memory']),
    sizeLimit: quantity('The most that it may hold.', {
      support: 'stored',
      holdsWith: { medium: 'Memory' },
      why: 'a pod whose folder on disk grows beyond it is not evicted; in memory it is held where kithd is root beside Docker',
    }),
  }),
  hostPath: object(
    'HostPathVolumeSource',
    'A file or folder of the node.',
    { path: string('Its path.'), type: oneOf('What it must be, or is made.', HOST_PATH_TYPES, { default: '' }) },
    { required: ['path'] },
  ),
  configMap: object('ConfigMapVolumeSource', 'A ConfigMap, a file a key.', {
    name: string('Its name.', { default: '' }),
    items,
    defaultMode,
    optional,
  }),
  secret: object('SecretVolumeSource', 'A Secret, a file a key.', { secretName: string('Its name.'), items, defaultMode, optional }),
  downwardAPI: object('DownwardAPIVolumeSource', 'Fields of the pod, a file each.', { items: downwardItems, defaultMode }),
  projected: object('ProjectedVolumeSource', 'Several sources in one folder.', {
    sources: list('The sources; later ones win.', projectionSchema),
    defaultMode,
  }),
  persistentVolumeClaim: object(
    'PersistentVolumeClaimVolumeSource',
    'Storage that outlives the pod.',
    { claimName: string('The claim.'), readOnly: boolean('Mounts it read-only.') },
    { required: ['claimName'] },
  ),
  ...Object.fromEntries(ELSEWHERE.map((source) => [source, any('Storage that is elsewhere.', { support: 'refused', why: NO_SUCH })])),
};

export const volumesSchema: Schema = keyedList(
  'Storage of the pod.',
  'name',
  object(
    'Volume',
    'A file or a folder that containers can have.',
    { ...volumeSources, name: string('Its name.', { check: 'dns1123Label' }) },
    { required: ['name'] },
  ),
);

export const volumeMountsSchema: Schema = keyedList(
  'Volumes in its file system.',
  'mountPath',
  object(
    'VolumeMount',
    'Where a volume is.',
    {
      name: string('The volume.'),
      mountPath: string('Path in the container.'),
      readOnly: boolean('Nothing can be written to it.'),
      recursiveReadOnly: oneOf('Nor to what is mounted in it.', ['Disabled', 'Enabled', 'IfPossible'], {
        inert: ['Disabled', 'IfPossible'],
        support: 'refused',
        why: 'what is mounted in it could be written to',
      }),
      subPath: string('A file or folder of the volume.'),
      subPathExpr: string('The same, with `$(VAR)` expanded.'),
      mountPropagation: oneOf('Whether mounts made later are seen.', ['Bidirectional', 'HostToContainer', 'None']),
    },
    { required: ['name', 'mountPath'] },
  ),
);
