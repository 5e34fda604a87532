import { KithError } from '../../protocol/errors.ts';
import { type Json, jsonEqual } from '../../protocol/json.ts';
import { hasPlainStatus, validateObjectUpdate } from '../../protocol/kinds/admission.ts';
import type { DesiredObject, DraftObject, KubeObject, StoredObject } from '../../protocol/objects.ts';
import type { PodSpec } from '../../protocol/types.ts';
import { buryMutation, endsLife } from '../core/deletion.ts';
import { shownPodSpec } from '../core/status/shown-pod.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readManifest } from './body.ts';
import { createNamed } from './creating.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { withManagedFields, withOwners } from './field-owners.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { prepareDraft } from './preparing.ts';
import { existing, keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { conflict, invalid, notFound, staleVersion } from './status.ts';
import { nextStored, nodeNameOf, withoutShown } from './stored.ts';
import type { KeyedLock } from './timing.ts';
import { writeWarnings } from './write-warnings.ts';

/** What a client's change makes of an object. */
export interface NextVersion {
  body: unknown;
  /** Who owns which fields, when the change itself says so; else it follows from what the change changes. */
  managedFields?: Json[];
  warnings?: readonly string[];
  /** Fields that the body named twice. */
  duplicates?: readonly string[];
}

/** PUT of a whole object. */
export async function updateObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { body, duplicates } = await readManifest(call.request);
  const key = keyOf(call.kind, call.namespace, call.name);
  return lock.run(key, async () => {
    const creates = call.kind.createOnUpdate === true && deps.desired.read(key) === undefined;
    return creates ? createNamed(call, deps, { body, duplicates, name: call.name }) : replaceWith(call, deps, () => ({ body, duplicates }));
  });
}

/**
 * Reads the object, lets `change` make its next version, and writes it: what PUT and PATCH share. To be called under the key's lock.
 * @throws ApiError `NotFound` | `Conflict` | `Invalid` | `BadRequest`
 */
export async function replaceWith(call: ObjectCall, deps: ApiDeps, change: (current: KubeObject) => NextVersion): Promise<HttpResponse> {
  const { query } = call.request;
  const dryRun = dryRunParameter(query.getAll('dryRun'));
  const current = existing(call, deps);
  const desired = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (desired === undefined) throw notFound(call.kind, call.name);
  const { body: given, managedFields, duplicates, warnings: warned = [] } = change(current);
  const body = withoutShown(call.kind.kind, given);
  const options = { name: call.name, duplicates, fieldValidation: fieldValidationParameter(query), before: desired.object };
  const decoded = decodeDraft(call, body, options);
  const { draft } = decoded;
  const warnings = [...warned, ...decoded.warnings, ...writeWarnings(call, draft, desired.object, deps)];
  checkPreconditions(call, draft, current);
  const unowned = nextStored(prepareDraft(call, draft, desired.object, deps), desired.object, hasPlainStatus(call.kind));
  checkUpdate(call, draft, current, desired.object, unowned);
  const next =
    managedFields === undefined
      ? withOwners(call, deps, desired.object, unowned, { given: draft.metadata.managedFields })
      : withManagedFields(unowned, managedFields);
  if (jsonEqual(next, desired.object)) return respondWith(call, deps, 200, current, warnings);
  if (dryRun) return respondWith(call, deps, 200, preview(current, next), warnings);
  const written = await writeNext(call, deps, desired, next);
  return respondWith(call, deps, 200, deps.objects.get(desired.key) ?? preview(current, next), [...warnings, ...written]);
}

/** @returns warnings of the write. */
export async function writeNext(call: ObjectCall, deps: ApiDeps, desired: DesiredObject, next: StoredObject): Promise<string[]> {
  const { key, uid, object: base } = desired;
  try {
    const mutation = endsLife(desired, next)
      ? buryMutation(desired, deps.clock.now())
      : ({ type: 'update', key, uid, base, next } as const);
    const write = async (): Promise<string[]> => (await deps.desired.write([mutation])).warnings;
    if (mutation.type === 'bury') return await write();
    return await (deps.admission?.withinQuota(call, next, base, write) ?? write());
  } catch (error) {
    if (error instanceof KithError && (error.code === 'NotFound' || error.code === 'UidMismatch')) throw notFound(call.kind, call.name);
    throw error;
  }
}

/** A version of another peer means nothing here: like an old one of ours, it says that the client may not know the latest state. */
export function checkPreconditions(call: ObjectCall, draft: Pick<DraftObject, 'metadata'>, current: KubeObject): void {
  const { resourceVersion = '', uid = '' } = draft.metadata;
  if (uid !== '' && uid !== current.metadata.uid) {
    throw conflict(call.kind, call.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`);
  }
  if (resourceVersion !== '' && resourceVersion !== '0' && resourceVersion !== current.metadata.resourceVersion) {
    throw staleVersion(call.kind, call.name);
  }
}

function checkUpdate(call: ObjectCall, draft: DraftObject, current: KubeObject, before: StoredObject, next: StoredObject): void {
  const status = current['status'];
  const known: StoredObject = status === undefined ? before : { ...before, status };
  const errors = [...validateObjectUpdate(call.kind.storedAs?.kind ?? call.kind, known, next)];
  const node = nodeNameOf(draft);
  if (call.kind.kind === 'Pod' && node !== undefined && node !== nodeNameOf(current)) {
    const message = 'Forbidden: pod updates may not change where a pod runs; create a binding for a pod without a node';
    errors.push({ field: 'spec.nodeName', reason: 'FieldValueForbidden', message });
  }
  if (errors.length > 0) throw invalid(call.kind, call.name, errors);
}

/** What the object would look like, without a replica to merge it. */
function preview(current: KubeObject, next: StoredObject): KubeObject {
  const { kith: _kith, ...shown } = next;
  const node = nodeNameOf(current);
  const spec = shown.kind === 'Pod' ? shownPodSpec(shown['spec'] as PodSpec, node) : shown['spec'];
  return {
    ...shown,
    ...(spec === undefined ? {} : { spec }),
    ...(current['status'] === undefined ? {} : { status: current['status'] }),
    metadata: { ...shown.metadata, resourceVersion: current.metadata.resourceVersion },
  };
}
