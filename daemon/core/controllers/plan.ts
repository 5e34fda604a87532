import { CUSTOM_DEFINITIONS } from '../../../protocol/kinds/custom/definition.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, Now } from '../decisions.ts';
import { planAutoscaler } from './autoscaling/autoscaler.ts';
import type { ScalingMemory } from './autoscaling/pace.ts';
import { AUTOSCALERS } from './autoscaling/target.ts';
import { planCronJob } from './cron/cron-job.ts';
import { planDaemonSet } from './daemons/daemon-set.ts';
import { planDefinition } from './custom-definitions.ts';
import { planDeployment } from './deployment.ts';
import { planGarbage } from './garbage.ts';
import { planJob } from './jobs/job.ts';
import { planDefaultNamespaces, planDefaultClass, planDefaultPriorities, planDefaultRoles, planNamespace } from './namespaces.ts';
import { planLongAbsence, planMissingNodes, planNodeEnd, planNodeLabels, planVoidedMembers } from './nodes.ts';
import { planPodEnd } from './pod-lifecycle.ts';
import { emptyReplicaMemory, planReplicas, type ReplicaMemory } from './replicas.ts';
import { planStatefulSet } from './stateful/stateful-set.ts';
import { planApiService, planServiceAddresses } from './services.ts';
import { planClaim, planVolume } from './storage/claims.ts';
import { planPodClaims } from './storage/pod-claims.ts';
import { CLAIMS, VOLUMES } from '../storage/claims.ts';
import { planTaintEviction, planTaintTimes } from './taints.ts';

/** What controllers keep from one look to the next; whoever leads next begins without it. */
export interface ControllerMemory extends ReplicaMemory {
  scaling: ScalingMemory;
}

export function emptyMemory(): ControllerMemory {
  return { scaling: new Map(), ...emptyReplicaMemory() };
}

/** The leader's controllers: what is to be done about one object. Scheduling and heirs look at many at once and stand beside it. */
export function planControllers(view: ClusterIndex, key: ObjectKey, now: Now, memory?: ControllerMemory): Decision[] {
  const desired = view.get(key);
  if (desired === undefined) return [];
  const garbage = planGarbage(view, desired, now);
  if (garbage.length > 0) return garbage;
  switch (parseObjectKey(key).resource) {
    case 'replicasets.apps':
    case 'replicationcontrollers':
      return planReplicas(view, key, now, memory);
    case 'cronjobs.batch':
      return planCronJob(view, key, now);
    case AUTOSCALERS:
      return planAutoscaler(view, key, now, memory?.scaling);
    case 'daemonsets.apps':
      return planDaemonSet(view, key, now);
    case 'statefulsets.apps':
      return planStatefulSet(view, key, now);
    case 'jobs.batch':
      return planJob(view, key, now);
    case 'deployments.apps':
      return planDeployment(view, key, now);
    case 'pods':
      return [...planPodEnd(view, desired, now), ...planTaintEviction(view, desired, now), ...planPodClaims(view, desired, now)];
    case CLAIMS:
      return planClaim(view, desired, now);
    case VOLUMES:
      return planVolume(view, desired, now);
    case 'namespaces':
      return planNamespace(view, desired, now);
    case 'services':
      return planServiceAddresses(view, desired);
    case CUSTOM_DEFINITIONS:
      return planDefinition(view, desired, now);
    case 'nodes':
      return [
        ...planNodeEnd(view, desired, now),
        ...planNodeLabels(view, desired),
        ...planLongAbsence(view, desired, now),
        ...planTaintTimes(desired, now),
      ];
    default:
      return [];
  }
}

/** What the leader sees to whatever changed. */
export function planFoundations(view: ClusterIndex, now: Now): Decision[] {
  return [
    ...planDefaultNamespaces(view),
    ...planDefaultRoles(view),
    ...planDefaultClass(view),
    ...planDefaultPriorities(view),
    ...planApiService(view),
    ...planMissingNodes(view),
    ...planVoidedMembers(view, now),
  ];
}
