import type { Binding, DraftObject, ObjectMeta, StoredObject } from '../../protocol/objects.ts';
import type { NodeSpec, PodSpec } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { isDerivedTaint } from '../core/status/node-status.ts';
import { withoutShownDefaults } from '../core/status/shown-pod.ts';

/** Metadata that clients may write; the rest belongs to the server. */
type ClientMetadata = Pick<ObjectMeta, 'labels' | 'annotations' | 'finalizers' | 'ownerReferences'>;

/** What a client's new object becomes in desired state. A pod's `spec.nodeName` becomes a binding. */
export function newStored(
  draft: DraftObject,
  name: string,
  namespace: string | undefined,
  nowMs: number,
  binding: (node: string) => Binding,
  plainStatus = false,
): StoredObject {
  const { kith: _kith, metadata, status, ...others } = draft;
  const fields = plainStatus && status !== undefined ? { ...others, status } : others;
  const own: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    // The replica gives the real one.
    uid: '',
    creationTimestamp: formatTime(nowMs),
    ...(metadata.generateName === undefined ? {} : { generateName: metadata.generateName }),
    ...clientMetadata(metadata),
  };
  const { fields: kept, node } = splitNodeName(draft.kind, fields);
  const stored = { ...kept, apiVersion: draft.apiVersion, kind: draft.kind, metadata: own };
  return node === undefined ? stored : { ...stored, kith: { binding: binding(node) } };
}

/** A client's new version of an object: what belongs to the server is taken from before. */
export function nextStored(draft: DraftObject, before: StoredObject, plainStatus = false): StoredObject {
  const { status: sent, kith: _kith, metadata, ...fields } = draft;
  const status = plainStatus ? sent : before['status'];
  const {
    labels: _labels,
    annotations: _annotations,
    finalizers: _finalizers,
    ownerReferences: _owners,
    ...serverMetadata
  } = before.metadata;
  const { fields: kept } = splitNodeName(draft.kind, fields);
  if (draft.kind === 'Pod' && kept['spec'] !== undefined)
    kept['spec'] = withoutShownDefaults(kept['spec'] as PodSpec, before['spec'] as PodSpec);
  return {
    ...withoutDerivedTaints(draft.kind, kept),
    apiVersion: before.apiVersion,
    kind: before.kind,
    metadata: { ...serverMetadata, ...clientMetadata(metadata) },
    ...(status === undefined ? {} : { status }),
    ...(before.kith === undefined ? {} : { kith: before.kith }),
  };
}

export function nodeNameOf(object: Readonly<Record<string, unknown>> | DraftObject): string | undefined {
  const name = (object['spec'] as { nodeName?: unknown } | undefined)?.nodeName;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function clientMetadata(metadata: Partial<ObjectMeta>): ClientMetadata {
  const { labels, annotations, finalizers, ownerReferences } = metadata;
  return {
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined || finalizers.length === 0 ? {} : { finalizers }),
    ...(ownerReferences === undefined || ownerReferences.length === 0 ? {} : { ownerReferences }),
  };
}

function withoutDerivedTaints(kind: string, fields: Record<string, unknown>): Record<string, unknown> {
  const spec = fields['spec'] as NodeSpec | undefined;
  if (kind !== 'Node' || spec?.taints === undefined) return fields;
  const { taints, ...rest } = spec;
  const stated = taints.filter((taint: { key?: unknown } | null) => !isDerivedTaint({ key: String(taint?.key) }));
  return { ...fields, spec: stated.length === 0 ? rest : { ...rest, taints: stated } };
}

/** What a client sends back of an object that it was shown: without what only says how the node is, which nobody need be warned of. */
export function withoutShown(kind: string, body: unknown): unknown {
  return typeof body === 'object' && body !== null && Array.isArray((body as { spec?: Partial<NodeSpec> }).spec?.taints)
    ? withoutDerivedTaints(kind, body as Record<string, unknown>)
    : body;
}

/** Where a pod runs is a merge unit of its own, not a part of its spec. */
function splitNodeName(kind: string, fields: Record<string, unknown>): { fields: Record<string, unknown>; node: string | undefined } {
  const node = nodeNameOf(fields);
  if (kind !== 'Pod' || fields['spec'] === undefined) return { fields, node: undefined };
  const { nodeName: _nodeName, ...spec } = fields['spec'] as Record<string, unknown>;
  return { fields: { ...fields, spec }, node };
}
