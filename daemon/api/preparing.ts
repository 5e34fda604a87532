import { toStoredVersion } from '../../protocol/kinds/admission.ts';
import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import { objectKey, type DraftObject, type StoredObject } from '../../protocol/objects.ts';
import { giveServiceAddresses } from '../core/network/service-addresses.ts';
import { serviceNumbers } from '../core/network/service-range.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { checkEscalation } from './escalation.ts';
import { enforcePodSecurity } from './pod-security.ts';
import { invalid } from './status.ts';

/**
 * What is to be written of a client's draft: in the stored version, with what the server keeps of the version before, and the addresses it gives.
 * @throws ApiError `Invalid` | `Forbidden`
 */
export function prepareDraft(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: ApiDeps): DraftObject {
  const stored = toStoredVersion(call.kind, draft, before);
  const creation = before === undefined ? (call.kind.validateCreate?.(draft) ?? []) : [];
  const errors = [...creation, ...stored.errors, ...giveAddresses(call, stored.draft, before, deps)];
  if (errors.length > 0) throw invalid(call.kind, draft.metadata.name ?? '', errors);
  checkEscalation(call, stored.draft, before, deps);
  const admitted = deps.admission?.admit(call, stored.draft, before) ?? stored.draft;
  enforcePodSecurity(call, admitted, before, deps);
  return admitted;
}

function giveAddresses(call: ResourceCall, draft: DraftObject, before: StoredObject | undefined, deps: ApiDeps) {
  const resource = groupResourceOf(call.kind);
  if (resource !== 'services') return [];
  const { namespace, name } = draft.metadata;
  const own = objectKey(resource, namespace ?? '', name ?? '');
  const others = deps.objects
    .list(resource)
    .items.filter(({ metadata }) => objectKey(resource, metadata.namespace ?? '', metadata.name) !== own);
  return giveServiceAddresses(draft, before, others, serviceNumbers({ get: (key) => deps.desired.read(key) }));
}
