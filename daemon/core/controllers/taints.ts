import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import { formatTime, parseTime } from '../../../protocol/values/time.ts';
import { asPod, boundNode, isActive } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, Now } from '../decisions.ts';
import { tolerates } from '../scheduler/node-rules.ts';
import { deleteMutations } from './deletion-world.ts';

/** Taints with the effect NoExecute. Source: pkg/controller/tainteviction. That a node is dead is no such taint here: its pods are the heirs'. */
const COMPONENT = 'taint-eviction-controller';

/** Writes down since when a node is so tainted: pods that tolerate it for a while go by that. */
export function planTaintTimes(node: DesiredObject, now: Now): Decision[] {
  const { spec } = node.object as Node;
  const taints = spec.taints ?? [];
  if (!taints.some(({ effect, timeAdded }) => effect === 'NoExecute' && timeAdded === undefined)) return [];
  const timeAdded = formatTime(now.wall);
  const dated = taints.map((taint) => (taint.effect === 'NoExecute' ? { timeAdded, ...taint } : taint));
  const next = { ...node.object, spec: { ...spec, taints: dated } };
  const update: Mutation = { type: 'update', key: node.key, uid: node.uid, base: node.object, next };
  return [{ do: 'write', mutations: [update], reason: 'since when the node is tainted' }];
}

/** A pod goes from a node whose taints it does not put up with, or no longer does. */
export function planTaintEviction(view: ClusterIndex, pod: DesiredObject, now: Now): Decision[] {
  const name = boundNode(pod);
  if (name === undefined || !isActive(view, pod)) return [];
  const taints = (view.get(objectKey('nodes', '', name))?.object as Node | undefined)?.spec.taints?.filter(
    ({ effect }) => effect === 'NoExecute',
  );
  if (taints === undefined || taints.length === 0) return [];
  const at = Math.min(...taints.map((taint) => staysUntil(pod, taint, now.wall)));
  if (at === Number.POSITIVE_INFINITY) return [];
  if (at > now.wall) return [{ do: 'wake', key: pod.key, at: now.monotonic + at - now.wall }];
  const mutations = deleteMutations(view, pod, now.wall, { disruption: 'taint' });
  if (mutations.length === 0) return [];
  const { metadata } = pod.object;
  const message = `Marking for deletion Pod ${metadata.namespace}/${metadata.name}`;
  return [
    { do: 'write', mutations, reason: `it does not put up with the taints of ${name}` },
    { do: 'event', event: { about: pod.object, type: 'Normal', reason: 'TaintManagerEviction', message, component: COMPONENT } },
  ];
}

type NodeTaint = NonNullable<Node['spec']['taints']>[number];

/** Milliseconds since 1970: the shortest of the tolerations that name the taint. */
function staysUntil(pod: DesiredObject, taint: NodeTaint, wallMs: number): number {
  const matching = (asPod(pod).spec.tolerations ?? []).filter((toleration) => tolerates([toleration], taint));
  if (matching.length === 0) return 0;
  const seconds = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
  if (seconds.length === 0) return Number.POSITIVE_INFINITY;
  return (parseTime(taint.timeAdded ?? '') ?? wallMs) + Math.max(0, Math.min(...seconds)) * 1000;
}
