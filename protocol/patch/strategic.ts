import { KithError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { isPlainObject } from '../schema/decode.ts';
import type { Schema } from '../schema/schema.ts';
import { inWantedOrder } from './order.ts';

/**
 * Strategic merge patch: like a JSON merge patch, but lists whose schema names a merge key are merged item by item. What it can say is in
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ELEMENT_ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

type JsonRecord = Record<string, unknown>;
type ArraySchema = Extract<Schema, { type: 'array' }>;

/**
 * The next version of a document. Neither argument is changed.
 * @throws KithError `BadPatch` for a patch that can't be understood
 */
export function strategicMerge(schema: Schema, document: unknown, patch: JsonRecord): unknown {
  return mergeObject(schema, isPlainObject(document) ? document : {}, patch, '');
}

function badPatch(path: string, why: string): KithError<'BadPatch'> {
  return new KithError('BadPatch', path === '' ? why : `${path.slice(1)}: ${why}`);
}

function mergeObject(schema: Schema | undefined, original: JsonRecord, patch: JsonRecord, path: string): JsonRecord {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return withoutDirectives(patch) as JsonRecord;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw badPatch(path, `unknown patch type found: ${JSON.stringify(directive)}`);
  const result = retained(original, patch, path);
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(ELEMENT_ORDER)) continue;
    if (name.startsWith(DELETE_PRIMITIVES)) {
      const from = name.slice(DELETE_PRIMITIVES.length);
      const gone = new Set(listOf(value, `${path}.${name}`).map((item) => canonicalJson(item)));
      const there = result.get(from);
      if (Array.isArray(there))
        result.set(
          from,
          there.filter((item) => !gone.has(canonicalJson(item))),
        );
    } else if (value === null) {
      result.delete(name);
    } else {
      result.set(name, mergeValue(fieldSchema(schema, name), result.get(name), value, `${path}.${name}`));
    }
  }
  orderElements(schema, original, result, patch, path);
  // fromEntries defines members: a key such as `__proto__` stays a key.
  return Object.fromEntries(result);
}

/** `$retainKeys` lists all keys that may stay. */
function retained(original: JsonRecord, patch: JsonRecord, path: string): Map<string, unknown> {
  const kept = patch[RETAIN_KEYS];
  if (kept === undefined) return new Map(Object.entries(original));
  const names = new Set(listOf(kept, `${path}.${RETAIN_KEYS}`));
  const stray = Object.keys(patch).find((name) => !name.startsWith('$') && patch[name] !== null && !names.has(name));
  if (stray !== undefined) throw badPatch(path, `${RETAIN_KEYS} does not list ${JSON.stringify(stray)}, which the patch sets`);
  return new Map(Object.entries(original).filter(([name]) => names.has(name)));
}

function mergeValue(schema: Schema | undefined, current: unknown, patch: unknown, path: string): unknown {
  if (isPlainObject(patch)) return mergeObject(schema, isPlainObject(current) ? current : {}, patch, path);
  if (!Array.isArray(patch)) return patch;
  const items: readonly unknown[] = patch;
  const known = schema?.type === 'array' ? schema : undefined;
  const there: readonly unknown[] = Array.isArray(current) ? current : [];
  if (known?.patchMergeKey !== undefined) return mergeKeyedList(known, known.patchMergeKey, there, items, path);
  if (known?.patchMerge === true)
    return [...there, ...items.filter((item) => !there.some((one) => canonicalJson(one) === canonicalJson(item)))];
  return withoutDirectives(items);
}

function mergeKeyedList(schema: ArraySchema, key: string, current: readonly unknown[], patch: readonly unknown[], path: string): unknown[] {
  const items = patch.map((item) => {
    if (isPlainObject(item)) return item;
    throw badPatch(path, `expected a list of objects with the key ${JSON.stringify(key)}`);
  });
  if (items.some((item) => item[DIRECTIVE] === 'replace')) {
    return items.filter((item) => item[DIRECTIVE] !== 'replace').map(withoutDirectives);
  }
  let result = [...current];
  for (const item of items) {
    const identity = item[key];
    if (identity === undefined || identity === null) throw badPatch(path, `an item does not contain the declared merge key: ${key}`);
    const isSame = (other: unknown): boolean => isPlainObject(other) && canonicalJson(other[key]) === canonicalJson(identity);
    if (item[DIRECTIVE] === 'delete') {
      result = result.filter((other) => !isSame(other));
      continue;
    }
    const at = result.findIndex(isSame);
    const merged = mergeObject(schema.items, at < 0 ? {} : (result[at] as JsonRecord), item, `${path}[${canonicalJson(identity)}]`);
    if (at < 0) result.push(merged);
    else result[at] = merged;
  }
  return result;
}

function orderElements(
  schema: Schema | undefined,
  original: JsonRecord,
  result: Map<string, unknown>,
  patch: JsonRecord,
  path: string,
): void {
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(ELEMENT_ORDER)) continue;
    const field = name.slice(ELEMENT_ORDER.length);
    const merged = result.get(field);
    if (!Array.isArray(merged)) continue;
    const known = fieldSchema(schema, field);
    const key = known?.type === 'array' ? known.patchMergeKey : undefined;
    const identify = (item: unknown): string => canonicalJson(key !== undefined && isPlainObject(item) ? item[key] : item);
    const wanted = listOf(order, `${path}.${name}`).map(identify);
    const before = Array.isArray(original[field]) ? original[field].map(identify) : [];
    result.set(field, inWantedOrder<unknown>(merged, wanted, before, identify));
  }
}

/** A value that is new as a whole: directives in it have nothing to act on, and what it deletes is not there. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isPlainObject(item) && item[DIRECTIVE] === 'delete')).map(withoutDirectives);
  }
  if (!isPlainObject(value)) return value;
  const isDirective = (name: string): boolean =>
    name === DIRECTIVE || name === RETAIN_KEYS || name.startsWith(ELEMENT_ORDER) || name.startsWith(DELETE_PRIMITIVES);
  const members = Object.entries(value).filter(([name, member]) => !isDirective(name) && member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutDirectives(member)]));
}

function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema?.type === 'map') return schema.values;
  return schema?.type === 'object' && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
}

function listOf(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw badPatch(path, 'must be a list');
}
