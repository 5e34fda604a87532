import { KithError } from '../../protocol/errors.ts';
import { strategicMerge } from '../../protocol/patch/strategic.ts';
import type { Schema } from '../../protocol/schema/schema.ts';
import type { HttpResponse } from '../ports/http.ts';
import { applyObject } from './applying.ts';
import { boundDepth, isRecord, mediaType, parseJson, readText, readYaml, unsupportedMediaType } from './body.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { applyJsonPatch } from './json-patch.ts';
import { keyOf } from './reading.ts';
import { ApiError } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { replaceWith } from './updating.ts';

export const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Makes the next version of a document; the one given stays as it is. */
export type Patch = (document: unknown) => unknown;

/** PATCH of a whole object: default and validate what comes out, as if it had been PUT. */
export async function patchObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const key = keyOf(call.kind, call.namespace, call.name);
  if (mediaType(call.request) === PATCH_TYPES.apply) {
    const configuration = readYaml(await readText(call.request));
    return lock.run(key, async () => applyObject(call, deps, configuration));
  }
  const patch = await readPatch(call, call.kind.schema);
  return lock.run(key, async () => replaceWith(call, deps, (current) => ({ body: patch(current) })));
}

/**
 * @param schema what a strategic merge patch finds its merge keys in
 * @throws ApiError `UnsupportedMediaType` | `BadRequest` | `RequestEntityTooLarge`
 */
export async function readPatch(call: ObjectCall, schema: Schema): Promise<Patch> {
  const type = mediaType(call.request);
  // As upstream: what a custom kind's lists are merged by is said nowhere.
  const known = [PATCH_TYPES.json, PATCH_TYPES.merge, ...(call.kind.definition === undefined ? [PATCH_TYPES.strategic] : [])];
  const found = known.find((each) => each === type);
  if (found === undefined) throw unsupportedMediaType([...known, PATCH_TYPES.apply]);
  const body = parseJson(await readText(call.request));
  if (found === PATCH_TYPES.json) {
    if (!Array.isArray(body)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations');
    return (document) => applyJsonPatch(document, body);
  }
  if (!isRecord(body)) throw new ApiError('BadRequest', 'a merge patch must be an object');
  if (found === PATCH_TYPES.merge) return (document) => boundDepth(mergePatch(document, body));
  return (document) => boundDepth(mergeStrategically(schema, document, body));
}

function mergeStrategically(schema: Schema, document: unknown, patch: Record<string, unknown>): unknown {
  try {
    return strategicMerge(schema, document, patch);
  } catch (error) {
    if (error instanceof KithError && error.code === 'BadPatch')
      throw new ApiError('BadRequest', error.message, undefined, { cause: error });
    throw error;
  }
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
