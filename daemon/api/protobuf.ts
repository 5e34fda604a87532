/** The little of the protobuf wire format that OpenAPI v2 needs: length-delimited fields (wire type 2) and doubles (1). */
export type ProtobufField = Uint8Array;

const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;

export function text(number: number, value: string): ProtobufField {
  return delimited(number, Buffer.from(value));
}

export function message(number: number, fields: readonly ProtobufField[]): ProtobufField {
  return delimited(number, Buffer.concat(fields));
}

export function number(field: number, value: number): ProtobufField {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + FIXED_64), bytes]);
}

export function document(fields: readonly ProtobufField[]): Uint8Array {
  return Buffer.concat(fields);
}

function delimited(number: number, value: Uint8Array): ProtobufField {
  return Buffer.concat([varint(number * 8 + LENGTH_DELIMITED), varint(value.length), value]);
}

/** Seven bits a byte, low ones first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
