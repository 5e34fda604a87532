import { decodeObject, type AdmissionOptions, type RefusedObject } from '../../protocol/kinds/admission.ts';
import type { DraftObject } from '../../protocol/objects.ts';
import { isRecord } from './body.ts';
import type { ResourceCall } from './deps.ts';
import type { FieldValidation } from './parameters.ts';
import { ApiError, invalid } from './status.ts';

export interface DecodedDraft {
  draft: DraftObject;
  warnings: string[];
}

/**
 * A client's object, defaulted and validated. Typed clients leave out kind, apiVersion and often the namespace: the URL says them.
 * @param name what the URL says, or what was drawn for `generateName`
 * @throws ApiError `BadRequest` | `Invalid`
 */
export function decodeDraft(
  call: ResourceCall,
  body: unknown,
  options: Pick<AdmissionOptions, 'duplicates' | 'keepStatus' | 'before'> & { name: string | undefined; fieldValidation: FieldValidation },
): DecodedDraft {
  if (!isRecord(body)) throw new ApiError('BadRequest', `the request body must be a ${call.kind.kind}, not ${describe(body)}`);
  const metadata = namedMetadata(body['metadata'], options.name);
  const decoded = decodeObject({ ...body, metadata }, { ...options, expectKind: call.kind, namespace: call.namespace });
  if (decoded.ok) return { draft: decoded.object, warnings: decoded.warnings };
  if (decoded.code === 'Invalid') throw invalid(call.kind, options.name ?? nameIn(metadata), decoded.causes);
  throw undecodable(decoded);
}

/** Kubernetes gives no causes here; with them a client can tell the line of a manifest. */
export function undecodable(refused: RefusedObject): ApiError {
  const causes = refused.causes.map(({ reason, message, field }) => ({ reason, message, field }));
  return new ApiError('BadRequest', refused.message, causes.length === 0 ? undefined : { causes });
}

function namedMetadata(given: unknown, name: string | undefined): unknown {
  if (name === undefined || (given !== undefined && given !== null && !isRecord(given))) return given ?? {};
  const givenName = given?.['name'] ?? '';
  if (givenName !== '' && givenName !== name) {
    throw new ApiError('BadRequest', `the name of the object (${describe(givenName)}) does not match the name on the URL (${name})`);
  }
  return { ...given, name };
}

function nameIn(metadata: unknown): string {
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  return typeof name === 'string' ? name : '';
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? 'a list' : value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
}
