import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { KithError } from '../../../protocol/errors.ts';
import { MAX_CHANGE_BYTES } from '../../../protocol/wire/limits.ts';

/**
 * The frame of one Automerge change (automerge.org/automerge-binary-format-spec, "Chunks"): magic, 4 bytes of SHA-256 over what follows, type, length as
 * LEB128, data. Automerge 3.5 does not check that hash when changes are applied and panics on some damaged ones, so we check it before.
 */
const MAGIC = Uint8Array.of(0x85, 0x6f, 0x4a, 0x83);
const CHECKSUM_END = 8;
const TYPE_CHANGE = 1;
const TYPE_DEFLATED_CHANGE = 2;
/** A length of 2^35 is more than any change has. */
const MAX_LENGTH_BYTES = 5;

/**
 * The change's hash, in hex: what Automerge knows it by.
 * @throws KithError `DocumentInvalid` for anything but one whole, undamaged change of at most MAX_CHANGE_BYTES once inflated
 */
export function checkedHash(change: Uint8Array): string {
  if (change.byteLength > MAX_CHANGE_BYTES) throw invalid(`${change.byteLength} bytes, at most ${MAX_CHANGE_BYTES} are taken`);
  if (MAGIC.some((byte, index) => change[index] !== byte)) throw invalid('it does not start as a change does');
  const type = change[CHECKSUM_END];
  const { value: length, end } = readLength(change, CHECKSUM_END + 1);
  const data = change.subarray(end);
  if (data.byteLength !== length) throw invalid(`${data.byteLength} bytes follow where it says ${length}`);
  const plain = type === TYPE_DEFLATED_CHANGE ? inflate(data) : data;
  if (type !== TYPE_CHANGE && type !== TYPE_DEFLATED_CHANGE) throw invalid(`chunk type ${String(type)}`);
  const digest = createHash('sha256').update(Uint8Array.of(TYPE_CHANGE)).update(writeLength(plain.byteLength)).update(plain).digest();
  if (digest.compare(change, MAGIC.length, CHECKSUM_END, 0, CHECKSUM_END - MAGIC.length) !== 0)
    throw invalid('its checksum does not match');
  return digest.toString('hex');
}

function inflate(data: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(data, { maxOutputLength: MAX_CHANGE_BYTES });
  } catch (cause) {
    throw new KithError('DocumentInvalid', `a change does not inflate to at most ${MAX_CHANGE_BYTES} bytes`, {}, { cause });
  }
}

function readLength(source: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < MAX_LENGTH_BYTES; index += 1) {
    const byte = source[start + index];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  throw invalid('its length is cut off');
}

function writeLength(value: number): Uint8Array {
  const encoded: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    encoded.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return Uint8Array.from(encoded);
}

function invalid(why: string): KithError {
  return new KithError('DocumentInvalid', `not an Automerge change: ${why}`);
}
