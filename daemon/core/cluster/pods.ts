import type { DesiredObject, ObjectKey, OwnerReference } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { NodeReport, PodReport } from '../../../protocol/observed.ts';
import type { Pod, PodSpec } from '../../../protocol/types.ts';
import { parseTime } from '../../../protocol/values/time.ts';
import type { ClusterView } from './view.ts';

/** What is to be known of a pod, read off the view in one way everywhere. */

/** `absent`: no member has this node name (it was removed, or never was one). */
export type NodeStanding = 'alive' | 'suspected' | 'dead' | 'absent';

export function nodeStanding(view: ClusterView, node: string): NodeStanding {
  return view.memberOfNode(node)?.state ?? 'absent';
}

/** Whether a node says that it can run nothing: its container engine is away. What it last said of its pods is no longer vouched for. */
export function saysUnready(report: NodeReport | undefined): boolean {
  return report?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False') === true;
}

/** The part of a node's report that placing pods depends on. */
export function roomOf(report: NodeReport | undefined): unknown {
  const ready = report?.status.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return { ready, allocatable: report?.status.allocatable };
}

export function boundNode(pod: DesiredObject): string | undefined {
  return pod.object.kith?.binding?.node;
}

/** Held back from being placed, by whoever is to lift the gate. */
export function isGated({ schedulingGates = [] }: Pick<PodSpec, 'schedulingGates'>): boolean {
  return schedulingGates.length > 0;
}

/** What the bound node says of the pod. */
export function reportOf(view: ClusterView, pod: DesiredObject): PodReport | undefined {
  const node = boundNode(pod);
  return node === undefined ? undefined : view.podReport(pod.uid, node);
}

export function isDeleting(desired: DesiredObject): boolean {
  return desired.object.metadata.deletionTimestamp !== undefined;
}

/** Its containers have ended for good. The outcome is remembered in desired state; the report may be quicker. */
export function isTerminal(view: ClusterView, pod: DesiredObject): boolean {
  if (pod.object.kith?.outcome !== undefined) return true;
  const phase = reportOf(view, pod)?.status.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Kubernetes' IsPodActive. */
export function isActive(view: ClusterView, pod: DesiredObject): boolean {
  return !isDeleting(pod) && !isTerminal(view, pod);
}

/** Milliseconds since 1970 when the pod became ready; undefined while it is not, or while its node is dead or not ready. */
export function readySince(view: ClusterView, pod: DesiredObject): number | undefined {
  const node = boundNode(pod);
  if (node === undefined || isTerminal(view, pod)) return undefined;
  const standing = nodeStanding(view, node);
  if (standing === 'dead' || standing === 'absent' || saysUnready(view.nodeReport(node))) return undefined;
  const ready = reportOf(view, pod)?.status.conditions?.find((condition) => condition.type === 'Ready');
  if (ready?.status !== 'True') return undefined;
  return parseTime(ready.lastTransitionTime ?? '') ?? parseTime(pod.object.metadata.creationTimestamp) ?? 0;
}

export function isReady(view: ClusterView, pod: DesiredObject): boolean {
  return readySince(view, pod) !== undefined;
}

export function controllerOf(desired: DesiredObject): OwnerReference | undefined {
  return desired.object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The living object that controls this one: same key and same uid. */
export function controllerObject(view: ClusterView, desired: DesiredObject): DesiredObject | undefined {
  const reference = controllerOf(desired);
  if (reference === undefined) return undefined;
  const owner = view.get(ownerKey(reference, desired.object.metadata.namespace ?? ''));
  return owner?.uid === reference.uid ? owner : undefined;
}

/** Kinds without a namespace that others may name as their owner. */
const CLUSTER_SCOPED_OWNERS: ReadonlySet<string> = new Set(['Node', 'Namespace', 'PersistentVolume', 'CustomResourceDefinition']);

/** The key of an owner. An owner is in its dependent's namespace, or in none. */
export function ownerKey(reference: OwnerReference, namespace: string): ObjectKey {
  const slash = reference.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : reference.apiVersion.slice(0, slash);
  const plural = pluralOf(reference.kind);
  const resource = group === '' ? plural : `${plural}.${group}`;
  return objectKey(resource, CLUSTER_SCOPED_OWNERS.has(reference.kind) ? '' : namespace, reference.name);
}

/** How Kubernetes makes a resource's name of a kind's. Source: UnsafeGuessKindToResource in k8s.io/apimachinery/pkg/api/meta. */
function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith('endpoints')) return singular;
  if (singular.endsWith('s')) return `${singular}es`;
  if (singular.endsWith('y')) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}

export function podName(pod: DesiredObject): string {
  return `${pod.object.metadata.namespace ?? ''}/${pod.object.metadata.name}`;
}

export function asPod(desired: DesiredObject): Pod {
  return desired.object as Pod;
}
