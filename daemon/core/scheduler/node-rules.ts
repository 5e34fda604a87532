import type { NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration } from 'kubernetes-types/core/v1.js';
import type { Node, PodSpec } from '../../../protocol/types.ts';

/** Rules of a node that do not depend on what runs there. Each says no in Kubernetes' words, or nothing. */

const NOT_READY = 'node(s) were not ready';
const CORDONED = 'node(s) were unschedulable';
const NO_MATCH = "node(s) didn't match Pod's node affinity/selector";
/** The taint that a cordon stands for. */
const CORDON_TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** First in the order of Kubernetes' filters. */
export function refusalOf(node: Node, ready: boolean, pod: PodSpec): string | undefined {
  const tolerations = pod.tolerations ?? [];
  if (!ready) return NOT_READY;
  if (node.spec.unschedulable === true && !tolerates(tolerations, CORDON_TAINT)) return CORDONED;
  const taint = node.spec.taints?.find((each) => each.effect !== 'PreferNoSchedule' && !tolerates(tolerations, each));
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  return matchesNode(node, pod) ? undefined : NO_MATCH;
}

function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => {
    if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
    const everyKey = toleration.key === undefined || toleration.key === '';
    if (!everyKey && toleration.key !== taint.key) return false;
    if (toleration.operator === 'Exists') return true;
    return !everyKey && (toleration.value ?? '') === (taint.value ?? '');
  });
}

function matchesNode(node: Node, pod: PodSpec): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(pod.nodeSelector ?? {})) if (labels[key] !== value) return false;
  const required = pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

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
