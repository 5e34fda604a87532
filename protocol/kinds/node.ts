import type { DraftObject, KubeObject, StoredObject } from '../objects.ts';
import { any, boolean, list, object, oneOf, string, strings, time } from '../schema/build.ts';
import { duplicate, forbidden } from '../schema/field-errors.ts';
import type { Node, NodeSpec } from '../types.ts';
import { ageColumn, column, nameColumn, NONE, orNone, UNKNOWN, wideColumn } from './columns.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

const taintSchema = object(
  'Taint',
  'Keeps pods away that do not tolerate it.',
  {
    key: string('Its key.', { check: 'qualifiedName' }),
    value: string('Its value.', { check: 'labelValue' }),
    effect: oneOf('What it does.', ['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
    timeAdded: time('When it was added.'),
  },
  { required: ['key', 'effect'] },
);

export const nodeKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  categories: [],
  // Nodes come by joining.
  verbs: ['delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status'],
  schema: object('Node', 'A host that runs pods.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: object(
      'NodeSpec',
      'How the node is to be used.',
      {
        unschedulable: boolean('No new pods are placed on it (`cordon`).'),
        taints: list('Keep pods away that do not tolerate them.', taintSchema),
        podCIDR: string('Addresses of its pods.'),
        podCIDRs: strings('Addresses of its pods.', { patchMerge: true }),
        providerID: string('What the cloud calls it.'),
        externalID: string('Not in use any more.'),
        configSource: any('Not in use any more.', { support: 'refused', why: 'upstream has removed it, too' }),
      },
      { default: {} },
    ),
    status: any('How it is doing. Written by the node itself.'),
  }),
  mergeUnits: { members: ['/spec'] },
  validate,
  validateUpdate,
  columns: [
    nameColumn,
    column('Status', 'Whether it is ready, and whether it takes pods.', showStatus),
    column('Roles', 'Roles that its labels give it.', showRoles),
    ageColumn,
    column('Version', 'Version of its daemon.', (object) => (object as Partial<Node>).status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', 'Its address in the cluster.', (object) => showAddress(object, 'InternalIP')),
    wideColumn('External-IP', 'Its address outside.', (object) => showAddress(object, 'ExternalIP')),
    wideColumn('OS-Image', 'Operating system.', (object) => nodeInfo(object)?.osImage ?? UNKNOWN),
    wideColumn('Kernel-Version', 'Kernel.', (object) => nodeInfo(object)?.kernelVersion ?? UNKNOWN),
    wideColumn('Container-Runtime', 'What runs its containers.', (object) => nodeInfo(object)?.containerRuntimeVersion ?? UNKNOWN),
  ],
};

function validate(draft: DraftObject): FieldError[] {
  const seen = new Set<string>();
  return ((draft.spec as NodeSpec).taints ?? []).flatMap((taint, index) => {
    const key = `${taint.effect}/${taint.key}`;
    if (seen.has(key)) return [duplicate(`spec.taints[${index}]`, key)];
    seen.add(key);
    return [];
  });
}

function validateUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [(before as Node).spec, after.spec as NodeSpec];
  const errors: FieldError[] = [];
  for (const field of ['podCIDR', 'providerID'] as const) {
    const was = old[field] ?? '';
    if (was !== '' && now[field] !== was) errors.push(forbidden(`spec.${field}`, 'node updates may not change it once it is set'));
  }
  return errors;
}

function nodeInfo(object: KubeObject): NonNullable<Node['status']>['nodeInfo'] {
  return (object as Partial<Node>).status?.nodeInfo;
}

function showStatus(object: KubeObject): string {
  const { spec, status } = object as Partial<Node>;
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function showRoles(object: KubeObject): string {
  const roles = new Set<string>();
  for (const [label, value] of Object.entries(object.metadata.labels ?? {})) {
    if (label.startsWith(ROLE_PREFIX) && label.length > ROLE_PREFIX.length) roles.add(label.slice(ROLE_PREFIX.length));
    else if (label === ROLE_LABEL && value !== '') roles.add(value);
  }
  return orNone([...roles].sort().join(','));
}

function showAddress(object: KubeObject, type: string): string {
  return (object as Partial<Node>).status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}
