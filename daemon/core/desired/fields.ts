import type { Json, JsonObject } from '../../../protocol/json.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type { MergeUnits } from '../../../protocol/kinds/kind.ts';
import type { KubeObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { childPath, isFieldToken, pathTokens } from './pointer.ts';

/**
 * An object as the flat fields of its document, and back. Each field is one merge unit: what two sides write to different fields both survive; of one field
 * one value wins whole.
 */

/** Path to canonical JSON. */
export type FlatFields = ReadonlyMap<string, string>;

/** Objects that are cut into their members, for every kind; a kind's own are in its MergeUnits. */
const COMMON_MEMBERS: ReadonlySet<string> = new Set([
  '',
  '/metadata',
  '/metadata/labels',
  '/metadata/annotations',
  '/kith',
  '/kith/slots',
  '/kith/facts',
]);

/** Lists that merge entry by entry, and what names an entry. */
const KEYED_LISTS: Readonly<Record<string, (entry: Json) => string>> = {
  '/metadata/finalizers': (entry) => (typeof entry === 'string' ? entry : canonicalJson(entry)),
  '/metadata/ownerReferences': (entry) => memberText(entry, 'uid'),
  '/metadata/managedFields': (entry) => ['manager', 'operation', 'subresource'].map((name) => memberText(entry, name)).join('|'),
};

/** Follow from the key, the life or the document, or are local to a peer: never stored as fields. */
const NEVER_STORED: ReadonlySet<string> = new Set([
  '/metadata/name',
  '/metadata/namespace',
  '/metadata/uid',
  '/metadata/generation',
  '/metadata/resourceVersion',
  '/metadata/selfLink',
]);

/** In merge units: every top-level object. */
const ANY_MEMBER = '/*';

/** For an object whose author left it out: RFC 3339 of the epoch. */
const UNKNOWN_TIME = '1970-01-01T00:00:00Z';
const POD_RESOURCE = 'pods';

export function splitObject(key: ObjectKey, object: KubeObject, units: MergeUnits): FlatFields {
  const fields = new Map<string, string>();
  const members = new Set(units.members);
  const unbound = parseObjectKey(key).resource === POD_RESOURCE ? withoutNodeName(object) : object;
  splitValue(unbound as unknown as Json, '', members, fields);
  return fields;
}

function splitValue(value: Json | undefined, path: string, members: ReadonlySet<string>, fields: Map<string, string>): void {
  if (value === undefined || NEVER_STORED.has(path)) return;
  const entryName = KEYED_LISTS[path];
  if (entryName !== undefined && Array.isArray(value)) {
    for (const entry of value) setField(fields, path, entryName(entry), entry);
    return;
  }
  const opened = COMMON_MEMBERS.has(path);
  if (!isObject(value) || !(opened || members.has(path) || (members.has(ANY_MEMBER) && path.lastIndexOf('/') === 0))) {
    fields.set(path, canonicalJson(value));
    return;
  }
  // An empty object must be told from none; the common ones mean the same either way.
  if (!opened) fields.set(path, '{}');
  for (const [name, member] of Object.entries(value)) {
    if (isFieldToken(name)) splitValue(member, childPath(path, name), members, fields);
  }
}

function setField(fields: Map<string, string>, path: string, name: string, value: Json): void {
  if (isFieldToken(name)) fields.set(childPath(path, name), canonicalJson(value));
}

/**
 * The object that fields describe. Takes any fields a peer could send: those that are no pointers are left out, a deeper field wins over a shallower one.
 * `generation` is shown for what has a spec.
 */
export function joinObject(key: ObjectKey, uid: string, values: ReadonlyMap<string, Json>, generation: number): StoredObject {
  const { resource, namespace, name } = parseObjectKey(key);
  const root: JsonObject = { apiVersion: '', kind: '', metadata: {} };
  const lists = new Map<string, Json[]>();
  for (const { tokens, path, value } of ordered(values)) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    const list = lists.get(parent);
    if (list !== undefined) list.push(value);
    else if (parent in KEYED_LISTS) lists.set(parent, [value]);
    else if (!NEVER_STORED.has(path)) setAt(root, tokens, value);
  }
  for (const [path, entries] of lists) setAt(root, pathTokens(path) ?? [], entries);
  const metadata = isObject(root['metadata']) ? root['metadata'] : {};
  root['metadata'] = {
    ...metadata,
    name,
    ...(namespace === '' ? {} : { namespace }),
    uid,
    creationTimestamp: metadata['creationTimestamp'] ?? UNKNOWN_TIME,
    ...(root['spec'] === undefined ? {} : { generation }),
  };
  const object = root as unknown as StoredObject;
  return resource === POD_RESOURCE ? withNodeName(object) : object;
}

function ordered(values: ReadonlyMap<string, Json>): { tokens: string[]; path: string; value: Json }[] {
  const fields: { tokens: string[]; path: string; value: Json }[] = [];
  for (const [path, value] of values) {
    const tokens = pathTokens(path);
    if (tokens !== undefined) fields.push({ tokens, path, value });
  }
  return fields.sort((left, right) => left.tokens.length - right.tokens.length || (left.path < right.path ? -1 : 1));
}

function setAt(root: JsonObject, tokens: readonly string[], value: Json): void {
  let parent = root;
  for (const token of tokens.slice(0, -1)) {
    const child = Object.hasOwn(parent, token) ? parent[token] : undefined;
    if (isObject(child)) {
      parent = child;
    } else {
      const made: JsonObject = {};
      parent[token] = made;
      parent = made;
    }
  }
  parent[tokens.at(-1) ?? ''] = value;
}

/** A pod's node is what its binding says; the spec shows it, and only the binding holds it. */
function withoutNodeName(pod: KubeObject): KubeObject {
  const spec = pod['spec'];
  if (typeof spec !== 'object' || spec === null || !('nodeName' in spec)) return pod;
  const { nodeName: _, ...rest } = spec;
  return { ...pod, spec: rest };
}

function withNodeName(pod: StoredObject): StoredObject {
  const node = pod.kith?.binding?.node;
  const spec = pod['spec'];
  if (typeof node !== 'string' || typeof spec !== 'object' || spec === null) return pod;
  return { ...pod, spec: { ...spec, nodeName: node } };
}

function memberText(entry: Json, name: string): string {
  const value = isObject(entry) ? entry[name] : undefined;
  return typeof value === 'string' ? value : '';
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
