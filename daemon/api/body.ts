import { parse as parseYaml } from 'yaml';
import { KithError } from '../../protocol/errors.ts';
import { decodeProtobuf } from '../../protocol/protobuf/decode.ts';
import { duplicateFields } from '../../protocol/schema/duplicate-fields.ts';
import type { HttpRequest } from '../ports/http.ts';
import { ApiError } from './status.ts';

/** As etcd-backed Kubernetes: 3 MiB a request. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** Deeper JSON is nobody's object and only hurts recursive code. */
const MAX_DEPTH = 100;

export function mediaType(request: HttpRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** @throws ApiError `RequestEntityTooLarge` | `BadRequest` */
export async function readText(request: HttpRequest, limitBytes = MAX_BODY_BYTES): Promise<string> {
  const bytes = await readBytes(request, limitBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ApiError('BadRequest', 'the request body is not valid UTF-8', undefined, { cause: error });
  }
}

/** @throws ApiError `RequestEntityTooLarge` */
export async function readBytes(request: HttpRequest, limitBytes: number): Promise<Uint8Array> {
  try {
    return await request.body(limitBytes);
  } catch (error) {
    if (error instanceof KithError && error.code === 'BodyTooLarge') {
      throw new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes} bytes`, undefined, { cause: error });
    }
    throw error;
  }
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const YAML = 'application/yaml';
const DOCUMENT_TYPES = ['application/json', YAML, PROTOBUF];

/**
 * A body that is an object: JSON, or YAML or Kubernetes' protobuf where the client says so. Undefined when it is empty.
 * @throws ApiError `UnsupportedMediaType` | `BadRequest` | `RequestEntityTooLarge`
 */
export async function readDocument(request: HttpRequest, limitBytes = MAX_BODY_BYTES): Promise<unknown> {
  const type = mediaType(request);
  if (!['', 'text/plain', '*/*', ...DOCUMENT_TYPES].includes(type)) throw unsupportedMediaType(DOCUMENT_TYPES);
  if (type === PROTOBUF) return readProtobuf(await readBytes(request, limitBytes));
  const text = await readText(request, limitBytes);
  if (text.trim() === '') return undefined;
  return type === YAML ? readYaml(text) : parseJson(text);
}

/** A document that becomes an object: also which of its fields were written twice, which no parser tells. */
export async function readManifest(request: HttpRequest): Promise<{ body: unknown; duplicates: readonly string[] }> {
  if (!['', 'application/json'].includes(mediaType(request))) return { body: await readDocument(request), duplicates: [] };
  const text = await readText(request);
  const body = text.trim() === '' ? undefined : parseJson(text);
  return { body, duplicates: duplicateFields(text) };
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

function readProtobuf(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return decodeProtobuf(bytes);
  } catch (error) {
    if (error instanceof KithError) throw new ApiError('BadRequest', error.message, undefined, { cause: error });
    throw error;
  }
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

export function readYaml(text: string): unknown {
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
