import type { FieldError } from '../kinds/kind.ts';
import { formatQuantity, parseQuantity, QUANTITY_PATTERN_MESSAGE } from '../values/quantity.ts';
import { parseTime } from '../values/time.ts';
import { childPath, keyPath, typeInvalid } from './field-errors.ts';
import type { ObjectSchema, Schema } from './schema.ts';

/** Bounds of any value that comes from outside, whoever sent it. */
export const DECODE_LIMITS = {
  /** Objects and lists inside each other. */
  depth: 64,
  /** Values in one object, of all sorts. */
  values: 100_000,
  /** Characters of all texts in one object: what etcd would take. */
  textLength: 1_572_864,
} as const;

/** Problems that one answer lists. */
const MAX_PROBLEMS = 20;
const INT32_MAX = 2 ** 31 - 1;

export interface Decoded {
  /** A new value that holds known fields only; quantities are canonical, nulls are gone. */
  value: unknown;
  /** Paths of fields that the schema does not know. */
  unknown: string[];
  /** Wrong types, in the words of Go's JSON decoder. The value is of no use if there are any. */
  errors: FieldError[];
}

/** Reads a JSON value by a schema: types and known fields; neither defaults nor rules. */
export function decodeBySchema(schema: Schema, value: unknown): Decoded {
  const decoder = new Decoder();
  const decoded = decoder.decode(schema, value, { path: '', struct: '', depth: 0 });
  return { value: decoded, unknown: decoder.unknown, errors: decoder.errors };
}

interface Place {
  path: string;
  /** Go type of the nearest struct around, as its decoder names it. */
  struct: string;
  depth: number;
}

class Decoder {
  readonly unknown: string[] = [];
  readonly errors: FieldError[] = [];
  private values = 0;
  private textLength = 0;

  decode(schema: Schema, value: unknown, place: Place): unknown {
    if (this.errors.length >= MAX_PROBLEMS || !this.withinLimits(value, place)) return undefined;
    switch (schema.type) {
      case 'string':
        return this.decodeString(schema, value, place);
      case 'integer':
        return this.decodeInteger(schema, value, place);
      case 'number':
        return typeof value === 'number' ? value : this.wrongType(schema, value, place);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.wrongType(schema, value, place);
      case 'intOrString':
        return isInt32(value) || typeof value === 'string' ? value : this.wrongType(schema, value, place);
      case 'array':
        return this.decodeArray(schema, value, place);
      case 'map':
        return this.decodeMap(schema, value, place);
      case 'object':
        return this.decodeObject(schema, value, place);
      case 'any':
        return this.copy(value, place);
    }
  }

  private withinLimits(value: unknown, place: Place): boolean {
    this.values += 1;
    if (typeof value === 'string') this.textLength += value.length;
    if (place.depth > DECODE_LIMITS.depth) return this.overLimit(place, `is nested more than ${DECODE_LIMITS.depth} levels deep`);
    if (this.values > DECODE_LIMITS.values) return this.overLimit(place, `the object has more than ${DECODE_LIMITS.values} values`);
    if (this.textLength > DECODE_LIMITS.textLength)
      return this.overLimit(place, `the object is larger than ${DECODE_LIMITS.textLength} bytes`);
    return true;
  }

  private overLimit(place: Place, message: string): false {
    // Once: everything after it is over the limit, too.
    if (!this.errors.some((error) => error.message === message)) this.errors.push(typeInvalid(place.path, message));
    return false;
  }

  private decodeString(schema: Extract<Schema, { type: 'string' }>, value: unknown, place: Place): unknown {
    if (schema.format === 'quantity' && (typeof value === 'number' || typeof value === 'string')) {
      const quantity = parseQuantity(value);
      if (quantity !== undefined) return formatQuantity(quantity);
      this.errors.push(typeInvalid(place.path, QUANTITY_PATTERN_MESSAGE));
      return undefined;
    }
    if (typeof value !== 'string') return this.wrongType(schema, value, place);
    // The value itself is not repeated: it may be a secret.
    if (schema.format === 'byte' && !isBase64(value)) this.errors.push(typeInvalid(place.path, 'illegal base64 data'));
    if (schema.format === 'time' && parseTime(value) === undefined) {
      const shown = JSON.stringify(value.slice(0, 100));
      this.errors.push(typeInvalid(place.path, `parsing time ${shown} as "2006-01-02T15:04:05Z07:00": cannot parse ${shown}`));
    }
    return value;
  }

  private decodeInteger(schema: Extract<Schema, { type: 'integer' }>, value: unknown, place: Place): unknown {
    const fits = schema.format === 'int64' ? Number.isSafeInteger(value) : isInt32(value);
    return fits ? value : this.wrongType(schema, value, place);
  }

  private decodeArray(schema: Extract<Schema, { type: 'array' }>, value: unknown, place: Place): unknown {
    if (!Array.isArray(value)) return this.wrongType(schema, value, place);
    return value.map((item: unknown, index) =>
      this.decode(schema.items, item ?? zeroOf(schema.items), { ...place, path: childPath(place.path, index), depth: place.depth + 1 }),
    );
  }

  private decodeMap(schema: Extract<Schema, { type: 'map' }>, value: unknown, place: Place): unknown {
    if (!isPlainObject(value)) return this.wrongType(schema, value, place);
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      const path = keyPath(place.path, key);
      this.textLength += key.length;
      if (this.refusesKey(key, path)) continue;
      // The struct is told without the map's key, as Go does.
      const decoded = this.decode(schema.values, member ?? zeroOf(schema.values), { ...place, path, depth: place.depth + 1 });
      if (decoded !== undefined) result[key] = decoded;
    }
    return result;
  }

  private decodeObject(schema: ObjectSchema, value: unknown, place: Place): unknown {
    if (!isPlainObject(value)) return this.wrongType(schema, value, place);
    const result: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      const path = childPath(place.path, name);
      const field = Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
      if (field === undefined) {
        if (this.unknown.length < MAX_PROBLEMS) this.unknown.push(path);
      } else if (member !== null && member !== undefined) {
        const decoded = this.decode(field, member, { path, struct: schema.typeName ?? place.struct, depth: place.depth + 1 });
        if (decoded !== undefined) result[name] = decoded;
      }
    }
    return result;
  }

  private copy(value: unknown, place: Place): unknown {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return Number.isFinite(value) ? value : null;
    const inside = { ...place, depth: place.depth + 1 };
    if (Array.isArray(value)) return value.map((item: unknown) => (this.withinLimits(item, inside) ? this.copy(item, inside) : null));
    if (!isPlainObject(value)) return null;
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      this.textLength += key.length;
      if (this.refusesKey(key, keyPath(place.path, key)) || !this.withinLimits(member, inside)) continue;
      result[key] = this.copy(member, inside);
    }
    return result;
  }

  /** A key that JavaScript gives a meaning to would change objects instead of being stored. */
  private refusesKey(key: string, path: string): boolean {
    if (key !== '__proto__') return false;
    this.errors.push(typeInvalid(path, 'the key "__proto__" is not allowed'));
    return true;
  }

  private wrongType(schema: Schema, value: unknown, place: Place): undefined {
    const what = describeJson(value, schema);
    const goPath = place.path.replace(/\[[^\]]*\]/g, '');
    const target = place.struct === '' ? 'Go value' : `Go struct field ${place.struct}.${goPath}`;
    this.errors.push(typeInvalid(place.path, `json: cannot unmarshal ${what} into ${target} of type ${goTypeOf(schema)}`));
    return undefined;
  }
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInt32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value <= INT32_MAX && value >= -INT32_MAX - 1;
}

/** RFC 4648 section 4. As Go's decoder, passes over line ends. */
function isBase64(value: string): boolean {
  const text = value.replaceAll(/[\r\n]/g, '');
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** Go reads `null` inside a list or a map as the zero value. */
function zeroOf(schema: Schema): unknown {
  switch (schema.type) {
    case 'string':
      return schema.format === 'quantity' ? '0' : '';
    case 'integer':
    case 'number':
    case 'intOrString':
      return 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'map':
    case 'object':
      return {};
    case 'any':
      return null;
  }
}

function describeJson(value: unknown, schema: Schema): string {
  if (typeof value === 'number' && schema.type !== 'string') return `number ${value}`;
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}

function goTypeOf(schema: Schema): string {
  switch (schema.type) {
    case 'string':
      return schema.format === 'quantity' ? 'resource.Quantity' : schema.format === 'time' ? 'v1.Time' : 'string';
    case 'integer':
      return schema.format ?? 'int32';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'intOrString':
      return 'intstr.IntOrString';
    case 'array':
      return `[]${goTypeOf(schema.items)}`;
    case 'map':
      return `map[string]${goTypeOf(schema.values)}`;
    case 'object':
      return `v1.${schema.typeName ?? 'Object'}`;
    case 'any':
      return 'interface {}';
  }
}
