import type { DesiredObject } from '../../../protocol/objects.ts';
import type { NodeTable } from '../scheduler/node-table.ts';
import { pairWeight, textHash } from '../scheduler/weights.ts';

/** Beyond any number of nodes: a weight of 32 bits and a node's number are one whole number of 52. */
const NUMBERS = 2 ** 20;

/** The first `limit` nodes of the pod's rendezvous order among those that are alive and fit it. In that order: whether a node fits costs more than its weight. */
export function rankHeirs(table: NodeTable, pod: DesiredObject, limit: number): string[] {
  const subject = textHash(pod.uid);
  const first = table.firstOf(subject);
  const heirs: string[] = [];
  const add = (index: number): boolean => {
    if (table.fits(pod, index)) heirs.push(table.names[index] ?? '');
    return heirs.length >= limit;
  };
  for (const index of first) if (add(index)) return heirs;
  if (first.length < table.size) for (const index of orderOf(table, subject).slice(first.length)) if (add(index)) return heirs;
  return heirs;
}

/** Of equal weights the lower name comes first, and names are in order. */
function orderOf({ size, hashes }: NodeTable, subject: number): number[] {
  const order = new Float64Array(size);
  for (let index = 0; index < size; index += 1) order[index] = pairWeight(subject, hashes[index] ?? 0) * NUMBERS + (NUMBERS - 1 - index);
  return Array.from(order.sort().reverse(), (both) => NUMBERS - 1 - (both % NUMBERS));
}
