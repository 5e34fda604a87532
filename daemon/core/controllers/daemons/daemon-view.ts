import { slotPodName } from '../../../../protocol/identity.ts';
import type { DesiredObject, ObjectKey } from '../../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../../protocol/objects.ts';
import type { DaemonSetSpec, Node, PodSpec } from '../../../../protocol/types.ts';
import { resolveIntOrPercent } from '../../../../protocol/values/int-or-percent.ts';
import { asPod, boundNode, isActive, isDeleting, isReady, isTerminal } from '../../cluster/pods.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { matchesNode, pinnedNode, untoleratedTaint } from '../../scheduler/node-rules.ts';
import { availableAt } from '../../status/availability.ts';
import { REVISION_HASH_LABEL, revisionHash } from '../revisions.ts';
import { daemonSpec } from './daemon-pod.ts';

/** What a node has of a DaemonSet, and whether it is to have something. */
export interface DaemonNode {
  name: string;
  /** It is to have a pod. */
  wanted: boolean;
  /** What is there may stay. */
  mayStay: boolean;
  /** Not on their way out, and not ended. */
  live: readonly DaemonPod[];
  ended: readonly DesiredObject[];
  leaving: number;
}

export interface DaemonPod {
  pod: DesiredObject;
  isNew: boolean;
  ready: boolean;
  available: boolean;
}

export interface DaemonView {
  owner: DesiredObject;
  spec: DaemonSetSpec;
  hash: string;
  nodes: readonly DaemonNode[];
  /** Pods for nodes that are none. */
  stray: readonly DesiredObject[];
  wanted: number;
  maxUnavailable: number;
  maxSurge: number;
}

export function viewDaemonSet(view: ClusterView, owner: DesiredObject, wallMs: number): DaemonView {
  const spec = owner.object.spec as DaemonSetSpec;
  const hash = revisionHash(owner);
  const byNode = new Map<string, DesiredObject[]>();
  for (const pod of view.ownedBy(owner.uid)) {
    if (parseObjectKey(pod.key).resource !== 'pods') continue;
    const node = nodeOf(pod);
    byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  const podSpec = daemonSpec(spec.template.spec ?? { containers: [] });
  const nodes = view.list('nodes').map((desired): DaemonNode => {
    const node = desired.object as Node;
    const pods = byNode.get(node.metadata.name) ?? [];
    byNode.delete(node.metadata.name);
    const live = pods.filter((pod) => isActive(view, pod)).map((pod) => daemonPod(view, pod, hash, spec.minReadySeconds, wallMs));
    return {
      name: node.metadata.name,
      ...eligibility(node, podSpec, isDeleting(desired)),
      live,
      ended: pods.filter((pod) => !isDeleting(pod) && isTerminal(view, pod)),
      leaving: pods.filter(isDeleting).length,
    };
  });
  const wanted = nodes.filter((node) => node.wanted).length;
  return { owner, spec, hash, nodes, stray: [...byNode.values()].flat(), wanted, ...boundsOf(spec, wanted) };
}

function daemonPod(view: ClusterView, pod: DesiredObject, hash: string, minReadySeconds = 0, wallMs: number): DaemonPod {
  const at = availableAt(view, pod, minReadySeconds);
  return {
    pod,
    isNew: pod.object.metadata.labels?.[REVISION_HASH_LABEL] === hash,
    ready: isReady(view, pod),
    available: at !== undefined && at <= wallMs,
  };
}

/** The node that a pod is for. */
function nodeOf(pod: DesiredObject): string {
  return boundNode(pod) ?? pinnedNode(asPod(pod).spec) ?? '';
}

/** Source: NodeShouldRunDaemonPod. Whether the node is ready makes no difference: daemons are for nodes that are not, too. */
function eligibility(node: Node, spec: PodSpec, isLeaving: boolean): { wanted: boolean; mayStay: boolean } {
  const matches = !isLeaving && matchesNode(node, spec);
  const taint = untoleratedTaint(node, spec);
  return { wanted: matches && taint === undefined, mayStay: matches && untoleratedTaint(node, spec, ['NoExecute']) === undefined };
}

function boundsOf({ updateStrategy }: DaemonSetSpec, wanted: number): { maxUnavailable: number; maxSurge: number } {
  const maxSurge = resolveIntOrPercent(updateStrategy?.rollingUpdate?.maxSurge ?? 0, wanted, 'up');
  const maxUnavailable = resolveIntOrPercent(updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted, 'up');
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Names that collide are drawn again. */
const MOST_DRAWS = 10;

/**
 * The key of the pod of a template on a node: the same for everyone, so that two sides of a cut make the same pod; the next pod of the same template is the next
 * life of its name.
 */
export function daemonPodKey(view: ClusterView, { owner, hash }: DaemonView, node: string): ObjectKey | undefined {
  const { name, namespace = '' } = owner.object.metadata;
  for (let draw = 0; draw < MOST_DRAWS; draw += 1) {
    const key = objectKey('pods', namespace, slotPodName(name, `${owner.uid}/${hash}/${node}`, draw, 1));
    const taken = view.get(key);
    if (taken === undefined || (nodeOf(taken) === node && taken.object.metadata.ownerReferences?.[0]?.uid === owner.uid)) return key;
  }
  return undefined;
}
