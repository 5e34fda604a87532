import type { NamespaceCondition, NamespaceStatus } from 'kubernetes-types/core/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { resourceOf } from '../../../protocol/objects.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';

/** Of finalizers, each with how many objects have it: more are counted only. */
const MAX_FINALIZERS = 16;

/** What the deletion of a namespace waits for. Source: pkg/controller/namespace/deletion/status_condition_utils.go. */
export function namespaceStatus(view: ClusterIndex, namespace: DesiredObject): NamespaceStatus {
  if (!isDeleting(namespace)) return { phase: 'Active' };
  const { name, deletionTimestamp } = namespace.object.metadata;
  const contents = view.inNamespace(name);
  const resources = countOf(contents.map(({ key }) => resourceOf(key)));
  const finalizers = countOf(contents.flatMap(({ object }) => object.metadata.finalizers ?? []));
  const condition = (type: string, isGoing: boolean, reason: string, message: string): NamespaceCondition => ({
    type,
    status: isGoing ? 'False' : 'True',
    lastTransitionTime: deletionTimestamp,
    reason,
    message,
  });
  return {
    phase: 'Terminating',
    conditions: [
      condition('NamespaceDeletionDiscoveryFailure', true, 'ResourcesDiscovered', 'All resources successfully discovered'),
      condition('NamespaceDeletionGroupVersionParsingFailure', true, 'ParsedGroupVersions', 'All legacy kube types successfully parsed'),
      condition(
        'NamespaceDeletionContentFailure',
        true,
        'ContentDeleted',
        'All content successfully deleted, may be waiting on finalization',
      ),
      resources.length === 0
        ? condition('NamespaceContentRemaining', true, 'ContentRemoved', 'All content successfully removed')
        : condition('NamespaceContentRemaining', false, 'SomeResourcesRemain', `Some resources are remaining: ${remaining(resources)}`),
      finalizers.length === 0
        ? condition('NamespaceFinalizersRemaining', true, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished')
        : condition(
            'NamespaceFinalizersRemaining',
            false,
            'SomeFinalizersRemain',
            `Some content in the namespace has finalizers remaining: ${holding(finalizers)}`,
          ),
    ],
  };
}

type Count = readonly [what: string, times: number];

function countOf(words: readonly string[]): Count[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
}

/** `configmaps. has 1 resource instances`: resource and group, of which core has none. */
function remaining(resources: readonly Count[]): string {
  return resources.map(([what, times]) => `${what}${what.includes('.') ? '' : '.'} has ${times} resource instances`).join(', ');
}

function holding(finalizers: readonly Count[]): string {
  const named = finalizers.slice(0, MAX_FINALIZERS).map(([what, times]) => `${what} in ${times} resource instances`);
  return [...named, ...(finalizers.length > named.length ? [`${finalizers.length - named.length} more`] : [])].join(', ');
}
