import { canonicalJson } from '../json.ts';
import type { FieldError } from '../kinds/kind.ts';

/** Field errors in Kubernetes' wording. Source: k8s.io/apimachinery/pkg/util/validation/field/errors.go. */

/** Characters of a value that a message repeats. */
const MAX_SHOWN_VALUE = 1_000;
/** Causes that one answer lists; the rest is counted. */
const MAX_SHOWN_ERRORS = 50;

export function required(field: string, detail = ''): FieldError {
  return { field, reason: 'FieldValueRequired', message: withDetail('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: withDetail(`Invalid value: ${showValue(value)}`, detail) };
}

/** @param supported in the order in which Kubernetes lists them */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const choice = supported.map((item) => JSON.stringify(item));
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: withDetail(`Unsupported value: ${showValue(value)}`, choice.length === 0 ? '' : `supported values: ${choice.join(', ')}`),
  };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${showValue(value)}` };
}

export function notFound(field: string, value: unknown): FieldError {
  return { field, reason: 'FieldValueNotFound', message: `Not found: ${showValue(value)}` };
}

export function forbidden(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueForbidden', message: withDetail('Forbidden', detail) };
}

export function tooLong(field: string, limit: number): FieldError {
  return { field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${limit} bytes` };
}

export function tooMany(field: string, actual: number, limit: number): FieldError {
  return { field, reason: 'FieldValueTooMany', message: `Too many: ${actual}: must have at most ${limit} item${limit === 1 ? '' : 's'}` };
}

export function typeInvalid(field: string, message: string): FieldError {
  return { field, reason: 'FieldValueTypeInvalid', message };
}

/** `spec.replicas: Invalid value: -1: must be ...` */
export function formatFieldError(error: FieldError): string {
  return error.field === '' ? error.message : `${error.field}: ${error.message}`;
}

/** One alone, or `[a, b]`; repeats are dropped, as Kubernetes' aggregates do. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const messages = [...new Set(errors.map(formatFieldError))];
  if (messages.length === 1) return messages[0] ?? '';
  const shown = messages.slice(0, MAX_SHOWN_ERRORS);
  if (messages.length > shown.length) shown.push(`... and ${messages.length - shown.length} more`);
  return `[${shown.join(', ')}]`;
}

/** `spec.containers` and `[0]` or `name`. */
export function childPath(parent: string, child: string | number): string {
  if (typeof child === 'number') return `${parent}[${child}]`;
  return parent === '' ? child : `${parent}.${child}`;
}

/** A member of a map: `limits[cpu]`. */
export function keyPath(parent: string, key: string): string {
  return `${parent}[${key}]`;
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

/** A value that Kubernetes shows as its Go struct: by the names and in the order of its fields. Its members may be such structs, too. */
export class GoStruct {
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.fields = fields;
  }
}

function showValue(value: unknown): string {
  const text = goJson(value);
  return text.length > MAX_SHOWN_VALUE ? `${text.slice(0, MAX_SHOWN_VALUE)}...` : text;
}

function goJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (!(value instanceof GoStruct)) return canonicalJson(value ?? null);
  const members = Object.entries(value.fields).map(([name, member]) => `${JSON.stringify(name)}:${goJson(member)}`);
  return `{${members.join(',')}}`;
}
