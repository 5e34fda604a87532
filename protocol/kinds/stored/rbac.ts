import { jsonEqual } from '../../json.ts';
import type { DraftObject, KubeObject } from '../../objects.ts';
import { list, object, string, strings } from '../../schema/build.ts';
import { childPath, GoStruct, invalid, notSupported, required } from '../../schema/field-errors.ts';
import type { Schema } from '../../schema/schema.ts';
import type { PolicyRule, RoleRef, Subject } from '../../types.ts';
import { checkDnsSubdomain, checkPathSegment } from '../../values/names.ts';
import { column, createdColumn, fieldOf, nameColumn, wideColumn } from '../columns.ts';
import type { FieldError, KindDefinition } from '../kind.ts';
import { labelSelectorSchema, validateLabelSelector } from '../label-selector.ts';
import { storedKind } from './stored-kind.ts';

/** Who may do what. Enforced: see `daemon/core/authorization/`. */

const GROUP = 'rbac.authorization.k8s.io';
/** Its rules are asked of what is not there. */
const ZERO = { missing: 'zero' } as const;

const rules: Schema = list(
  'What is allowed.',
  object(
    'PolicyRule',
    'Verbs on resources, or on paths.',
    {
      verbs: strings('get, list, create, ...; `*` is all.', { missing: { detail: 'verbs must contain at least one value' } }),
      apiGroups: strings('API groups; empty is the core group, `*` is all.'),
      resources: strings('Resources, or RESOURCE/SUBRESOURCE; `*` is all.'),
      resourceNames: strings('Only these objects; all when empty.'),
      nonResourceURLs: strings('Paths; `*` at the end stands for anything.'),
    },
    { required: ['verbs'] },
  ),
);

function roleKind(kind: 'Role' | 'ClusterRole'): KindDefinition {
  const isCluster = kind === 'ClusterRole';
  const aggregation = object('AggregationRule', 'Its rules are those of other ClusterRoles.', {
    clusterRoleSelectors: list('Labels of those; any of these.', labelSelectorSchema),
  });
  return storedKind({
    group: GROUP,
    kind,
    plural: isCluster ? 'clusterroles' : 'roles',
    namespaced: !isCluster,
    description: isCluster
      ? 'What may be done in the whole cluster, or in a namespace if it is bound there.'
      : 'What may be done in its namespace.',
    fields: { rules, ...(isCluster ? { aggregationRule: aggregation } : {}) },
    units: [],
    checkName: checkPathSegment,
    fillDefaults: (draft) => {
      // What an aggregation gathers is derived, whatever a client sends back of it.
      if (draft['aggregationRule'] !== undefined) delete draft['rules'];
    },
    validate: (draft) => validateRules((draft['rules'] ?? []) as PolicyRule[], isCluster, draft),
    allColumns: [nameColumn, createdColumn],
  });
}

export const namespacedRoleKind = roleKind('Role');
export const clusterRoleKind = roleKind('ClusterRole');
export const roleBindingKind = bindingKind('RoleBinding');
export const clusterRoleBindingKind = bindingKind('ClusterRoleBinding');

function bindingKind(kind: 'RoleBinding' | 'ClusterRoleBinding'): KindDefinition {
  const isCluster = kind === 'ClusterRoleBinding';
  return storedKind({
    group: GROUP,
    kind,
    plural: isCluster ? 'clusterrolebindings' : 'rolebindings',
    namespaced: !isCluster,
    description: isCluster ? 'Who has a ClusterRole everywhere.' : 'Who has a role in this namespace.',
    fields: {
      roleRef: object(
        'RoleRef',
        'The role. Can not be changed.',
        {
          apiGroup: string('API group.', { default: GROUP }),
          kind: string('Role or ClusterRole.', ZERO),
          name: string('Its name.', ZERO),
        },
        { required: ['kind', 'name'], default: {} },
      ),
      subjects: list(
        'Who.',
        object(
          'Subject',
          'A user, a group or a service account.',
          {
            name: string('Its name.', ZERO),
            kind: string('User, Group or ServiceAccount.', ZERO),
            apiGroup: string('API group of the kind.'),
            namespace: string('Of a service account.'),
          },
          { required: ['kind', 'name'] },
        ),
      ),
    },
    required: ['roleRef'],
    units: [],
    checkName: checkPathSegment,
    fillDefaults: (draft) => {
      for (const subject of subjectsOf(draft)) {
        if (subject.apiGroup === undefined && subject.kind !== 'ServiceAccount') subject.apiGroup = GROUP;
      }
    },
    validate: (draft) => [
      ...validateRoleRef(draft, isCluster),
      ...subjectsOf(draft).flatMap((subject, index) => validateSubject(subject, index, isCluster)),
    ],
    validateUpdate: (before, after) =>
      jsonEqual(before['roleRef'], after['roleRef']) ? [] : [invalid('roleRef', shownRoleRef(after['roleRef']), 'cannot change roleRef')],
    columns: [column('Role', 'The role.', (object) => `${textAt(object, 'roleRef.kind')}/${textAt(object, 'roleRef.name')}`)],
    lastColumns: [
      wideColumn('Users', 'Users.', (object) => subjectNames(object, 'User')),
      wideColumn('Groups', 'Groups.', (object) => subjectNames(object, 'Group')),
      wideColumn('ServiceAccounts', 'Service accounts.', (object) => subjectNames(object, 'ServiceAccount')),
    ],
  });
}

function subjectsOf(object: KubeObject | DraftObject): Subject[] {
  return (object['subjects'] ?? []) as Subject[];
}

function subjectNames(object: KubeObject, kind: string): string {
  return subjectsOf(object)
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
    .join(', ');
}

function textAt(object: KubeObject, path: string): string {
  const value = fieldOf(object, path);
  return typeof value === 'string' ? value : '';
}

/** Source: ValidatePolicyRule. */
function validateRules(given: readonly PolicyRule[], isCluster: boolean, draft: DraftObject): FieldError[] {
  const errors = given.flatMap((rule, index): FieldError[] => {
    const at = childPath('rules', index);
    const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    if (nonResourceURLs.length > 0) {
      const wrong = isCluster ? [] : ['namespaced rules cannot apply to non-resource URLs'];
      const isMixed = apiGroups.length + resources.length + resourceNames.length > 0;
      if (isMixed) wrong.push('rules cannot apply to both regular resources and non-resource URLs');
      return wrong.map((detail) => invalid(childPath(at, 'nonResourceURLs'), nonResourceURLs, detail));
    }
    const missing: FieldError[] = [];
    if (apiGroups.length === 0) missing.push(required(childPath(at, 'apiGroups'), 'resource rules must supply at least one api group'));
    if (resources.length === 0) missing.push(required(childPath(at, 'resources'), 'resource rules must supply at least one resource'));
    return missing;
  });
  const { clusterRoleSelectors = [] } = (draft['aggregationRule'] ?? {}) as { clusterRoleSelectors?: object[] };
  const path = 'aggregationRule.clusterRoleSelectors';
  if (draft['aggregationRule'] !== undefined && clusterRoleSelectors.length === 0) {
    errors.push(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  }
  return [...errors, ...clusterRoleSelectors.flatMap((selector, index) => validateLabelSelector(selector, childPath(path, index)))];
}

/** Source: ValidateRoleBinding, ValidateClusterRoleBinding. */
function validateRoleRef(draft: DraftObject, isCluster: boolean): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = (draft['roleRef'] ?? {}) as Partial<RoleRef>;
  const kinds = isCluster ? ['ClusterRole'] : ['Role', 'ClusterRole'];
  const errors: FieldError[] = [];
  if (apiGroup !== GROUP) errors.push(notSupported('roleRef.apiGroup', apiGroup, [GROUP]));
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (name === '') return [...errors, required('roleRef.name')];
  return [...errors, ...checkPathSegment(name).map((message) => invalid('roleRef.name', name, message))];
}

/** Source: ValidateRoleBindingSubject. */
function validateSubject(subject: Subject, index: number, isCluster: boolean): FieldError[] {
  const { kind = '', apiGroup = '', name = '', namespace = '' }: Partial<Subject> = subject;
  const at = childPath('subjects', index);
  const errors = name === '' ? [required(childPath(at, 'name'))] : [];
  if (kind === 'ServiceAccount') {
    if (name !== '') errors.push(...checkDnsSubdomain(name).map((message) => invalid(childPath(at, 'name'), name, message)));
    if (apiGroup !== '') errors.push(notSupported(childPath(at, 'apiGroup'), apiGroup, ['']));
    if (isCluster && namespace === '') errors.push(required(childPath(at, 'namespace')));
    return errors;
  }
  if (kind !== 'User' && kind !== 'Group')
    return [...errors, notSupported(childPath(at, 'kind'), kind, ['ServiceAccount', 'User', 'Group'])];
  return apiGroup === GROUP ? errors : [...errors, notSupported(childPath(at, 'apiGroup'), apiGroup, [GROUP])];
}

function shownRoleRef(roleRef: unknown): GoStruct {
  const { apiGroup = '', kind = '', name = '' } = (roleRef ?? {}) as Partial<RoleRef>;
  return new GoStruct({ APIGroup: apiGroup, Kind: kind, Name: name });
}
