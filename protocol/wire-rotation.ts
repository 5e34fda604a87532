import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { KithError } from './errors.ts';
import { integer, list, mapOf, text, wireInvalid, type Fields } from './wire/fields.ts';

/** Version of request protocol `rotation`: whether a node still sends traffic of Services to pods that are to be stopped. */
export const ROTATION_WIRE_VERSION = 1;
/** Pods of one question: more than a node holds. The next question asks for the rest. */
export const MAX_ROTATION_PODS = 1_000;
const MAX_UID_CHARS = 64;
const MAX_MESSAGE_BYTES = 128 * 1_024;

/** @param pods uids, at most {@link MAX_ROTATION_PODS} */
export function encodeRotationRequest(pods: readonly string[]): Uint8Array {
  return encode({ v: ROTATION_WIRE_VERSION, pods }, rfc8949EncodeOptions);
}

/** @returns uids. @throws KithError `WireInvalid` | `WireVersion` */
export function decodeRotationRequest(bytes: Uint8Array): string[] {
  return uids(open(bytes), 'pods');
}

/** @param still uids of those among the asked ones that traffic is still sent to */
export function encodeRotationAnswer(still: readonly string[]): Uint8Array {
  return encode({ v: ROTATION_WIRE_VERSION, still }, rfc8949EncodeOptions);
}

/** @returns uids. @throws KithError `WireInvalid` | `WireVersion` */
export function decodeRotationAnswer(bytes: Uint8Array): string[] {
  return uids(open(bytes), 'still');
}

function open(bytes: Uint8Array): Fields {
  if (bytes.byteLength > MAX_MESSAGE_BYTES) throw wireInvalid(`a message of ${bytes.byteLength} bytes about rotation`);
  let value: unknown;
  try {
    value = decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false, allowUndefined: false, allowNaN: false });
  } catch (cause) {
    throw new KithError('WireInvalid', 'malformed message: what is asked of rotation is no CBOR', {}, { cause });
  }
  const fields = mapOf(value, 'a message about rotation');
  const version = integer(fields, 'v', Number.MAX_SAFE_INTEGER);
  if (version === ROTATION_WIRE_VERSION) return fields;
  throw new KithError('WireVersion', `a message about rotation of version ${version}; this peer speaks ${ROTATION_WIRE_VERSION}`);
}

function uids(fields: Fields, name: string): string[] {
  return list(fields, name, MAX_ROTATION_PODS).map((uid) => text({ uid }, 'uid', MAX_UID_CHARS));
}
