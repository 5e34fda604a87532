import { KithError } from '../errors.ts';
import { canonicalJson, type Json } from '../json.ts';
import { inWantedOrder } from '../patch/order.ts';
import { isPlainObject } from '../schema/decode.ts';
import type { Schema } from '../schema/schema.ts';
import { childOf, type FieldPath, type FieldSet, isBelow, keyElement, valueElement } from './paths.ts';

/**
 * Objects as server-side apply sees them, by their schema: which fields there are, how two objects become one, and one without some fields. Source:
 * sigs.k8s.io/structured-merge-diff, typed.
 */
type ArraySchema = Extract<Schema, { type: 'array' }>;

/** Types whose values mean something only as a whole (`+structType=atomic` in k8s.io/api). */
const ATOMIC_TYPES: readonly string[] = [
  ...['LabelSelector', 'NodeSelector', 'NodeSelectorTerm', 'TopologySelectorTerm', 'ScopedResourceSelectorRequirement', 'ScopeSelector'],
  ...['ObjectFieldSelector', 'ResourceFieldSelector', 'SecretKeySelector', 'ConfigMapKeySelector', 'FileKeySelector', 'RoleRef', 'Subject'],
  ...[
    'ObjectReference',
    'LocalObjectReference',
    'TypedLocalObjectReference',
    'SecretReference',
    'CrossVersionObjectReference',
    'OwnerReference',
  ],
];

/** Fields and what they hold as canonical JSON; empty text for an item or a member that is only said to exist. */
export type TypedFields = ReadonlyMap<FieldPath, string>;

/** @throws KithError `BadApply` for a list with two equal items, or an item without its keys */
export function typedFields(schema: Schema, value: unknown): TypedFields {
  const fields = new Map<FieldPath, string>();
  collect(schema, value, '', fields);
  return fields;
}

function collect(schema: Schema | undefined, value: unknown, path: FieldPath, fields: Map<FieldPath, string>): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value) && isGranularList(schema)) {
    if (value.length === 0) fields.set(path, '[]');
    for (const [element, item] of listItems(schema, value)) {
      const itemPath = childOf(path, element);
      fields.set(itemPath, '');
      if (!element.startsWith('v:')) collect(schema.items, item, itemPath, fields);
    }
  } else if (isPlainObject(value) && isGranularObject(schema)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
    if (members.length === 0 && path !== '') fields.set(path, '{}');
    for (const [name, member] of members) {
      const memberPath = childOf(path, `f:${name}`);
      // Of a map an entry is owned as such, of an object only what is inside of its fields.
      if (schema?.type === 'map' && typeof member === 'object') fields.set(memberPath, '');
      collect(fieldSchema(schema, name), member, memberPath, fields);
    }
  } else {
    fields.set(path, canonicalJson(value));
  }
}

/** What an applied configuration makes of the live object: fields that it has are as it says, others stay. */
export function mergeTyped(schema: Schema | undefined, live: unknown, applied: unknown): unknown {
  if (applied === undefined || applied === null) return live;
  if (Array.isArray(applied) && Array.isArray(live) && isGranularList(schema)) {
    const known = new Map<string, unknown>(listItems(schema, live));
    const wanted = listItems(schema, applied);
    const merged = new Map(known);
    for (const [element, item] of wanted) merged.set(element, mergeTyped(schema.items, known.get(element), item));
    const order = inWantedOrder(
      [...merged],
      wanted.map(([element]) => element),
      [...known.keys()],
      ([element]) => element,
    );
    return order.map(([, item]) => item);
  }
  if (!isPlainObject(applied) || !isPlainObject(live) || !isGranularObject(schema)) return applied;
  const result = new Map<string, unknown>(Object.entries(live));
  for (const [name, member] of Object.entries(applied)) result.set(name, mergeTyped(fieldSchema(schema, name), result.get(name), member));
  return Object.fromEntries(result);
}

/** The object without these fields; what is empty afterwards goes, too. An item stays while something below it is kept. */
export function withoutFields(schema: Schema, value: unknown, gone: FieldSet, kept: FieldSet): unknown {
  return strip(schema, value, '', { gone, kept });
}

interface Stripping {
  gone: FieldSet;
  kept: FieldSet;
}

function strip(schema: Schema | undefined, value: unknown, path: FieldPath, sets: Stripping): unknown {
  if (path !== '' && sets.gone.has(path) && ![...sets.kept].some((each) => isBelow(each, path))) return undefined;
  if (![...sets.gone].some((each) => path === '' || isBelow(each, path))) return value;
  if (Array.isArray(value) && isGranularList(schema)) {
    const left = listItems(schema, value).map(([element, item]) => strip(schema.items, item, childOf(path, element), sets));
    const items = left.filter((item) => item !== undefined);
    return items.length === 0 && value.length > 0 ? undefined : items;
  }
  if (!isPlainObject(value) || !isGranularObject(schema)) return value;
  const members = Object.entries(value)
    .map(([name, member]) => [name, strip(fieldSchema(schema, name), member, childOf(path, `f:${name}`), sets)] as const)
    .filter(([, member]) => member !== undefined);
  return members.length === 0 && Object.keys(value).length > 0 && path !== '' ? undefined : Object.fromEntries(members);
}

/** Items with the path element that names each. */
function listItems(schema: ArraySchema, value: readonly unknown[]): [string, unknown][] {
  const items = value.map((item): [string, unknown] => [elementOf(schema, item), item]);
  const seen = new Set<string>();
  for (const [element] of items) {
    if (seen.has(element)) throw new KithError('BadApply', `duplicate entries for key ${element.slice(2)} in a list`);
    seen.add(element);
  }
  return items;
}

function elementOf(schema: ArraySchema, item: unknown): string {
  const keys = listKeys(schema);
  if (keys === undefined) return valueElement(item);
  if (!isPlainObject(item)) throw new KithError('BadApply', `an item of a list with the keys ${keys.join(', ')} must be an object`);
  const found: Record<string, Json> = {};
  for (const key of keys) {
    const value = item[key] ?? defaultOf(fieldSchema(schema.items, key));
    if (value === undefined) throw new KithError('BadApply', `an item of a list lacks its key ${JSON.stringify(key)}`);
    found[key] = value as Json;
  }
  return keyElement(found);
}

function defaultOf(schema: Schema | undefined): unknown {
  return schema !== undefined && 'default' in schema ? schema.default : undefined;
}

function listKeys(schema: ArraySchema): readonly string[] | undefined {
  return schema.listMapKeys ?? (schema.patchMergeKey === undefined ? undefined : [schema.patchMergeKey]);
}

function isGranularList(schema: Schema | undefined): schema is ArraySchema {
  return schema?.type === 'array' && schema.atomic !== true && (schema.patchMerge === true || listKeys(schema) !== undefined);
}

/** What has no schema is taken apart like a map. */
function isGranularObject(schema: Schema | undefined): boolean {
  if (schema === undefined || schema.type === 'any') return schema?.atomic !== true;
  if (schema.atomic === true) return false;
  return schema.type === 'map' || (schema.type === 'object' && !ATOMIC_TYPES.includes(schema.typeName ?? ''));
}

function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema?.type === 'map') return schema.values;
  return schema?.type === 'object' && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
}
