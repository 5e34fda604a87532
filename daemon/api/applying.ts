import { KithError } from '../../protocol/errors.ts';
import type { Json } from '../../protocol/json.ts';
import { decodeConfiguration } from '../../protocol/kinds/admission.ts';
import { apiVersionOf, inVersion } from '../../protocol/kinds/kind.ts';
import { describeClashes, planApply, showOwner, type Clash } from '../../protocol/managed/apply.ts';
import { readOwners, writeOwners } from '../../protocol/managed/managers.ts';
import { showPath } from '../../protocol/managed/paths.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import type { HttpResponse } from '../ports/http.ts';
import { isRecord } from './body.ts';
import { createNamed } from './creating.ts';
import { undecodable } from './decoding.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { ownable, ownerName } from './field-owners.ts';
import { booleanParameter, fieldValidationParameter } from './parameters.ts';
import { keyOf } from './reading.ts';
import { ApiError, invalid, notFound } from './status.ts';
import { replaceWith } from './updating.ts';

/**
 * PATCH with an apply configuration: what the applier wants, merged into what there is, if nobody else owns it. To be called under the key's lock.
 * @throws ApiError `Conflict` with a cause for each field that another owns
 */
export async function applyObject(call: ObjectCall, deps: ApiDeps, body: unknown): Promise<HttpResponse> {
  const { query } = call.request;
  requireManager(query);
  const { configuration, warnings } = readConfiguration(call, body);
  const live = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  const { merged, managedFields } = plan(call, deps, live, configuration);
  if (live !== undefined) return replaceWith(call, deps, () => ({ body: merged, managedFields, warnings }));
  const { uid = '', resourceVersion = '' } = configuration['metadata'] as { uid?: string; resourceVersion?: string };
  if (uid !== '' || resourceVersion !== '') throw notFound(call.kind, call.name);
  if (!call.kind.verbs.includes('create')) throw notFound(call.kind, call.name);
  return createNamed(call, deps, { body: merged, name: call.name, managedFields, warnings });
}

function requireManager(query: URLSearchParams): void {
  if ((query.get('fieldManager') ?? '') !== '') return;
  const message = 'Required value: is required for apply patch';
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [{ field: 'fieldManager', reason: 'FieldValueRequired', message }]);
}

function readConfiguration(call: ObjectCall, body: unknown): { configuration: Record<string, unknown>; warnings: string[] } {
  if (!isRecord(body)) throw new ApiError('BadRequest', `an apply configuration must be a ${call.kind.kind}`);
  const metadata = isRecord(body['metadata']) ? body['metadata'] : {};
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null)
    throw new ApiError('BadRequest', 'metadata.managedFields must be nil');
  const name = metadata['name'] ?? '';
  if (name !== '' && name !== call.name) {
    throw new ApiError('BadRequest', `the name of the object (${JSON.stringify(name)}) does not match the name on the URL (${call.name})`);
  }
  const options = { fieldValidation: fieldValidationParameter(call.request.query), expectKind: call.kind, namespace: call.namespace };
  const decoded = decodeConfiguration({ ...body, metadata: { ...metadata, name: call.name } }, options);
  if (!decoded.ok) throw undecodable(decoded);
  return { configuration: decoded.object, warnings: decoded.warnings };
}

function plan(
  call: ObjectCall,
  deps: ApiDeps,
  live: DesiredObject | undefined,
  configuration: Record<string, unknown>,
): { merged: unknown; managedFields: Json[] } {
  try {
    const planned = planApply({
      schema: call.kind.schema,
      live: live === undefined ? undefined : ownable(inVersion(call.kind, live.object)),
      configuration,
      owners: readOwners(live?.object.metadata.managedFields),
      name: ownerName(call, 'Apply'),
      force: booleanParameter(call.request.query, 'force'),
      time: formatTime(deps.clock.now()),
    });
    if ('clashes' in planned) throw applyConflict(planned.clashes);
    return { merged: planned.merged, managedFields: writeOwners(planned.owners) };
  } catch (error) {
    if (!(error instanceof KithError) || error.code !== 'BadApply') throw error;
    const what = `${call.namespace ?? ''}/${call.name}; ${apiVersionOf(call.kind)}, Kind=${call.kind.kind}`;
    throw new ApiError('BadRequest', `failed to create typed patch object (${what}): ${error.message}`, undefined, { cause: error });
  }
}

function applyConflict(clashes: readonly Clash[]): ApiError {
  const causes = clashes.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${showOwner(owner)}`,
    field: showPath(path),
  }));
  return new ApiError('Conflict', describeClashes(clashes), { causes });
}
