import type { DesiredObject } from '../../../protocol/objects.ts';
import type { NodeTable } from '../scheduler/node-table.ts';
import { pairWeight, textHash } from '../scheduler/weights.ts';

/** The first `limit` nodes of the pod's rendezvous order among those that are alive and fit it. */
export function rankHeirs(table: NodeTable, pod: DesiredObject, limit: number): string[] {
  const subject = textHash(pod.uid);
  const best: { name: string; weight: number }[] = [];
  for (const [index, name] of table.names.entries()) {
    const weight = pairWeight(subject, table.hashes[index] ?? 0);
    const last = best.at(-1);
    if (best.length === limit && last !== undefined && weight <= last.weight) continue;
    if (!table.fits(pod, index)) continue;
    best.push({ name, weight });
    best.sort((left, right) => right.weight - left.weight || (left.name < right.name ? -1 : 1));
    if (best.length > limit) best.pop();
  }
  return best.map(({ name }) => name);
}
