import type { JsonObject } from '../../../protocol/json.ts';
import { decodeObject, invalidMessage, validateObjectUpdate } from '../../../protocol/kinds/admission.ts';
import type { Binding, DesiredObject, DraftObject, ObjectMeta, StoredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { DeclaredObject } from './read.ts';
import { mergeThreeWay } from './three-way.ts';

/** A new object as a file declares it. A pod's `spec.nodeName` becomes a binding. */
export function newObject(declared: DeclaredObject, binding: (node: string) => Binding, wall: number): StoredObject {
  const { status: _status, kith: _kith, metadata, ...fields } = declared.draft;
  const own: ObjectMeta = {
    name: metadata.name ?? '',
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    // The replica gives the real one.
    uid: '',
    creationTimestamp: formatTime(wall),
    ...peoplesMetadata(metadata),
  };
  const { fields: kept, node } = splitNode(fields);
  return { ...kept, metadata: own, ...(node === undefined ? {} : { kith: { binding: binding(node) } }) };
}

/**
 * An existing object with what a file changed since it was last applied (`base`; empty when it never was).
 * @returns text: why the result would not be valid
 */
export function changedObject(declared: DeclaredObject, base: JsonObject, current: DesiredObject): StoredObject | string {
  const { kind } = declared;
  const { kith, metadata, ...fields } = current.object;
  const shown = { ...fields, metadata: { name: metadata.name, namespace: metadata.namespace, ...peoplesMetadata(metadata) } };
  const merged = mergeThreeWay(withoutNode(base), withoutNode(declared.value), structuredClone(shown) as unknown as JsonObject);
  const decoded = decodeObject(merged, { fieldValidation: 'Strict' });
  if (!decoded.ok) return decoded.message;
  const { status: _status, kith: _kith, metadata: written, ...next } = decoded.object;
  const { labels: _labels, annotations: _annotations, finalizers: _finalizers, ownerReferences: _owners, ...serverMetadata } = metadata;
  const object: StoredObject = {
    ...next,
    metadata: { ...serverMetadata, ...peoplesMetadata(written) },
    ...(kith === undefined ? {} : { kith }),
  };
  const errors = validateObjectUpdate(kind, current.object, object);
  return errors.length === 0 ? object : invalidMessage(kind, metadata.name, errors);
}

/** What people may write of metadata; the rest is the server's. */
function peoplesMetadata(metadata: Partial<ObjectMeta>): Partial<ObjectMeta> {
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
}

type Fields = Omit<DraftObject, 'metadata'> & { apiVersion: string; kind: string };

function splitNode(fields: Fields): { fields: Fields; node: string | undefined } {
  const spec = fields['spec'] as { nodeName?: unknown } | undefined;
  if (fields.kind !== 'Pod' || spec === undefined) return { fields, node: undefined };
  const { nodeName, ...rest } = spec;
  return { fields: { ...fields, spec: rest }, node: typeof nodeName === 'string' && nodeName !== '' ? nodeName : undefined };
}

/** Where a pod runs is decided once, and no longer the file's to change. */
function withoutNode(value: JsonObject): JsonObject {
  const spec = value['spec'];
  if (value['kind'] !== 'Pod' || spec === null || typeof spec !== 'object' || Array.isArray(spec)) return value;
  const { nodeName: _nodeName, ...rest } = spec;
  return { ...value, spec: rest };
}
