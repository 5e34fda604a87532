import { KithError } from '../errors.ts';
import { MAX_KEY_CHARS } from './limits.ts';
import { MAX_LIFE } from '../identity.ts';
import type { ObjectKey } from '../objects.ts';

/** A decoded CBOR map. Members that nobody asks for are ignored: a newer peer may send them. */
export type Fields = Readonly<Record<string, unknown>>;

export function wireInvalid(message: string): KithError {
  return new KithError('WireInvalid', `malformed message: ${message}`);
}

export function mapOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw wireInvalid(`${what} is no map`);
  return value as Fields;
}

export function text(fields: Fields, name: string, maxChars: number): string {
  const value = fields[name];
  if (typeof value !== 'string' || value.length > maxChars) throw wireInvalid(`${name} is no text of at most ${maxChars} characters`);
  return value;
}

export function integer(fields: Fields, name: string, max: number): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw wireInvalid(`${name} is no integer between 0 and ${max}`);
  }
  return value;
}

export function bytes(value: unknown, name: string, maxBytes: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.byteLength > maxBytes)
    throw wireInvalid(`${name} is no byte string of at most ${maxBytes} bytes`);
  return value;
}

export function list(fields: Fields, name: string, maxItems: number): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > maxItems) throw wireInvalid(`${name} is no list of at most ${maxItems} items`);
  return value;
}

export function life(fields: Fields, name: string): number {
  return integer(fields, name, MAX_LIFE);
}

/** Resource, namespace and name; no control characters, no further slash. */
const OBJECT_KEY = /^[a-z0-9][a-z0-9.-]*\/[a-z0-9.-]*\/[^/\p{Cc}\p{Cs}]+$/u;

export function isObjectKey(value: string): boolean {
  return value.length <= MAX_KEY_CHARS && OBJECT_KEY.test(value);
}

export function key(fields: Fields, name: string): ObjectKey {
  const value = text(fields, name, MAX_KEY_CHARS);
  if (!isObjectKey(value)) throw wireInvalid(`${name} ${JSON.stringify(value.slice(0, 80))} is no object key`);
  return value;
}

const HASH_BYTES = 32;

export function hashBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function hashHex(value: unknown, name: string): string {
  const raw = bytes(value, name, HASH_BYTES);
  if (raw.byteLength !== HASH_BYTES) throw wireInvalid(`${name} has ${raw.byteLength} bytes, not ${HASH_BYTES}`);
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('hex');
}
