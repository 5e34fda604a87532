import { encode } from 'cborg';

/**
 * Deterministic CBOR (RFC 8949, 4.2.1) of values whose map keys are texts. `undefined` members are left out.
 *
 * Texts in the bytewise order of their encodings are in the order of their lengths, then of their bytes: the length is in the first bytes. That is the order of the library's own
 * sorter, which encodes each value once; `rfc8949EncodeOptions` encodes each key twice more to compare it, and takes three times as long.
 */
export function encodeDeterministic(value: unknown): Uint8Array {
  return encode(value, OPTIONS);
}

const OPTIONS = { ignoreUndefinedProperties: true };
