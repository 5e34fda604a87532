import { KithError } from '../../protocol/errors.ts';
import type { FieldError, KindDefinition } from '../../protocol/kinds/kind.ts';
import { formatFieldErrors } from '../../protocol/schema/field-errors.ts';
import type { HttpResponse } from '../ports/http.ts';

/** Kubernetes' `metav1.Status` reasons that this API gives. */
export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'NotImplemented'
  | 'ServiceUnavailable'
  | 'GatewayTimeout';

const CODES: Record<StatusReason, number> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  GatewayTimeout: 504,
};

export interface StatusDetails {
  name?: string;
  group?: string;
  /** Kubernetes puts the plural here, but the kind for `Invalid`. */
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export interface StatusBody {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: StatusReason;
  details?: StatusDetails;
  code?: number;
}

/** An answer that is an error: thrown anywhere below the router, sent as a Status. */
export class ApiError extends KithError<StatusReason> {
  readonly statusDetails: StatusDetails | undefined;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, options?: ErrorOptions) {
    super(reason, message, { ...details }, options);
    this.name = 'ApiError';
    this.statusDetails = details;
  }

  get httpStatus(): number {
    return CODES[this.code];
  }

  toStatus(): StatusBody {
    const { code: reason, message, statusDetails: details } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: this.httpStatus,
    };
  }
}

type Named = Pick<KindDefinition, 'group' | 'plural'>;

/** `pods`, `deployments.apps`: how messages name a resource. */
function qualified(kind: Named): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

function detailsOf(kind: Named, name: string): StatusDetails {
  return { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural };
}

export function notFound(kind: Named, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(kind)} "${name}" not found`, detailsOf(kind, name));
}

/** For a path that means nothing here. */
export function noSuchPath(): ApiError {
  // Clients look into the details without asking whether there are any: `kubectl debug` crashes.
  return new ApiError('NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(kind: Named, name: string, beingDeleted: boolean): ApiError {
  const message = `${qualified(kind)} "${name}" already exists`;
  return new ApiError('AlreadyExists', beingDeleted ? `object is being deleted: ${message}` : message, detailsOf(kind, name));
}

export function conflict(kind: Named, name: string, why: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`, detailsOf(kind, name));
}

export function staleVersion(kind: Named, name: string): ApiError {
  return conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again');
}

export function forbidden(kind: Named, name: string, why: string, causes?: StatusCause[]): ApiError {
  return new ApiError('Forbidden', `${qualified(kind)} "${name}" is forbidden: ${why}`, { ...detailsOf(kind, name), causes });
}

export function methodNotAllowed(what: string): ApiError {
  return new ApiError('MethodNotAllowed', `the server does not allow this method on the requested resource: ${what}`);
}

/** Kubernetes' 422: `Pod "x" is invalid: spec.containers: Required value`. */
export function invalid(kind: { group: string; kind: string }, name: string, errors: readonly FieldError[]): ApiError {
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const causes = errors.map(({ reason, message, field }) => ({ reason, message, field }));
  const group = kind.group === '' ? {} : { group: kind.group };
  return new ApiError('Invalid', `${qualifiedKind} "${name}" is invalid: ${formatFieldErrors(errors)}`, {
    name,
    ...group,
    kind: kind.kind,
    causes,
  });
}

export function success(details: StatusDetails): StatusBody {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

/** @param warnings shown by clients, without being errors. */
export function jsonResponse(status: number, body: unknown, warnings: readonly string[] = []): HttpResponse {
  return { status, headers: { 'content-type': 'application/json', ...warningHeaders(warnings) }, body: JSON.stringify(body) };
}

/** RFC 7234 `Warning: 299 - "text"`: what kubectl prints as `Warning: text`. Bounded as upstream bounds it (4 KiB in all). */
export function warningHeaders(warnings: readonly string[]): Record<string, string[]> {
  const values: string[] = [];
  let bytes = 0;
  for (const text of new Set(warnings)) {
    // Header values hold printable ASCII only.
    const value = `299 - "${text
      .replace(/[^\x20-\x7e]+/g, ' ')
      .replace(/[\\"]/g, '\\$&')
      .slice(0, 1024)}"`;
    bytes += value.length;
    if (bytes > 4096) break;
    values.push(value);
  }
  return values.length === 0 ? {} : { warning: values };
}
