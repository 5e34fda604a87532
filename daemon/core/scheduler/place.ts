import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { CONFLICT } from '../storage/claim-places.ts';
import { claimKeysOf } from '../storage/claims.ts';
import { NodeTable, nodeTableOf } from './node-table.ts';
import { NO_PLACE, NOT_NEAR, placeScore } from './pod-rules.ts';
import { shapeOf } from './pod-shape.ts';
import { availability, preemptionText, type NodeRefusal } from './preemption-words.ts';
import { pairWeight, textHash } from './weights.ts';

export interface Placement {
  pod: DesiredObject;
  node: string;
}

export interface Unplaced {
  pod: DesiredObject;
  /** `0/3 nodes are available: 3 Insufficient cpu. preemption: …` */
  message: string;
}

/** Finds a node for each pod, in the order given, with running totals. The same view and the same pods give the same answer on every peer. */
export function placePods(view: ClusterIndex, pods: readonly DesiredObject[]): { placed: Placement[]; unplaced: Unplaced[] } {
  const table = new NodeTable(view);
  const placed: Placement[] = [];
  const unplaced: Unplaced[] = [];
  for (const pod of pods) {
    const index = chooseNode(table, pod);
    const node = index === undefined ? undefined : table.names[index];
    if (node === undefined) {
      unplaced.push({ pod, message: explainRefusal(view, table, pod) });
      continue;
    }
    table.take(pod, node);
    placed.push({ pod, node });
  }
  return { placed, unplaced };
}

/** What the pod prefers, fewest pods of the same controller, then the most left free, then the pod's own order of nodes. */
function chooseNode(table: NodeTable, pod: DesiredObject): number | undefined {
  const shape = shapeOf(pod);
  const refusals = table.refusalsOf(pod, shape);
  const spread = table.spreadOf(pod);
  const subject = textHash(pod.uid);
  const filter = table.filterOf(pod);
  const score = placeScore(table, pod);
  let best: number | undefined;
  let [bestScore, bestSiblings, bestLeft, bestWeight] = [0, 0, 0, 0];
  for (let index = 0; index < table.size; index += 1) {
    if (refusals[index] !== undefined) continue;
    const preference = score?.(index) ?? 0;
    if (best !== undefined && preference < bestScore) continue;
    const alike = best !== undefined && preference === bestScore;
    const siblings = spread?.[index] ?? 0;
    if (alike && siblings > bestSiblings) continue;
    if (!table.hasRoom(index, shape) || filter?.(index) !== undefined) continue;
    const left = table.leftWith(index, shape);
    const level = alike && siblings === bestSiblings;
    if (level && left < bestLeft) continue;
    const weight = pairWeight(subject, table.hashes[index] ?? 0);
    if (level && left === bestLeft && weight <= bestWeight) continue;
    [best, bestScore, bestSiblings, bestLeft, bestWeight] = [index, preference, siblings, left, weight];
  }
  return best;
}

/** Why no node takes the pod now; undefined when one does. */
export function whyUnschedulable(view: ClusterIndex, pod: DesiredObject): string | undefined {
  const table = nodeTableOf(view);
  for (let index = 0; index < table.size; index += 1) if (table.fits(pod, index)) return undefined;
  return explainRefusal(view, table, pod);
}

/** Nodes that would take the pod if less ran on them; none where one does take it. */
export function nodesShortFor(view: ClusterIndex, pod: DesiredObject): string[] {
  const table = nodeTableOf(view);
  const shape = shapeOf(pod);
  const refusals = table.refusalsOf(pod, shape);
  const filter = table.filterOf(pod);
  const short: string[] = [];
  for (const [index, node] of table.names.entries()) {
    if (refusals[index] !== undefined || filter?.(index) !== undefined) continue;
    if (table.shortagesOf(index, shape).length === 0) return [];
    short.push(node);
  }
  return short;
}

/** Refusals by what runs elsewhere, or by the node's own place: who leaves this node changes nothing about them. As upstream's UnschedulableAndUnresolvable. */
const LASTING: readonly string[] = [NOT_NEAR, NO_PLACE, CONFLICT];

/** A node short of two things counts under both. */
function explainRefusal(view: ClusterIndex, table: NodeTable, pod: DesiredObject): string {
  if (table.size === 0) return 'no nodes available to schedule pods';
  // Who uses which claim is found out by a look at all pods.
  const unclaimed = claimKeysOf(pod).length === 0 ? undefined : table.claims.refusalOf(pod);
  if (unclaimed !== undefined) {
    const nowhere = table.names.map(() => ({ reasons: [], lasting: true }));
    return `0/${table.size} nodes are available: ${unclaimed}.${preemptionText(view, table, pod, nowhere)}`;
  }
  const shape = shapeOf(pod);
  const refusals = table.refusalsOf(pod, shape);
  const filter = table.filterOf(pod);
  const nodes = table.names.map((_node, index): NodeRefusal => {
    const refusal = refusals[index];
    if (refusal !== undefined) return { reasons: [refusal], lasting: true };
    const shortages = table.shortagesOf(index, shape);
    const unfit = shortages.length === 0 ? filter?.(index) : undefined;
    return unfit === undefined ? { reasons: shortages, lasting: false } : { reasons: [unfit], lasting: LASTING.includes(unfit) };
  });
  const reasons = nodes.flatMap((node) => node.reasons);
  return availability(table.size, reasons) + preemptionText(view, table, pod, nodes);
}
