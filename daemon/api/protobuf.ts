/** The little of the protobuf wire format that OpenAPI v2 needs: length-delimited fields (wire type 2). */
export type ProtobufField = Uint8Array;

const LENGTH_DELIMITED = 2;

export function text(number: number, value: string): ProtobufField {
  return delimited(number, Buffer.from(value));
}

export function message(number: number, fields: readonly ProtobufField[]): ProtobufField {
  return delimited(number, Buffer.concat(fields));
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
