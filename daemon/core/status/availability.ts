import type { DesiredObject } from '../../../protocol/objects.ts';
import { readySince } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/**
 * Milliseconds since 1970 from when on a pod counts as available: once it has been ready for so long. Undefined while it is not ready. With nothing to wait for it
 * is at once, though its node's clock runs ahead of ours.
 */
export function availableAt(view: ClusterView, pod: DesiredObject, minReadySeconds: number): number | undefined {
  const since = readySince(view, pod);
  if (since === undefined) return undefined;
  return minReadySeconds === 0 ? 0 : since + minReadySeconds * 1000;
}
