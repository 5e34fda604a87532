import type { DraftObject } from '../objects.ts';
import { any, object, strings } from '../schema/build.ts';
import type { Namespace } from '../types.ts';
import { checkDnsLabel } from '../values/names.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

/** Label that every namespace bears, so that selectors can name it. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

export const namespaceKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  categories: [],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status'],
  schema: object('Namespace', 'A space of names.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: object(
      'NamespaceSpec',
      'What its deletion waits for.',
      { finalizers: strings('Who must agree before it disappears.') },
      { default: {} },
    ),
    status: any('Whether it is going.'),
  }),
  mergeUnits: { members: ['/spec'] },
  checkName: checkDnsLabel,
  fillDefaults,
  columns: [
    nameColumn,
    column('Status', 'Active, or Terminating.', (object) => {
      const phase = (object as Partial<Namespace>).status?.phase;
      return phase ?? (object.metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating');
    }),
    ageColumn,
  ],
};

function fillDefaults(draft: DraftObject): void {
  const spec = draft.spec as Namespace['spec'];
  // Its contents go first: the namespace itself waits for that.
  if (draft.metadata.deletionTimestamp === undefined) spec.finalizers ??= ['kubernetes'];
  const name = draft.metadata.name ?? '';
  if (name !== '') draft.metadata.labels = { ...draft.metadata.labels, [NAME_LABEL]: name };
}
