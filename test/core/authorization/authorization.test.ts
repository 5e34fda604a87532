import { describe, expect, it } from 'vitest';
import { accountUser, allows, type Identity, roleRules, rulesOf, type RbacSource } from '../../../daemon/core/authorization/authorizer.ts';
import { defaultRoles } from '../../../daemon/core/authorization/default-roles.ts';
import { type AccessRequest, formatRule, ruleAllows, uncoveredRules } from '../../../daemon/core/authorization/rules.ts';
import { decodeObject } from '../../../protocol/kinds/admission.ts';
import { groupResourceOf } from '../../../protocol/kinds/kind.ts';
import { kindFor } from '../../../protocol/kinds/registry.ts';
import { type DesiredObject, objectKey, type StoredObject } from '../../../protocol/objects.ts';
import type { PolicyRule } from '../../../protocol/types.ts';

const API = 'rbac.authorization.k8s.io/v1';

function source(objects: StoredObject[]): RbacSource {
  const held = objects.map((object): DesiredObject => {
    const kind = kindFor(object.apiVersion, object.kind)?.kind;
    const key = objectKey(kind === undefined ? '' : groupResourceOf(kind), object.metadata.namespace ?? '', object.metadata.name);
    return { key, life: 1, uid: '', object, heads: [], conflicts: [] };
  });
  const lists = new Map<string, DesiredObject[]>();
  for (const each of held) lists.set(each.key.split('/')[0] ?? '', [...(lists.get(each.key.split('/')[0] ?? '') ?? []), each]);
  return { get: (key) => held.find((each) => each.key === key), list: (resource) => lists.get(resource) ?? [] };
}

function bind(name: string, role: string, subject: object, namespace?: string): StoredObject {
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const roleRef = { kind: role.split('/')[0], name: role.split('/')[1] };
  return { apiVersion: API, kind, metadata: { name, namespace, uid: '', creationTimestamp: '' }, roleRef, subjects: [subject] };
}

const defaults = defaultRoles('2026-01-01T00:00:00Z');
const ann: Identity = { user: 'ann', groups: ['dev', 'system:authenticated'] };
const user = { kind: 'User', name: 'ann' };
const access = (verb: string, resource: string, namespace?: string, name?: string, group = ''): AccessRequest => ({
  verb,
  group,
  resource,
  namespace,
  name,
});

describe('a rule', () => {
  it.each<[PolicyRule, AccessRequest, boolean]>([
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, access('get', 'pods', 'a', 'x'), true],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, access('get', 'pods/log', 'a', 'x'), false],
    [{ verbs: ['get'], apiGroups: ['apps'], resources: ['pods'] }, access('get', 'pods', 'a', 'x'), false],
    [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, access('delete', 'pods/log', 'a', 'x', 'z'), true],
    [{ verbs: ['update'], apiGroups: ['*'], resources: ['*/scale'] }, access('update', 'deployments/scale', 'a', 'x', 'apps'), true],
    [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] }, access('get', 'pods', 'a', 'x'), true],
    [{ verbs: ['list'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] }, access('list', 'pods', 'a'), false],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, { verb: 'get', path: '/healthz/ping' }, true],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }, { verb: 'get', path: '/healthz/ping' }, false],
    [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verb: 'get', path: '/version' }, false],
  ])('%j on %j: %s', (rule, request, expected) => {
    expect(ruleAllows(rule, request)).toBe(expected);
  });

  it('covers another, verb by verb and resource by resource', () => {
    const held: PolicyRule[] = [
      { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'services'] },
      { verbs: ['get'], nonResourceURLs: ['/a/*'] },
    ];
    expect(
      uncoveredRules(held, [
        { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] },
        { verbs: ['get'], nonResourceURLs: ['/a/b'] },
      ]),
    ).toEqual([]);
    const missing = uncoveredRules(held, [{ verbs: ['get', 'delete'], apiGroups: [''], resources: ['pods', 'secrets'] }]);
    expect(missing.map(formatRule)).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["delete"]}',
    ]);
    // A rule for one name does not cover the one for all.
    expect(
      uncoveredRules(
        [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['x'] }],
        [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      ),
    ).toHaveLength(1);
  });
});

describe('who may do what', () => {
  it('is nobody anything without a binding, but for the administrators’ group', () => {
    const roles = source(defaults);
    expect(allows(roles, ann, access('get', 'pods', 'a'))).toBe(false);
    expect(allows(roles, { user: 'x', groups: ['system:masters'] }, access('delete', 'nodes'))).toBe(true);
    expect(allows(source([]), { user: 'x', groups: ['system:masters'] }, { verb: 'put', path: '/x' })).toBe(true);
    expect(allows(roles, ann, { verb: 'get', path: '/apis/apps/v1' })).toBe(true);
    expect(allows(roles, ann, access('create', 'selfsubjectaccessreviews', undefined, undefined, 'authorization.k8s.io'))).toBe(true);
  });

  it('holds in the namespace of a RoleBinding only', () => {
    const roles = source([...defaults, bind('b', 'ClusterRole/view', user, 'a')]);
    expect(allows(roles, ann, access('list', 'pods', 'a'))).toBe(true);
    expect(allows(roles, ann, access('list', 'pods', 'b'))).toBe(false);
    expect(allows(roles, ann, access('list', 'pods'))).toBe(false);
    expect(allows(roles, ann, access('get', 'secrets', 'a'))).toBe(false);
    expect(allows(roles, ann, access('create', 'pods', 'a'))).toBe(false);
  });

  it.each([
    [{ kind: 'Group', name: 'dev' }, ann],
    [
      { kind: 'ServiceAccount', name: 's', namespace: 'n' },
      { user: accountUser('n', 's'), groups: [] },
    ],
  ])('goes by %j', (subject, identity) => {
    const roles = source([...defaults, bind('b', 'ClusterRole/edit', subject)]);
    expect(allows(roles, identity, access('create', 'pods', 'any'))).toBe(true);
    expect(allows(roles, { user: 'else', groups: [] }, access('create', 'pods', 'any'))).toBe(false);
  });

  it('is nothing by a role that is not there, or a Role of another namespace', () => {
    const role: StoredObject = {
      apiVersion: API,
      kind: 'Role',
      metadata: { name: 'r', namespace: 'a', uid: '', creationTimestamp: '' },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
    };
    const roles = source([role, bind('b', 'Role/r', user, 'b'), bind('c', 'Role/r', user)]);
    expect([...rulesOf(roles, ann, 'b')]).toEqual([]);
    expect([...rulesOf(source([role, bind('b', 'Role/r', user, 'a')]), ann, 'a')]).toHaveLength(1);
  });

  it('gathers rules by label, through other aggregations, and without end in no circle', () => {
    const roles = source([...defaults, bind('b', 'ClusterRole/admin', user, 'a')]);
    expect(allows(roles, ann, access('create', 'roles', 'a', undefined, 'rbac.authorization.k8s.io'))).toBe(true);
    expect(allows(roles, ann, access('get', 'pods/log', 'a', 'x'))).toBe(true);
    const circle = (name: string, gathers: string): StoredObject => ({
      apiVersion: API,
      kind: 'ClusterRole',
      metadata: { name, uid: '', creationTimestamp: '', labels: { is: name } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { is: gathers } }] },
    });
    const [left, right] = [circle('l', 'r'), circle('r', 'l')];
    expect(roleRules(source([left, right]), left)).toEqual([]);
  });
});

describe('the default roles', () => {
  it('are what the API itself would take', () => {
    for (const role of defaults) {
      const { uid: _uid, ...metadata } = role.metadata;
      const decoded = decodeObject({ ...role, metadata }, { fieldValidation: 'Strict' });
      expect(decoded.ok ? decoded.warnings : decoded.message).toEqual([]);
    }
  });
});
