import { NODE_METRICS, POD_METRICS } from '../../../protocol/kinds/stored/metrics.ts';
import type { KubeObject, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { Usage, UsageReport } from '../../../protocol/observed.ts';
import { boundNode, isDeleting, nodeStanding } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

const KIB = 1024;

/** What a node or a pod uses, as metrics.k8s.io has it. Undefined while its node does not tell, or is dead. */
export function renderUsage(view: ClusterView, key: ObjectKey): KubeObject | undefined {
  const { resource, namespace, name } = parseObjectKey(key);
  if (resource === NODE_METRICS) {
    const node = view.get(objectKey('nodes', '', name));
    const report = livingReport(view, name);
    if (node === undefined || report === undefined) return undefined;
    return { ...shared('NodeMetrics', node, report), usage: amounts(report.node) };
  }
  const pod = resource === POD_METRICS ? view.get(objectKey('pods', namespace, name)) : undefined;
  const node = pod === undefined ? undefined : boundNode(pod);
  if (pod === undefined || node === undefined || isDeleting(pod)) return undefined;
  const report = livingReport(view, node);
  const used = view.podUsage(pod.uid, node);
  if (report === undefined || used === undefined) return undefined;
  const containers = used.containers.map((each) => ({ name: each.name, usage: amounts(each) }));
  return { ...shared('PodMetrics', pod, report), containers };
}

function livingReport(view: ClusterView, node: string): UsageReport | undefined {
  return ['dead', 'absent'].includes(nodeStanding(view, node)) ? undefined : view.usageReport(node);
}

function shared(kind: string, { object, uid }: { object: KubeObject; uid: string }, { at, windowMs }: UsageReport): KubeObject {
  const { name, namespace, labels } = object.metadata;
  return {
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      creationTimestamp: at,
      ...(labels === undefined ? {} : { labels }),
    },
    timestamp: at,
    window: `${windowMs / 1000}s`,
  };
}

function amounts({ cpuMillis, memoryBytes }: Usage): Record<string, string> {
  return { cpu: `${cpuMillis}m`, memory: `${Math.ceil(memoryBytes / KIB)}Ki` };
}
