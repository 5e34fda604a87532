import { matchesSelector, selectorOf } from '../../../protocol/values/label-selector.ts';
import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { LabelSelector, PolicyRule, RoleRef, Subject } from '../../../protocol/types.ts';
import type { ClusterView } from '../cluster/view.ts';
import { type AccessRequest, ruleAllows } from './rules.ts';

/**
 * Who may do what, read off the roles and bindings of desired state, as Kubernetes' RBAC has it. Pure: every peer that holds the same roles gives the same answers.
 */

/** Members of this group may do everything, whatever the roles say: nobody can lock all administrators out. */
export const ADMIN_GROUP = 'system:masters';
export const AUTHENTICATED_GROUP = 'system:authenticated';
const ACCOUNT_PREFIX = 'system:serviceaccount:';

/** Who asks. */
export interface Identity {
  user: string;
  groups: readonly string[];
  /** Of a service account. */
  uid?: string;
}

/** All rights there are. */
export const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export type RbacSource = Pick<ClusterView, 'get' | 'list'>;

const RBAC = 'rbac.authorization.k8s.io';
export const CLUSTER_ROLES = `clusterroles.${RBAC}`;
const ROLES = `roles.${RBAC}`;
export const CLUSTER_BINDINGS = `clusterrolebindings.${RBAC}`;
const BINDINGS = `rolebindings.${RBAC}`;

export function isAdmin(identity: Identity): boolean {
  return identity.groups.includes(ADMIN_GROUP);
}

export function allows(source: RbacSource, identity: Identity, request: AccessRequest): boolean {
  if (isAdmin(identity)) return true;
  const namespace = 'path' in request ? undefined : request.namespace;
  for (const rule of rulesOf(source, identity, namespace)) if (ruleAllows(rule, request)) return true;
  return false;
}

/** All rules that hold for somebody in a namespace; without one, those that hold in the whole cluster. */
export function* rulesOf(source: RbacSource, identity: Identity, namespace: string | undefined): Generator<PolicyRule> {
  if (isAdmin(identity)) yield* EVERYTHING;
  for (const { object } of source.list(CLUSTER_BINDINGS)) {
    if (isBound(object, identity, '')) yield* rulesOfRole(source, object['roleRef'], undefined);
  }
  if (namespace === undefined) return;
  for (const { object } of bindingsIn(source.list(BINDINGS), namespace)) {
    if (isBound(object, identity, namespace)) yield* rulesOfRole(source, object['roleRef'], namespace);
  }
}

/** The rules of the role that a binding names; none when there is no such role (yet). */
export function rulesOfRole(source: RbacSource, reference: unknown, namespace: string | undefined): readonly PolicyRule[] {
  const { kind, name } = reference as RoleRef;
  const key =
    kind === 'ClusterRole' ? objectKey(CLUSTER_ROLES, '', name) : namespace === undefined ? undefined : objectKey(ROLES, namespace, name);
  const role = key === undefined ? undefined : source.get(key)?.object;
  return role === undefined ? [] : roleRules(source, role);
}

/** A role's own rules; those of the ClusterRoles that it is an aggregation of, instead, if it is one. */
export function roleRules(source: RbacSource, role: StoredObject): readonly PolicyRule[] {
  if (selectorsOf(role) === undefined) return ownRules(role);
  const all = source.list(CLUSTER_ROLES);
  const kept = gathered.get(role);
  if (kept?.from === all) return kept.rules;
  const rules = gather(all, role, new Set());
  gathered.set(role, { from: all, rules });
  return rules;
}

/** Kept until any ClusterRole changes: the view makes a new list then. */
const gathered = new WeakMap<StoredObject, { from: readonly DesiredObject[]; rules: readonly PolicyRule[] }>();

/** An aggregation may be a part of another one. `above` ends circles. */
function gather(all: readonly DesiredObject[], role: StoredObject, above: ReadonlySet<string>): readonly PolicyRule[] {
  const selectors = selectorsOf(role)?.map(selectorOf);
  if (selectors === undefined) return ownRules(role);
  const seen = new Set([...above, role.metadata.name]);
  return all
    .filter(
      ({ object: { metadata } }) => !seen.has(metadata.name) && selectors.some((selector) => matchesSelector(selector, metadata.labels)),
    )
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .flatMap(({ object }) => gather(all, object, seen));
}

function selectorsOf(role: StoredObject): LabelSelector[] | undefined {
  return (role['aggregationRule'] as { clusterRoleSelectors?: LabelSelector[] } | undefined)?.clusterRoleSelectors;
}

function ownRules(role: StoredObject): readonly PolicyRule[] {
  return (role['rules'] ?? []) as PolicyRule[];
}

function bindingsIn(all: readonly DesiredObject[], namespace: string): readonly DesiredObject[] {
  const known = byNamespace.get(all) ?? groupByNamespace(all);
  byNamespace.set(all, known);
  return known.get(namespace) ?? [];
}

const byNamespace = new WeakMap<readonly DesiredObject[], ReadonlyMap<string, DesiredObject[]>>();

function groupByNamespace(all: readonly DesiredObject[]): ReadonlyMap<string, DesiredObject[]> {
  const groups = new Map<string, DesiredObject[]>();
  for (const binding of all) {
    const namespace = binding.object.metadata.namespace ?? '';
    groups.set(namespace, [...(groups.get(namespace) ?? []), binding]);
  }
  return groups;
}

function isBound(binding: StoredObject, identity: Identity, namespace: string): boolean {
  return ((binding['subjects'] ?? []) as Subject[]).some((subject) => {
    switch (subject.kind) {
      case 'User':
        return subject.name === identity.user;
      case 'Group':
        return identity.groups.includes(subject.name);
      case 'ServiceAccount':
        return accountUser(subject.namespace ?? namespace, subject.name) === identity.user;
      default:
        return false;
    }
  });
}

/** A service account's name as a user. */
export function accountUser(namespace: string, name: string): string {
  return `${ACCOUNT_PREFIX}${namespace}:${name}`;
}

/** Groups that every service account is in. */
export function accountGroups(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}
