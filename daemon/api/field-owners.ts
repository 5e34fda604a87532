import type { Json } from '../../protocol/json.ts';
import { apiVersionOf, inVersion } from '../../protocol/kinds/kind.ts';
import { ownersAfterUpdate } from '../../protocol/managed/apply.ts';
import { isReset, type OwnerName, readOwners, writeOwners } from '../../protocol/managed/managers.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { invalid } from './status.ts';

/** As upstream (FieldManagerMaxLength). */
const MAX_MANAGER_LENGTH = 128;
const PATCH_OPTIONS = { group: 'meta.k8s.io', kind: 'PatchOptions' };

/**
 * Who writes, as `managedFields` names him: the `fieldManager` parameter, else the first word of the program's name.
 * @throws ApiError `Invalid`
 */
export function ownerName(call: ResourceCall, operation: OwnerName['operation'], subresource = ''): OwnerName {
  const given = call.request.query.get('fieldManager') ?? '';
  const refuse = (message: string): Error => invalid(PATCH_OPTIONS, '', [{ field: 'fieldManager', reason: 'FieldValueInvalid', message }]);
  if (given.length > MAX_MANAGER_LENGTH)
    throw refuse(`Invalid value: ${JSON.stringify(given)}: may not be more than ${MAX_MANAGER_LENGTH} bytes`);
  // Also keeps out what would cut the key of a merge unit in two.
  if (!/^[\x20-\x7e]*$/.test(given) || given.includes('|')) {
    throw refuse(`Invalid value: ${JSON.stringify(given)}: should only contain printable characters, and no "|"`);
  }
  const agent = (call.request.headers['user-agent'] ?? '').split('/')[0]?.replace(/[^\x20-\x7b\x7d\x7e]/g, '') ?? '';
  const manager = given !== '' ? given : agent !== '' ? agent.slice(0, MAX_MANAGER_LENGTH) : 'unknown';
  return { manager, operation, subresource, apiVersion: apiVersionOf(call.kind) };
}

/** `next` with the owners of its fields, after a write that is no server-side apply. `given` is what the client sent as managedFields. */
export function withOwners(
  call: ResourceCall,
  deps: Pick<ApiDeps, 'clock'>,
  before: StoredObject | undefined,
  next: StoredObject,
  options: { given?: unknown; subresource?: string } = {},
): StoredObject {
  // A client may write them directly; one that knows nothing of them leaves them as they are.
  const owners = isReset(options.given) ? [] : (readOwners(options.given) ?? readOwners(before?.metadata.managedFields) ?? []);
  const after = ownersAfterUpdate({
    schema: call.kind.schema,
    live: before === undefined ? undefined : ownable(inVersion(call.kind, before)),
    next: ownable(inVersion(call.kind, next)),
    owners,
    name: ownerName(call, 'Update', options.subresource),
    time: formatTime(deps.clock.now()),
  });
  return withManagedFields(next, writeOwners(after));
}

export function withManagedFields(object: StoredObject, managedFields: Json[]): StoredObject {
  const { managedFields: _before, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(managedFields.length === 0 ? {} : { managedFields }) } };
}

/** What a client can own of an object: not what Kith remembers. */
export function ownable({ kith: _kith, ...object }: StoredObject): object {
  return object;
}
