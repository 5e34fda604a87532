import { KithError } from '../../protocol/errors.ts';
import { jsonEqual } from '../../protocol/json.ts';
import { validateObjectUpdate } from '../../protocol/kinds/admission.ts';
import type { DesiredObject, DraftObject, KubeObject, StoredObject } from '../../protocol/objects.ts';
import { buryMutation, endsLife } from '../core/deletion.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { existing, keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { conflict, invalid, notFound, staleVersion } from './status.ts';
import { nextStored, nodeNameOf, withoutShown } from './stored.ts';
import type { KeyedLock } from './timing.ts';

/** PUT of a whole object. */
export async function updateObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const body = await readDocument(call.request);
  return lock.run(keyOf(call.kind, call.namespace, call.name), async () => replaceWith(call, deps, () => body));
}

/**
 * Reads the object, lets `change` make its next version, and writes it: what PUT and PATCH share. To be called under the key's lock.
 * @throws ApiError `NotFound` | `Conflict` | `Invalid` | `BadRequest`
 */
export async function replaceWith(call: ObjectCall, deps: ApiDeps, change: (current: KubeObject) => unknown): Promise<HttpResponse> {
  const { query } = call.request;
  const dryRun = dryRunParameter(query.getAll('dryRun'));
  const current = existing(call, deps);
  const desired = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (desired === undefined) throw notFound(call.kind, call.name);
  const body = withoutShown(call.kind.kind, change(current));
  const { draft, warnings } = decodeDraft(call, body, { name: call.name, fieldValidation: fieldValidationParameter(query) });
  checkPreconditions(call, draft, current);
  const next = nextStored(draft, desired.object);
  checkUpdate(call, draft, current, desired.object, next);
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
    return (await deps.desired.write([mutation])).warnings;
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
  const errors = [...validateObjectUpdate(call.kind, before, next)];
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
  const spec = node === undefined || shown.kind !== 'Pod' ? shown['spec'] : { ...(shown['spec'] as object), nodeName: node };
  return {
    ...shown,
    ...(spec === undefined ? {} : { spec }),
    ...(current['status'] === undefined ? {} : { status: current['status'] }),
    metadata: { ...shown.metadata, resourceVersion: current.metadata.resourceVersion },
  };
}
