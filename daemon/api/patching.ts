import jsonPatch, { type Operation } from 'fast-json-patch';
import type { KubeObject } from '../../protocol/objects.ts';
import type { HttpResponse } from '../ports/http.ts';
import { boundDepth, isRecord, MAX_BODY_BYTES, mediaType, parseJson, readText } from './body.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { keyOf } from './reading.ts';
import { ApiError } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { replaceWith } from './updating.ts';

/** As upstream. */
const MAX_JSON_PATCH_OPERATIONS = 10_000;
const ACCEPTED = ['application/merge-patch+json', 'application/json-patch+json'];

/** Makes the next version of a document; the one given stays as it is. */
export type Patch = (document: unknown) => unknown;

/** PATCH of a whole object: default and validate what comes out, as if it had been PUT. */
export async function patchObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const patch = await readPatch(call);
  return lock.run(keyOf(call.kind, call.namespace, call.name), async () =>
    replaceWith(call, deps, (current: KubeObject) => patch(current)),
  );
}

/** @throws ApiError `UnsupportedMediaType` | `BadRequest` | `RequestEntityTooLarge` */
export async function readPatch(call: ObjectCall): Promise<Patch> {
  const type = mediaType(call.request);
  if (!ACCEPTED.includes(type)) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${ACCEPTED.join(', ')}`,
    );
  }
  const body = parseJson(await readText(call.request));
  if (type === 'application/json-patch+json') {
    if (!Array.isArray(body)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations');
    return (document) => applyJsonPatch(document, body);
  }
  if (!isRecord(body)) throw new ApiError('BadRequest', 'a JSON merge patch must be an object');
  return (document) => boundDepth(mergePatch(document, body));
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result = new Map(Object.entries(isRecord(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name), value));
  }
  // fromEntries defines members: a key such as `__proto__` stays a key.
  return Object.fromEntries(result);
}

/** RFC 6902. */
function applyJsonPatch(document: unknown, operations: readonly unknown[]): unknown {
  if (operations.length > MAX_JSON_PATCH_OPERATIONS) {
    const words = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${operations.length}`;
    throw new ApiError('RequestEntityTooLarge', words);
  }
  let patched: unknown = structuredClone(document);
  let copiedBytes = 0;
  try {
    for (const operation of operations as readonly Operation[]) {
      if (operation.op === 'copy') {
        // A few copies of copies would fill the memory.
        copiedBytes += JSON.stringify(jsonPatch.getValueByPointer(patched, operation.from) ?? null).length;
        if (copiedBytes > MAX_BODY_BYTES)
          throw new ApiError('RequestEntityTooLarge', `the JSON patch copies more than ${MAX_BODY_BYTES} bytes`);
      }
      patched = jsonPatch.applyOperation(patched, operation, true, true, true).newDocument;
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const why = (error as Error).message.split('\n')[0] ?? '';
    throw new ApiError('Invalid', `the server rejected our request due to an error in our request: ${why}`, undefined, { cause: error });
  }
  return boundDepth(patched);
}
