import type { NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration } from 'kubernetes-types/core/v1.js';
import type { Node, PodSpec } from '../../../protocol/types.ts';

/** Rules of a node that do not depend on what runs there. Each says no in Kubernetes' words, or nothing. */

const NOT_READY = 'node(s) were not ready';
const CORDONED = 'node(s) were unschedulable';
export const NO_MATCH = "node(s) didn't match Pod's node affinity/selector";
/** The taint that a cordon stands for. */
const CORDON_TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** First in the order of Kubernetes' filters. */
export function refusalOf(node: Node, ready: boolean, pod: PodSpec): string | undefined {
  const tolerations = pod.tolerations ?? [];
  if (!ready) return NOT_READY;
  if (node.spec.unschedulable === true && !tolerates(tolerations, CORDON_TAINT)) return CORDONED;
  const taint = untoleratedTaint(node, pod);
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  return matchesNode(node, pod) ? undefined : NO_MATCH;
}

const FORBIDDING: readonly string[] = ['NoSchedule', 'NoExecute'];

/** The first taint with one of the effects that the pod does not put up with. */
export function untoleratedTaint(node: Node, { tolerations = [] }: PodSpec, effects = FORBIDDING): Taint | undefined {
  return node.spec.taints?.find((taint) => effects.includes(taint.effect) && !tolerates(tolerations, taint));
}

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => {
    if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
    const everyKey = toleration.key === undefined || toleration.key === '';
    if (!everyKey && toleration.key !== taint.key) return false;
    if (toleration.operator === 'Exists') return true;
    return !everyKey && (toleration.value ?? '') === (taint.value ?? '');
  });
}

/** Labels and name of the node, whatever its taints. */
export function matchesNode(node: Node, pod: PodSpec): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(pod.nodeSelector ?? {})) if (labels[key] !== value) return false;
  const required = pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** Weights of the preferred node affinity, less what taints that it does not put up with cost. */
export function preferenceOf(node: Node, spec: PodSpec): number {
  let preference = 0;
  for (const { weight, preference: term } of spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    if (matchesTerm(term, node)) preference += weight;
  for (const taint of node.spec.taints ?? [])
    if (taint.effect === 'PreferNoSchedule' && !tolerates(spec.tolerations ?? [], taint)) preference -= SOFT_TAINT_WEIGHT;
  return preference;
}

/** As much as the greatest weight. */
const SOFT_TAINT_WEIGHT = 100;

/** An empty term matches nothing. Source: component-helpers/scheduling/corev1/nodeaffinity. */
function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    expressions.every((requirement) => matchesRequirement(requirement, labels[requirement.key])) &&
    fields.every((requirement) => requirement.key === 'metadata.name' && matchesRequirement(requirement, node.metadata.name))
  );
}

function matchesRequirement(requirement: NodeSelectorRequirement, value: string | undefined): boolean {
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** The one node that a pod is for, by its affinity. */
export function pinnedNode(spec: PodSpec): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const names = terms.map(({ matchFields }) => {
    const [field] = (matchFields ?? []).filter(
      ({ key, operator, values }) => key === 'metadata.name' && operator === 'In' && values?.length === 1,
    );
    return field?.values?.[0];
  });
  return names.length > 0 && names.every((name) => name === names[0]) ? names[0] : undefined;
}
