import { isScalar, type MessageField, messageFields, messageOfKind } from '../../protocol/protobuf/table.ts';

/** Writes Kubernetes' protobuf as Go does: scalars that are no pointers are there even when they are unset. */
export function encodeProtobuf(object: Record<string, unknown> & { apiVersion: string; kind: string }): Uint8Array {
  const { apiVersion, kind, ...fields } = object;
  const name = messageOfKind(apiVersion, kind);
  if (name === undefined) throw new Error(`no message for ${apiVersion} ${kind}`);
  const typeMeta = Buffer.concat([delimited(1, Buffer.from(apiVersion)), delimited(2, Buffer.from(kind))]);
  return Buffer.concat([
    Buffer.from('k8s\0'),
    delimited(1, typeMeta),
    delimited(2, encodeMessage(name, fields)),
    delimited(3, Buffer.alloc(0)),
  ]);
}

function encodeMessage(name: string, value: Record<string, unknown>): Buffer {
  const parts: Buffer[] = [];
  for (const [number, field] of messageFields(name) ?? []) {
    const member = field.inline ? value : value[field.name];
    if (field.shape === 'list') for (const item of (member as unknown[] | undefined) ?? []) parts.push(encodeValue(number, field, item));
    else if (field.shape === 'map') parts.push(...encodeMap(number, field, (member as Record<string, unknown> | undefined) ?? {}));
    else if (member !== undefined) parts.push(encodeValue(number, field, member));
    else if (isScalar(field.type) && !field.pointer && 'silb'.includes(field.type)) {
      parts.push(encodeValue(number, field, field.type === 's' ? '' : field.type === 'b' ? false : 0));
    }
  }
  return Buffer.concat(parts);
}

function encodeMap(number: number, field: MessageField, map: Record<string, unknown>): Buffer[] {
  return Object.entries(map).map(([key, member]) =>
    delimited(number, Buffer.concat([delimited(1, Buffer.from(key)), encodeValue(2, { ...field, shape: 'single' }, member)])),
  );
}

function encodeValue(number: number, { type }: MessageField, value: unknown): Buffer {
  switch (type) {
    case 's':
      return delimited(number, Buffer.from(value as string));
    case 'y':
      return delimited(number, Buffer.from(value as string, 'base64'));
    case 'i':
    case 'l':
    case 'b':
      return numeric(number, BigInt(value as number));
    case 'T':
    case 'U':
      return delimited(number, numeric(1, BigInt(Math.floor(Date.parse(value as string) / 1000))));
    case 'Q':
      return delimited(number, delimited(1, Buffer.from(value as string)));
    case 'F':
      return delimited(number, delimited(1, Buffer.from(JSON.stringify(value))));
    case 'I': {
      const isText = typeof value === 'string';
      const fields = [numeric(1, isText ? 1n : 0n), numeric(2, isText ? 0n : BigInt(value as number))];
      return delimited(number, Buffer.concat([...fields, delimited(3, Buffer.from(isText ? value : ''))]));
    }
    default:
      return delimited(number, encodeMessage(type, value as Record<string, unknown>));
  }
}

export function numeric(number: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(number * 8)), varint(BigInt.asUintN(64, value))]);
}

export function delimited(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(BigInt(number * 8 + 2)), varint(BigInt(content.length)), content]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
