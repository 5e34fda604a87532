import { KithError } from '../errors.ts';

/** What is wrong with bytes that claim to be a Kubernetes protobuf message. */
export function malformed(what: string): KithError<'MalformedProtobuf'> {
  return new KithError('MalformedProtobuf', `the protobuf body can't be read: ${what}`);
}

export type WireValue = { type: 'number'; value: bigint } | { type: 'bytes'; value: Uint8Array };

const MAX_VARINT_BYTES = 10;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The fields of one message, in the order they are written. Source: protobuf.dev/programming-guides/encoding.
 * @throws KithError `MalformedProtobuf`
 */
export function* wireFields(bytes: Uint8Array): Generator<{ number: number; value: WireValue }> {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(bytes, cursor));
    const number = Math.floor(tag / 8);
    if (number < 1 || number > MAX_FIELD_NUMBER) throw malformed(`byte ${cursor.at} has no field's number`);
    yield { number, value: readValue(bytes, cursor, tag % 8) };
  }
}

function readValue(bytes: Uint8Array, cursor: { at: number }, wireType: number): WireValue {
  switch (wireType) {
    case 0:
      return { type: 'number', value: readVarint(bytes, cursor) };
    case 1:
      return { type: 'number', value: readFixed(take(bytes, cursor, 8)) };
    case 2: {
      const length = readVarint(bytes, cursor);
      return { type: 'bytes', value: take(bytes, cursor, length > BigInt(bytes.length) ? bytes.length + 1 : Number(length)) };
    }
    case 5:
      return { type: 'number', value: readFixed(take(bytes, cursor, 4)) };
    default:
      throw malformed(`wire type ${wireType} at byte ${cursor.at} is not in use`);
  }
}

/** Numbers of a packed list. */
export function* packedNumbers(bytes: Uint8Array): Generator<bigint> {
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) yield readVarint(bytes, cursor);
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): bigint {
  let value = 0n;
  for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw malformed('it ends in the middle of a number');
    cursor.at += 1;
    value |= BigInt(byte & 0x7f) << BigInt(7 * count);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw malformed(`a number at byte ${cursor.at} has more than ${MAX_VARINT_BYTES} bytes`);
}

function readFixed(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

function take(bytes: Uint8Array, cursor: { at: number }, length: number): Uint8Array {
  if (cursor.at + length > bytes.length) throw malformed(`a field of ${length} bytes at byte ${cursor.at} goes beyond the end`);
  const taken = bytes.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  return taken;
}

export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('a text is not valid UTF-8');
  }
}
