import { DECODE_LIMITS } from '../schema/decode.ts';
import { formatTime } from '../values/time.ts';
import { malformed, packedNumbers, textOf, wireFields, type WireValue } from './reader.ts';
import { isScalar, type MessageField, messageFields, messageOfKind } from './table.ts';

/** First bytes of every Kubernetes protobuf body. Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf. */
const MAGIC = new TextEncoder().encode('k8s\0');
/** runtime.Unknown: typeMeta, raw. runtime.TypeMeta: apiVersion, kind. */
const ENVELOPE = { typeMeta: 1, raw: 2, apiVersion: 1, kind: 2 } as const;
const NANOS_PER_MICRO = 1000n;

/** Why a field can't be in a body although it was read: an unknown one is shown under such a name, so that strict decoding tells of it. */
const unknownName = (number: number): string => `(protobuf field ${number})`;

/**
 * A Kubernetes protobuf body as the JSON that it stands for, with its apiVersion and kind; not yet looked at by any schema.
 * @throws KithError `MalformedProtobuf`
 */
export function decodeProtobuf(bytes: Uint8Array): Record<string, unknown> {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) throw malformed('it does not start with "k8s" and a zero byte');
  const { typeMeta, raw } = readEnvelope(bytes.subarray(MAGIC.length));
  const [apiVersion, kind] = [typeMeta.get(ENVELOPE.apiVersion) ?? '', typeMeta.get(ENVELOPE.kind) ?? ''];
  const message = messageOfKind(apiVersion, kind);
  if (message === undefined) {
    throw malformed(`no field numbers are known for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}; send JSON`);
  }
  return { apiVersion, kind, ...new ProtobufDecoder().message(message, raw, 0) };
}

function readEnvelope(bytes: Uint8Array): { typeMeta: Map<number, string>; raw: Uint8Array } {
  const typeMeta = new Map<number, string>();
  let raw = new Uint8Array();
  for (const { number, value } of wireFields(bytes)) {
    if (value.type !== 'bytes') continue;
    if (number === ENVELOPE.raw) raw = Uint8Array.from(value.value);
    if (number !== ENVELOPE.typeMeta) continue;
    for (const field of wireFields(value.value)) if (field.value.type === 'bytes') typeMeta.set(field.number, textOf(field.value.value));
  }
  return { typeMeta, raw };
}

class ProtobufDecoder {
  private values = 0;

  message(name: string, bytes: Uint8Array, depth: number): Record<string, unknown> {
    if (depth > DECODE_LIMITS.depth) throw malformed(`it nests deeper than ${DECODE_LIMITS.depth} levels`);
    const fields = messageFields(name);
    const result: Record<string, unknown> = {};
    for (const { number, value } of wireFields(bytes)) {
      this.count();
      const field = fields?.get(number);
      if (field === undefined) result[unknownName(number)] = true;
      else this.put(result, field, value, depth);
    }
    return result;
  }

  private put(result: Record<string, unknown>, field: MessageField, value: WireValue, depth: number): void {
    if (field.shape === 'map') {
      const [key, member] = this.entry(field, value, depth);
      const map = (result[field.name] ??= {}) as Record<string, unknown>;
      // Defined, not assigned: a key such as `__proto__` stays a key, and is refused later.
      Object.defineProperty(map, key, { value: member, enumerable: true, configurable: true, writable: true });
    } else if (field.shape === 'list') {
      const list = (result[field.name] ??= []) as unknown[];
      list.push(...this.items(field, value, depth));
    } else if (field.inline) {
      Object.assign(result, this.value(field.type, value, depth));
    } else {
      const decoded = this.value(field.type, value, depth);
      if (isUnset(field, decoded)) delete result[field.name];
      else result[field.name] = decoded;
    }
  }

  /** Numbers of a list may come packed into one field. */
  private items(field: MessageField, value: WireValue, depth: number): unknown[] {
    const packed = 'ilb'.includes(field.type) && value.type === 'bytes';
    if (!packed) return [this.value(field.type, value, depth)];
    const items: unknown[] = [];
    for (const number of packedNumbers(value.value)) {
      this.count();
      items.push(this.value(field.type, { type: 'number', value: number }, depth));
    }
    return items;
  }

  private entry(field: MessageField, value: WireValue, depth: number): [string, unknown] {
    let key = '';
    let member: WireValue = { type: 'bytes', value: new Uint8Array() };
    for (const part of wireFields(bytesOf(value))) {
      this.count();
      if (part.number === 1) key = textOf(bytesOf(part.value));
      else if (part.number === 2) member = part.value;
    }
    return [key, this.value(field.type, member, depth + 1)];
  }

  private value(type: string, value: WireValue, depth: number): unknown {
    if (!isScalar(type)) return this.message(type, bytesOf(value), depth + 1);
    switch (type) {
      case 's':
        return textOf(bytesOf(value));
      case 'y':
        return Buffer.from(bytesOf(value)).toString('base64');
      case 'b':
        return numberOf(value) !== 0n;
      case 'i':
      case 'l':
        return integerOf(value);
      case 'T':
      case 'U':
        return this.time(bytesOf(value), type === 'U');
      case 'Q':
        return this.singleText(bytesOf(value));
      case 'F':
        return parseRaw(bytesOf(value));
      default:
        return this.intOrString(bytesOf(value));
    }
  }

  /** Undefined for Go's zero time, which is written as nothing. */
  private time(bytes: Uint8Array, micro: boolean): string | undefined {
    let [seconds, nanos] = [0n, 0n];
    for (const { number, value } of wireFields(bytes)) {
      this.count();
      if (number === 1) seconds = BigInt.asIntN(64, numberOf(value));
      else if (number === 2) nanos = BigInt.asIntN(32, numberOf(value));
    }
    if (seconds === 0n && nanos === 0n) return undefined;
    // Beyond what a JavaScript date holds.
    if (seconds > 8_640_000_000_000n || seconds < -62_135_596_800n) throw malformed(`a time of ${seconds} seconds is out of range`);
    const text = formatTime(Number(seconds) * 1000);
    return micro ? text.replace('Z', `.${(nanos / NANOS_PER_MICRO).toString().padStart(6, '0')}Z`) : text;
  }

  private singleText(bytes: Uint8Array): string {
    let text = '';
    for (const { number, value } of wireFields(bytes)) if (number === 1) text = textOf(bytesOf(value));
    return text;
  }

  private intOrString(bytes: Uint8Array): number | string {
    let [isText, number, text] = [false, 0, ''];
    for (const field of wireFields(bytes)) {
      this.count();
      if (field.number === 1) isText = numberOf(field.value) !== 0n;
      else if (field.number === 2) number = integerOf(field.value);
      else if (field.number === 3) text = textOf(bytesOf(field.value));
    }
    return isText ? text : number;
  }

  private count(): void {
    this.values += 1;
    if (this.values > DECODE_LIMITS.values) throw malformed(`it has more than ${DECODE_LIMITS.values} values`);
  }
}

/** Go writes scalars that are no pointers whether they are set or not: their zero says nothing. */
function isUnset(field: MessageField, value: unknown): boolean {
  if (value === undefined) return true;
  return !field.pointer && (value === '' || value === 0 || value === false);
}

function bytesOf(value: WireValue): Uint8Array {
  if (value.type === 'bytes') return value.value;
  throw malformed('a number stands where a text or a message belongs');
}

function numberOf(value: WireValue): bigint {
  if (value.type === 'number') return value.value;
  // What an absent number of a map's entry reads as.
  if (value.value.length === 0) return 0n;
  throw malformed('a text stands where a number belongs');
}

function integerOf(value: WireValue): number {
  const integer = BigInt.asIntN(64, numberOf(value));
  if (integer > BigInt(Number.MAX_SAFE_INTEGER) || integer < BigInt(Number.MIN_SAFE_INTEGER))
    throw malformed(`the number ${integer} is beyond 2^53`);
  return Number(integer);
}

function parseRaw(bytes: Uint8Array): unknown {
  let raw: Uint8Array = new Uint8Array();
  for (const { number, value } of wireFields(bytes)) if (number === 1) raw = bytesOf(value);
  if (raw.length === 0) return {};
  try {
    return JSON.parse(textOf(raw)) as unknown;
  } catch {
    throw malformed('fieldsV1 is not valid JSON');
  }
}
