import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import { jsonEqual } from '../../protocol/json.ts';
import { type DraftObject, objectKey, type StoredObject } from '../../protocol/objects.ts';
import { podSpecIn, violation } from '../core/pod-security/level.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { forbidden } from './status.ts';

/**
 * Refuses pods that ask for more than their namespace allows; and workloads whose pods would, since our controllers make pods without asking again. What a pod asks
 * for already is not looked at again.
 * @throws ApiError `Forbidden`, in upstream's words
 */
export function enforcePodSecurity(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: ApiDeps): void {
  const why = judge('enforce', call, draft, before, deps);
  if (why !== undefined) throw forbidden(call.kind, draft.metadata.name ?? '', why);
}

/** What the namespace only warns of. */
export function podSecurityWarnings(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: ApiDeps): string[] {
  const why = judge('warn', call, draft, before, deps);
  return why === undefined ? [] : [why];
}

function judge(
  mode: 'enforce' | 'warn',
  call: ResourceCall,
  draft: DraftObject,
  before: StoredObject | undefined,
  deps: ApiDeps,
): string | undefined {
  const resource = groupResourceOf(call.kind);
  const spec = podSpecIn(resource, draft);
  if (spec === undefined || call.namespace === undefined) return undefined;
  const known = before === undefined ? undefined : podSpecIn(resource, before);
  if (known !== undefined && jsonEqual(known, spec)) return undefined;
  return violation(mode, deps.desired.read(objectKey('namespaces', '', call.namespace))?.object, spec);
}
