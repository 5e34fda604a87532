import { canonicalJson, type Json, type JsonObject } from '../json.ts';
import { DECODE_LIMITS, isPlainObject } from '../schema/decode.ts';

/**
 * Paths of fields as server-side apply names them, and sets of them. An element is `f:NAME` (a field or a map's key), `k:{"name":"web"}` (the item of a list with these
 * keys) or `v:"text"` (a member of a set). Source: sigs.k8s.io/structured-merge-diff, fieldpath.
 */
export type FieldPath = string;
/** Owned fields. A composite is in it by its own path only if its existence is owned, not just what is inside. */
export type FieldSet = ReadonlySet<FieldPath>;

/** No field's name has one: labels, annotations and JSON text can't. */
const SEPARATOR = '\0';
/** fieldsV1's name for the composite itself. */
const SELF = '.';
const ELEMENT = /^(?:f:|k:\{|v:)/;

export function childOf(parent: FieldPath, element: string): FieldPath {
  return parent === '' ? element : `${parent}${SEPARATOR}${element}`;
}

export function isBelow(path: FieldPath, ancestor: FieldPath): boolean {
  return path.startsWith(`${ancestor}${SEPARATOR}`);
}

export function keyElement(keys: JsonObject): string {
  return `k:${canonicalJson(keys)}`;
}

export function valueElement(value: unknown): string {
  return `v:${canonicalJson(value)}`;
}

/** `.spec.template.spec.containers[name="web"].image` */
export function showPath(path: FieldPath): string {
  return path.split(SEPARATOR).map(showElement).join('');
}

function showElement(element: string): string {
  if (element.startsWith('f:')) return `.${element.slice(2)}`;
  const text = element.slice(2);
  if (element.startsWith('v:')) return `[=${text}]`;
  const keys = Object.entries(JSON.parse(text) as JsonObject).map(([name, value]) => `${name}=${canonicalJson(value)}`);
  return `[${keys.join(',')}]`;
}

/** The tree that `managedFields[].fieldsV1` holds. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const root: JsonObject = {};
  for (const path of [...set].sort()) {
    let node = root;
    for (const element of path.split(SEPARATOR)) node = (node[element] ??= {}) as JsonObject;
    node[SELF] = {};
  }
  return trimmed(root);
}

/** A node without anything inside is a leaf, and needs no mark of its own. */
function trimmed(node: JsonObject): JsonObject {
  const names = Object.keys(node);
  if (names.length === 1 && names[0] === SELF) return {};
  return Object.fromEntries(names.map((name) => [name, name === SELF ? {} : trimmed(node[name] as JsonObject)]));
}

/** Undefined for what is no fieldsV1. */
export function fromFieldsV1(tree: Json | undefined): FieldSet | undefined {
  const set = new Set<FieldPath>();
  return isPlainObject(tree) && collect(tree, '', set, 0) ? set : undefined;
}

function collect(node: JsonObject, path: FieldPath, set: Set<FieldPath>, depth: number): boolean {
  const names = Object.keys(node);
  if (depth > DECODE_LIMITS.depth || set.size > DECODE_LIMITS.values) return false;
  if (names.length === 0 && path !== '') set.add(path);
  return names.every((name) => {
    const child = node[name];
    if (name === SELF) {
      if (path !== '') set.add(path);
      return true;
    }
    if (!isElement(name) || !isPlainObject(child)) return false;
    return collect(child, childOf(path, name), set, depth + 1);
  });
}

function isElement(text: string): boolean {
  if (!ELEMENT.test(text) || text.includes(SEPARATOR)) return false;
  if (text.startsWith('f:')) return true;
  try {
    JSON.parse(text.slice(2));
    return true;
  } catch {
    return false;
  }
}

export function union(left: FieldSet, right: Iterable<FieldPath>): FieldSet {
  return new Set([...left, ...right]);
}

export function without(left: FieldSet, gone: FieldSet): FieldSet {
  return new Set([...left].filter((path) => !gone.has(path)));
}

export function equalSets(left: FieldSet, right: FieldSet): boolean {
  return left.size === right.size && [...left].every((path) => right.has(path));
}
