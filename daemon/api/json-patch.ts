import jsonPatch, { type Operation } from 'fast-json-patch';
import { boundDepth, MAX_BODY_BYTES } from './body.ts';
import { ApiError } from './status.ts';

/** As upstream. */
const MAX_JSON_PATCH_OPERATIONS = 10_000;

/**
 * RFC 6902. The document given stays as it is.
 * @throws ApiError `Invalid` | `RequestEntityTooLarge` | `BadRequest`
 */
export function applyJsonPatch(document: unknown, operations: readonly unknown[]): unknown {
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
