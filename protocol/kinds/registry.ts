import type { GroupResource } from '../objects.ts';
import { clusterNetworkKind } from './cluster-network.ts';
import { credentialKind } from './credential.ts';
import { cronJobKind } from './cron-job.ts';
import { customResourceDefinitionKind } from './custom/definition.ts';
import { deploymentKind } from './deployment.ts';
import { eventKind } from './event.ts';
import { eventV1Kind } from './event-v1.ts';
import { jobKind } from './job.ts';
import { joinTokenKind } from './join-token.ts';
import type { KindAlias, KindDefinition } from './kind.ts';
import { apiVersionOf, groupResourceOf } from './kind.ts';
import { memberKind } from './member.ts';
import { namespaceKind } from './namespace.ts';
import { nodeKind } from './node.ts';
import { podKind } from './pod.ts';
import { replicaSetKind } from './replica-set.ts';
import { replicationControllerKind } from './replication-controller.ts';
import { retiredKinds } from './retired-versions.ts';
import { horizontalPodAutoscalerKind, horizontalPodAutoscalerV1Kind } from './stored/autoscaling.ts';
import { configMapKind, secretKind, serviceAccountKind } from './stored/config.ts';
import { metricsKinds } from './stored/metrics.ts';
import { ingressClassKind, ingressKind, networkPolicyKind } from './stored/networking.ts';
import { limitRangeKind, podDisruptionBudgetKind, priorityClassKind, resourceQuotaKind } from './stored/policy.ts';
import { clusterRoleBindingKind, clusterRoleKind, namespacedRoleKind, roleBindingKind } from './stored/rbac.ts';
import { reviewKinds } from './stored/reviews.ts';
import { endpointSliceKind, endpointsKind, serviceKind } from './stored/service.ts';
import { persistentVolumeClaimKind, persistentVolumeKind, storageClassKind } from './stored/storage.ts';
import { controllerRevisionKind, daemonSetKind, leaseKind, statefulSetKind } from './stored/workloads.ts';

/** Every kind that Kith knows, in the order that discovery shows them. */
const KINDS: readonly KindDefinition[] = [
  configMapKind,
  endpointsKind,
  eventKind,
  limitRangeKind,
  namespaceKind,
  nodeKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
  replicationControllerKind,
  resourceQuotaKind,
  secretKind,
  serviceAccountKind,
  serviceKind,
  controllerRevisionKind,
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
  horizontalPodAutoscalerKind,
  cronJobKind,
  jobKind,
  leaseKind,
  endpointSliceKind,
  ingressClassKind,
  ingressKind,
  networkPolicyKind,
  podDisruptionBudgetKind,
  clusterRoleBindingKind,
  clusterRoleKind,
  roleBindingKind,
  namespacedRoleKind,
  priorityClassKind,
  storageClassKind,
  customResourceDefinitionKind,
  memberKind,
  joinTokenKind,
  credentialKind,
  clusterNetworkKind,
];

/** Further versions of those, after them (clients that only know a name take the stored version), and what is not stored. */
const OTHER_VERSIONS: readonly KindDefinition[] = [
  eventV1Kind,
  horizontalPodAutoscalerV1Kind,
  ...retiredKinds,
  ...reviewKinds,
  ...metricsKinds,
];

const byResource = new Map<GroupResource, KindDefinition>(KINDS.map((kind) => [groupResourceOf(kind), kind]));
const byTypeMeta = new Map<string, KindMatch>();
const byWord = new Map<string, KindDefinition>();

/** A kind, and the alias by which it was called. */
export interface KindMatch {
  kind: KindDefinition;
  /** Undefined when the apiVersion is the stored one. */
  alias?: KindAlias;
}

for (const kind of KINDS) {
  byTypeMeta.set(`${apiVersionOf(kind)} ${kind.kind}`, { kind });
  for (const alias of kind.aliases ?? []) byTypeMeta.set(`${alias.apiVersion} ${kind.kind}`, { kind, alias });
  const names = [kind.plural, kind.singular, kind.kind, ...kind.shortNames, groupResourceOf(kind)];
  if (kind.group !== '') names.push(`${kind.singular}.${kind.group}`, `${kind.plural}.${kind.version}.${kind.group}`);
  // The first kind that claims a word keeps it, as in kubectl: the core group comes first.
  for (const name of names) if (!byWord.has(name.toLowerCase())) byWord.set(name.toLowerCase(), kind);
}

for (const kind of OTHER_VERSIONS) byTypeMeta.set(`${apiVersionOf(kind)} ${kind.kind}`, { kind });

/** Every kind that is stored, in the version that is. */
export function allKinds(): readonly KindDefinition[] {
  return KINDS;
}

/** Every kind in every version that clients may speak of it. */
export function servedKinds(): readonly KindDefinition[] {
  return [...KINDS, ...OTHER_VERSIONS];
}

/** By `pods` or `deployments.apps`. */
export function kindOfResource(resource: GroupResource): KindDefinition | undefined {
  return byResource.get(resource);
}

/** By what a manifest says; aliases too. */
export function kindFor(apiVersion: string, kind: string): KindMatch | undefined {
  return byTypeMeta.get(`${apiVersion} ${kind}`);
}

/** By any word that kubectl takes: plural, singular, short name, `plural.group`, kind; in any case. */
export function findKind(word: string): KindDefinition | undefined {
  return byWord.get(word.toLowerCase());
}
