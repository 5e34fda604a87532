import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { DraftObject, StoredObject } from '../../protocol/objects.ts';
import type { PolicyRule, RoleRef } from '../../protocol/types.ts';
import { allows, EVERYTHING, rulesOf, rulesOfRole } from '../core/authorization/authorizer.ts';
import { formatRule, uncoveredRules } from '../core/authorization/rules.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { forbidden } from './status.ts';

/** Nobody gives rights that he does not have: by a role, or by binding one. Source: pkg/registry/rbac, escalation_check.go and policybased storages. */

/** @throws ApiError `Forbidden` */
export function checkEscalation(
  call: ResourceCall,
  draft: DraftObject,
  before: StoredObject | undefined,
  deps: Pick<ApiDeps, 'rbac'>,
): void {
  switch (groupResourceOf(call.kind)) {
    case 'roles.rbac.authorization.k8s.io':
    case 'clusterroles.rbac.authorization.k8s.io':
      return checkRole(call, draft, before, deps);
    case 'rolebindings.rbac.authorization.k8s.io':
    case 'clusterrolebindings.rbac.authorization.k8s.io':
      return checkBinding(call, draft, before, deps);
  }
}

function checkRole(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: Pick<ApiDeps, 'rbac'>): void {
  const same = (field: string): boolean => jsonEqual(before?.[field] ?? null, draft[field] ?? null);
  if (before !== undefined && same('rules') && same('aggregationRule')) return;
  const { group, plural } = call.kind;
  const name = draft.metadata.name ?? '';
  const access = { verb: 'escalate', group, resource: plural, namespace: call.namespace, name };
  if (allows(deps.rbac, call.identity, access)) return;
  // What an aggregation will gather is not known now.
  const gathers = draft['aggregationRule'] !== undefined && !same('aggregationRule');
  refuseUncovered(call, name, gathers ? EVERYTHING : ((draft['rules'] ?? []) as PolicyRule[]), deps);
}

function checkBinding(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: Pick<ApiDeps, 'rbac'>): void {
  const same = (field: string): boolean => jsonEqual(before?.[field] ?? null, draft[field] ?? null);
  if (before !== undefined && same('roleRef') && same('subjects')) return;
  const { kind, name } = draft['roleRef'] as RoleRef;
  const resource = kind === 'ClusterRole' ? 'clusterroles' : 'roles';
  const access = { verb: 'bind', group: call.kind.group, resource, namespace: call.namespace, name };
  if (allows(deps.rbac, call.identity, access)) return;
  refuseUncovered(call, draft.metadata.name ?? '', rulesOfRole(deps.rbac, draft['roleRef'], call.namespace), deps);
}

function refuseUncovered(call: ResourceCall, name: string, wanted: readonly PolicyRule[], deps: Pick<ApiDeps, 'rbac'>): void {
  const { identity, namespace, kind } = call;
  const missing = uncoveredRules([...rulesOf(deps.rbac, identity, namespace)], wanted);
  if (missing.length === 0) return;
  const groups = identity.groups.map((group) => JSON.stringify(group)).join(' ');
  const rules = missing.map(formatRule).join('\n');
  throw forbidden(
    kind,
    name,
    `user "${identity.user}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${rules}`,
  );
}
