import { CUSTOM_DEFINITIONS } from '../../../protocol/kinds/custom/definition.ts';
import { NODE_METRICS, POD_METRICS } from '../../../protocol/kinds/stored/metrics.ts';
import type { DesiredObject, GroupResource, KubeObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey, resourceOf } from '../../../protocol/objects.ts';
import { QUOTAS, quotaStatus } from '../admission/quota.ts';
import { CLUSTER_ROLES, roleRules } from '../authorization/authorizer.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { definitionStatus } from '../custom/served.ts';
import type { Now } from '../decisions.ts';
import type { ResolvedService } from '../network/service-types.ts';
import { CLAIMS, VOLUMES } from '../storage/claims.ts';
import { AUTOSCALERS } from '../controllers/autoscaling/target.ts';
import { autoscalerStatus } from './autoscaler-status.ts';
import { budgetStatus } from './budget-status.ts';
import { cronJobStatus } from './cron-job-status.ts';
import { daemonSetStatus } from './daemon-set-status.ts';
import { deploymentStatus } from './deployment-status.ts';
import { jobStatus } from './job-status.ts';
import { namespaceStatus } from './namespace-status.ts';
import { renderNodeLease } from './node-lease.ts';
import { renderNode } from './node-status.ts';
import { renderPod } from './pod-status.ts';
import { replicaStatus } from './replica-status.ts';
import { LEASES } from './usage-keys.ts';
import { renderUsage } from './usage-metrics.ts';
import { statefulSetStatus } from './stateful-set-status.ts';
import { serviceStatus } from './service-status.ts';
import { claimStatus, volumeStatus } from './storage-status.ts';

/** Resources that may be shown though nobody has stored them. */
const DERIVED: ReadonlySet<GroupResource> = new Set([LEASES, NODE_METRICS, POD_METRICS, 'endpoints', 'endpointslices.discovery.k8s.io']);

/** Whether {@link renderObject} may show something: cheap, as it does not look at what would follow from others. */
export function mayShow(view: ClusterIndex, key: ObjectKey): boolean {
  return view.get(key) !== undefined || DERIVED.has(resourceOf(key));
}

/** What follows from the table of services. */
export interface ShownNetwork {
  /** Endpoints and EndpointSlices: instead of what somebody stored under their names. */
  derived(key: ObjectKey): KubeObject | undefined;
  resolved(service: ObjectKey): ResolvedService | undefined;
}

/**
 * Objects as the API shows them: desired metadata and spec, without Kith's own fields, joined with what nodes report and what follows from both. A pure function
 * of the view, never stored and never sent. `deletionTimestamp` of a superseded pod on a dead node and a node's taints for its condition are derived, too: who
 * writes an object back must compare with what was shown.
 */
export function renderObject(view: ClusterIndex, key: ObjectKey, now: Now, network?: ShownNetwork): KubeObject | undefined {
  const { resource } = parseObjectKey(key);
  const derived = resource === LEASES ? renderNodeLease(view, key) : network?.derived(key);
  if (derived !== undefined) return derived;
  if (resource === NODE_METRICS || resource === POD_METRICS) return renderUsage(view, key);
  const desired = view.get(key);
  if (desired === undefined) return undefined;
  const object = withIdentity(desired);
  switch (resource) {
    case 'pods':
      return renderPod(view, object);
    case 'nodes':
      return renderNode(view, object);
    case 'replicasets.apps':
    case 'replicationcontrollers':
      return { ...shown(object), status: replicaStatus(view, desired, now.wall) };
    case 'deployments.apps':
      return { ...shown(object), status: deploymentStatus(view, desired, now.wall) };
    case 'cronjobs.batch':
      return { ...shown(object), status: cronJobStatus(view, desired) };
    case 'daemonsets.apps':
      return { ...shown(object), status: daemonSetStatus(view, desired, now.wall) };
    case 'statefulsets.apps':
      return { ...shown(object), status: statefulSetStatus(view, desired, now.wall) };
    case 'poddisruptionbudgets.policy':
      return { ...shown(object), status: budgetStatus(view, desired) };
    case QUOTAS:
      return { ...shown(object), status: quotaStatus(view, desired) };
    case AUTOSCALERS:
      return { ...shown(object), status: autoscalerStatus(view, desired, now.wall) };
    case 'jobs.batch':
      return { ...shown(object), status: jobStatus(view, desired) };
    case 'namespaces':
      return { ...shown(object), status: namespaceStatus(view, desired) };
    case 'services':
      return { ...shown(object), ...serviceStatus(view, desired, network?.resolved(key)) };
    case CLAIMS:
      return { ...shown(object), ...statusIf(claimStatus(view, desired)) };
    case VOLUMES:
      return { ...shown(object), ...statusIf(volumeStatus(view, desired)) };
    case CUSTOM_DEFINITIONS:
      return { ...shown(object), status: definitionStatus(view, desired) };
    case CLUSTER_ROLES:
      return renderClusterRole(view, object);
    default:
      return shown(object);
  }
}

/** Of what is not ours, what others wrote is shown. */
function statusIf<Status>(status: Status | undefined): { status?: Status } {
  return status === undefined ? {} : { status };
}

/** What an aggregation gathers is shown as its rules. */
function renderClusterRole(view: ClusterIndex, role: DesiredObject): KubeObject {
  const object = shown(role);
  return object['aggregationRule'] === undefined ? object : { ...object, rules: roleRules(view, role.object) };
}

/** The uid follows from the key and the life; whatever the stored metadata says. */
function withIdentity(desired: DesiredObject): DesiredObject {
  const { object, uid } = desired;
  return object.metadata.uid === uid ? desired : { ...desired, object: { ...object, metadata: { ...object.metadata, uid } } };
}

function shown(desired: DesiredObject): KubeObject {
  const { kith: _kith, ...object } = desired.object;
  return object;
}
