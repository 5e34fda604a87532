import type { DaemonSetStatus } from 'kubernetes-types/apps/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { viewDaemonSet } from '../controllers/daemons/daemon-view.ts';

/** Status of a DaemonSet, derived from nodes and pods. */
export function daemonSetStatus(view: ClusterView, owner: DesiredObject, wallMs: number): DaemonSetStatus {
  const { nodes, wanted } = viewDaemonSet(view, owner, wallMs);
  const count = (of: (node: (typeof nodes)[number]) => boolean): number => nodes.filter(of).length;
  const numberAvailable = count((node) => node.wanted && node.live.some(({ available }) => available));
  return {
    currentNumberScheduled: count((node) => node.wanted && node.live.length > 0),
    numberMisscheduled: count((node) => !node.wanted && node.live.length > 0),
    desiredNumberScheduled: wanted,
    numberReady: count((node) => node.wanted && node.live.some(({ ready }) => ready)),
    observedGeneration: owner.object.metadata.generation ?? 1,
    ...counted(
      'updatedNumberScheduled',
      count((node) => node.wanted && node.live.some(({ isNew }) => isNew)),
    ),
    ...counted('numberAvailable', numberAvailable),
    ...counted('numberUnavailable', wanted - numberAvailable),
  };
}

/** Zeroes of these are left out, as upstream does. */
function counted(name: string, value: number): Record<string, number> {
  return value === 0 ? {} : { [name]: value };
}
