import { parse as parseYaml } from 'yaml';
import { KithError } from '../../protocol/errors.ts';
import type { HttpRequest } from '../ports/http.ts';
import { ApiError } from './status.ts';

/** As etcd-backed Kubernetes: 3 MiB a request. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Deeper JSON is nobody's object and only hurts recursive code. */
const MAX_DEPTH = 100;

export function mediaType(request: HttpRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** @throws ApiError `RequestEntityTooLarge` */
export async function readText(request: HttpRequest, limitBytes = MAX_BODY_BYTES): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await request.body(limitBytes));
  } catch (error) {
    if (error instanceof KithError && error.code === 'BodyTooLarge') {
      throw new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes} bytes`, undefined, { cause: error });
    }
    if (error instanceof TypeError) throw new ApiError('BadRequest', 'the request body is not valid UTF-8', undefined, { cause: error });
    throw error;
  }
}

/**
 * A body that is an object: JSON, or YAML where the client says so. Undefined when it is empty.
 * @throws ApiError `UnsupportedMediaType` | `BadRequest` | `RequestEntityTooLarge`
 */
export async function readDocument(request: HttpRequest, limitBytes = MAX_BODY_BYTES): Promise<unknown> {
  const type = mediaType(request);
  if (!['', 'application/json', 'application/yaml', 'text/plain', '*/*'].includes(type)) {
    const words = 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml';
    throw new ApiError('UnsupportedMediaType', words);
  }
  const text = await readText(request, limitBytes);
  if (text.trim() === '') return undefined;
  return type === 'application/yaml' ? readYaml(text) : parseJson(text);
}

/** @throws ApiError `BadRequest` */
export function parseJson(text: string): unknown {
  try {
    return boundDepth(JSON.parse(text) as unknown);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('BadRequest', `the request body is not valid JSON: ${(error as Error).message}`, undefined, { cause: error });
  }
}

function readYaml(text: string): unknown {
  try {
    return boundDepth(parseYaml(text, { maxAliasCount: 100, schema: 'core' }) as unknown);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('BadRequest', `the request body is not valid YAML: ${(error as Error).message}`, undefined, { cause: error });
  }
}

/** @throws ApiError `BadRequest` when the value nests too deep. */
export function boundDepth(value: unknown): unknown {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new ApiError('BadRequest', `the request body nests deeper than ${MAX_DEPTH} levels`);
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? (Object.values(item) as unknown[]) : []));
  }
  return value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
