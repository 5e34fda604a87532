/** What an object counts for in a ResourceQuota. Source: pkg/quota/v1/evaluator/core. */
import type { ServiceSpec } from 'kubernetes-types/core/v1.js';
import type { KubeObject, StoredObject } from '../../../protocol/objects.ts';
import type { Pod, PodSpec } from '../../../protocol/types.ts';
import { qosClass } from '../reconcile/qos.ts';
import { addAmount, amountsFrom, count, type Amounts } from './amounts.ts';
import { podAmounts } from './pod-resources.ts';

type Counted = StoredObject | KubeObject;

/** Counted by their plain names, too; anything by `count/RESOURCE`. */
const PLAIN_COUNTS: ReadonlySet<string> = new Set([
  'services',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
]);
const CLASS_SUFFIX = '.storageclass.storage.k8s.io';

/** @param resource as in keys @param isOver a pod that has ended: it takes nothing but its place as an object */
export function usageOf(resource: string, object: Counted, isOver = false): Amounts {
  const used: Amounts = new Map([[`count/${resource}`, count(1)]]);
  if (PLAIN_COUNTS.has(resource)) used.set(resource, count(1));
  if (resource === 'pods' && !isOver) addPod(used, (object as Pod).spec);
  if (resource === 'services') addService(used, object.spec ?? {});
  if (resource === 'persistentvolumeclaims') addClaim(used, object.spec ?? {});
  return used;
}

function addPod(used: Amounts, spec: PodSpec): void {
  used.set('pods', count(1));
  for (const [name, amount] of podAmounts(spec, 'requests')) {
    // Plain names are requests; of extended resources only `requests.NAME` counts.
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) addAmount(used, name, amount);
    addAmount(used, `requests.${name}`, amount);
  }
  for (const [name, amount] of podAmounts(spec, 'limits')) addAmount(used, `limits.${name}`, amount);
}

function addService(used: Amounts, { type, ports = [], allocateLoadBalancerNodePorts }: ServiceSpec): void {
  const balanced = type === 'LoadBalancer';
  if (balanced) used.set('services.loadbalancers', count(1));
  const opens = type === 'NodePort' || (balanced && allocateLoadBalancerNodePorts !== false);
  if (opens) used.set('services.nodeports', count(ports.length));
}

interface ClaimSpec {
  storageClassName?: string;
  resources?: { requests?: Record<string, string> };
}

function addClaim(used: Amounts, { storageClassName, resources }: ClaimSpec): void {
  const storage = amountsFrom(resources?.requests).get('storage');
  if (storage !== undefined) used.set('requests.storage', storage);
  if (storageClassName === undefined || storageClassName === '') return;
  used.set(`${storageClassName}${CLASS_SUFFIX}/persistentvolumeclaims`, count(1));
  if (storage !== undefined) used.set(`${storageClassName}${CLASS_SUFFIX}/requests.storage`, storage);
}

export interface Scope {
  scopeName: string;
  operator: string;
  values?: readonly string[];
}

/** Whether a pod is what a scope is about. */
export function isInScope(spec: PodSpec, { scopeName, operator, values = [] }: Scope): boolean {
  switch (scopeName) {
    case 'Terminating':
      return spec.activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return spec.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClass(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(spec) !== 'BestEffort';
    case 'PriorityClass': {
      const name = spec.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      if (operator === 'In') return name !== '' && values.includes(name);
      return !values.includes(name);
    }
    case 'CrossNamespacePodAffinity':
      return reachesOtherNamespaces(spec);
    default:
      return false;
  }
}

function reachesOtherNamespaces({ affinity }: PodSpec): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined);
}
