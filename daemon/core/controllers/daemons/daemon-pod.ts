import type { Toleration } from 'kubernetes-types/core/v1.js';
import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject, ObjectKey } from '../../../../protocol/objects.ts';
import { parseObjectKey } from '../../../../protocol/objects.ts';
import type { DaemonSetSpec, Pod, PodSpec } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { REVISION_HASH_LABEL } from '../revisions.ts';

/** What a daemon puts up with on its node. Source: AddOrUpdateDaemonPodTolerations in pkg/controller/daemon/util. */
const TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

export function daemonSpec(spec: PodSpec): PodSpec {
  const own = spec.tolerations ?? [];
  const added = TOLERATIONS.filter(
    ({ key, effect }) => !own.some((each) => each.key === key && each.effect === effect && each.operator === 'Exists'),
  );
  return { ...spec, tolerations: [...own, ...added] };
}

/** Source: ReplaceDaemonSetPodNodeNameNodeAffinity: whatever else is required, it is that node. */
function pinned(spec: PodSpec, node: string): PodSpec {
  const field = { key: 'metadata.name', operator: 'In', values: [node] };
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [];
  const nodeSelectorTerms = terms.length === 0 ? [{ matchFields: [field] }] : terms.map((term) => ({ ...term, matchFields: [field] }));
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
  return { ...spec, affinity: { ...spec.affinity, nodeAffinity } };
}

export function createDaemonPod(owner: DesiredObject, key: ObjectKey, node: string, hash: string, wallMs: number): Mutation {
  const { template } = owner.object.spec as DaemonSetSpec;
  const { apiVersion, kind, metadata } = owner.object;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: parseObjectKey(key).name,
      namespace: metadata.namespace,
      // Set by the replica, which alone knows the life.
      uid: '',
      creationTimestamp: formatTime(wallMs),
      generateName: `${metadata.name}-`,
      labels: { ...labels, [REVISION_HASH_LABEL]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: owner.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: pinned(daemonSpec(template.spec ?? { containers: [] }), node),
  };
  return { type: 'create', key, object, orMerge: true };
}
