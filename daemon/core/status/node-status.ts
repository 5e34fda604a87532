import type { NodeCondition, Taint } from 'kubernetes-types/core/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Node, NodeStatus } from '../../../protocol/types.ts';
import { inWholeSeconds } from '../../../protocol/values/time.ts';
import type { ClusterView, MemberView } from '../cluster/view.ts';

const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const DERIVED_KEYS: ReadonlySet<string> = new Set([UNREACHABLE, NOT_READY, UNSCHEDULABLE]);
const UNKNOWN_MESSAGE = 'Kubelet stopped posting node status.';

/** A node as the API shows it: what it says of itself while it lives, `Unknown` because of its death record once it is dead, and the taints that follow. */
export function renderNode(view: ClusterView, desired: DesiredObject): Node {
  const { kith: _kith, ...node } = desired.object as Node;
  const { name } = node.metadata;
  const member = view.memberOfNode(name);
  const reported = view.nodeReport(name)?.status;
  const status = statusOf(node, reported, member);
  const derived = derivedTaints(node, status, member);
  const stated = (node.spec.taints ?? []).filter(
    ({ key, effect }) => !derived.some((taint) => taint.key === key && taint.effect === effect),
  );
  const taints = [...stated, ...derived];
  return { ...node, spec: taints.length === 0 ? node.spec : { ...node.spec, taints }, status };
}

function statusOf(node: Node, reported: NodeStatus | undefined, member: MemberView | undefined): NodeStatus {
  if (member !== undefined && member.state !== 'dead' && reported !== undefined) return reported;
  if (reported === undefined) {
    const at = inWholeSeconds(member?.death?.at ?? node.metadata.creationTimestamp);
    return { conditions: [unknown('Ready', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.', at, at)] };
  }
  const at = inWholeSeconds(member?.death?.at ?? node.metadata.creationTimestamp);
  const heartbeat = inWholeSeconds(member?.death?.lastSeen ?? at);
  const types = new Set(['Ready', ...(reported.conditions ?? []).map(({ type }) => type)]);
  return { ...reported, conditions: [...types].map((type) => unknown(type, 'NodeStatusUnknown', UNKNOWN_MESSAGE, at, heartbeat)) };
}

function unknown(type: string, reason: string, message: string, lastTransitionTime: string, lastHeartbeatTime: string): NodeCondition {
  return { type, status: 'Unknown', reason, message, lastTransitionTime, lastHeartbeatTime };
}

/** Whether a taint only says what follows from the node's state. It is shown, and so comes back from who edits a node; stored, it would outlive its reason. */
export function isDerivedTaint({ key }: Pick<Taint, 'key'>): boolean {
  return DERIVED_KEYS.has(key);
}

/** Taints that Kubernetes' controllers would have put on the node. */
function derivedTaints(node: Node, status: NodeStatus, member: MemberView | undefined): Taint[] {
  const taints: Taint[] = [];
  const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'Unknown' && member?.death !== undefined) {
    const timeAdded = inWholeSeconds(member.death.at);
    taints.push({ key: UNREACHABLE, effect: 'NoSchedule', timeAdded }, { key: UNREACHABLE, effect: 'NoExecute', timeAdded });
  } else if (ready !== 'True') {
    taints.push({ key: NOT_READY, effect: 'NoSchedule' });
  }
  if (node.spec.unschedulable === true) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  return taints;
}
