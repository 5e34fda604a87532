/** What FailedScheduling says of preemption after the reasons, as upstream. Source: Evaluator.Preempt in pkg/scheduler/framework/preemption. */
import type { DesiredObject } from '../../../protocol/objects.ts';
import { preempts, priorityOf } from '../admission/priority.ts';
import { asPod } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { NodeTable } from './node-table.ts';
import { lowestPriority, lowerOn, planPreemption } from './preempt.ts';

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';

/** Why a node does not take a pod. `lasting`: whatever else leaves the node. */
export interface NodeRefusal {
  reasons: readonly string[];
  lasting: boolean;
}

/** @returns empty where room is being made */
export function preemptionText(view: ClusterIndex, table: NodeTable, pod: DesiredObject, refusals: readonly NodeRefusal[]): string {
  const { spec } = asPod(pod);
  if (!preempts(spec)) return ' preemption: not eligible due to preemptionPolicy=Never.';
  const priority = priorityOf(spec);
  const isAbove = priority > lowestPriority(view);
  if (isAbove && planPreemption(view, table, pod, new Set()) !== undefined) return '';
  const reasons = refusals.flatMap(({ reasons: own, lasting }, index) => {
    if (lasting) return [NOT_HELPFUL];
    return isAbove && lowerOn(view, table.names[index] ?? '', priority).length > 0 ? own : [NO_VICTIMS];
  });
  return ` preemption: ${availability(table.size, reasons)}`;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`: counts per reason, in the order of their text, as upstream's FitError prints them. */
export function availability(nodes: number, reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodes} nodes are available: ${parts.join(', ')}.`;
}
