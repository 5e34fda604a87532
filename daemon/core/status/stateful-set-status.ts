import type { StatefulSetStatus } from 'kubernetes-types/apps/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { viewStatefulSet } from '../controllers/stateful/stateful-view.ts';

/** Status of a StatefulSet, derived from its pods. */
export function statefulSetStatus(view: ClusterView, owner: DesiredObject, wallMs: number): StatefulSetStatus {
  const { wanted, condemned, currentRevision, updateRevision } = viewStatefulSet(view, owner, wallMs);
  const pods = [...wanted, ...condemned].filter(({ pod }) => pod !== undefined);
  const count = (of: (number: (typeof pods)[number]) => boolean): number => pods.filter(of).length;
  const [current, updated] = [currentRevision, updateRevision].map((name) => count(({ revision, alive }) => alive && revision === name));
  return {
    observedGeneration: owner.object.metadata.generation ?? 1,
    replicas: pods.length,
    ...(count(({ ready }) => ready) === 0 ? {} : { readyReplicas: count(({ ready }) => ready) }),
    availableReplicas: count(({ healthy }) => healthy),
    ...(current === 0 ? {} : { currentReplicas: current }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    currentRevision,
    updateRevision,
    collisionCount: 0,
  };
}
