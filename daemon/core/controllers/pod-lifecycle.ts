import type { DesiredObject } from '../../../protocol/objects.ts';
import { boundNode, isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import { holdsFinalizers, isBoundToLostNode } from './deletion-world.ts';

/** How long a pod may be bound to a node that is no member's: its member record may be on its way. Source: podgc's quarantine upstream. */
export const ABSENT_NODE_QUARANTINE_MS = 40_000;

/** Ends pods that no node will end: deleted ones without a living node, and those of nodes that were removed. */
export function planPodEnd(view: ClusterIndex, pod: DesiredObject, now: Now): Decision[] {
  if (holdsFinalizers(pod)) return [];
  const node = boundNode(pod);
  const bury = (reason: string): Decision[] => [{ do: 'write', mutations: [buryMutation(pod, now.wall)], reason }];
  if (isDeleting(pod)) {
    if (node === undefined) return bury('it is deleted and runs nowhere');
    if (isBoundToLostNode(view, pod)) return bury(`it is deleted and its node ${node} is dead or gone`);
    return [];
  }
  if (node === undefined || view.memberOfNode(node) !== undefined) return [];
  const since = view.nodeLostSince(node);
  if (since === undefined) return [];
  const at = since + ABSENT_NODE_QUARANTINE_MS;
  if (now.monotonic < at) return [{ do: 'wake', key: pod.key, at }];
  return bury(`its node ${node} is no member of the cluster`);
}
