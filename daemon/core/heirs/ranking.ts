import type { DesiredObject } from '../../../protocol/objects.ts';
import type { NodeTable } from '../scheduler/node-table.ts';
import { pairWeight, textHash } from '../scheduler/weights.ts';

/** Beyond any number of nodes: a weight of 32 bits and a node's number are one whole number of 52. */
const NUMBERS = 2 ** 20;

/** The first `limit` nodes of the pod's rendezvous order among those that are alive and fit it. In that order: whether a node fits costs more than its weight. */
export function rankHeirs(table: NodeTable, pod: DesiredObject, limit: number): string[] {
  const subject = textHash(pod.uid);
  const order = new Float64Array(table.size);
  // Of equal weights the lower name comes first, and names are in order.
  for (let index = 0; index < table.size; index += 1)
    order[index] = pairWeight(subject, table.hashes[index] ?? 0) * NUMBERS + (NUMBERS - 1 - index);
  order.sort();
  const heirs: string[] = [];
  for (let place = order.length - 1; place >= 0 && heirs.length < limit; place -= 1) {
    const index = NUMBERS - 1 - ((order[place] ?? 0) % NUMBERS);
    if (table.fits(pod, index)) heirs.push(table.names[index] ?? '');
  }
  return heirs;
}
