import type { DesiredObject } from '../../../../protocol/objects.ts';
import type { Container, Pod } from '../../../../protocol/types.ts';
import { cpuMillis, memoryBytes } from '../../../../protocol/values/quantity.ts';
import { parseTime } from '../../../../protocol/values/time.ts';
import { boundNode, isDeleting, nodeStanding, reportOf } from '../../cluster/pods.ts';
import type { ClusterView } from '../../cluster/view.ts';

/** What counts of a pod's use: of one container, or of all. CPU in thousandths of a core, memory in bytes. */
export interface Resource {
  name: string;
  container?: string;
}

/** A target's pods by what is known of them. Source: groupPods in pkg/controller/podautoscaler/replica_calculator.go. */
export interface PodMetrics {
  /** By pod uid. */
  used: Map<string, number>;
  /** They have no usage, … */
  missing: DesiredObject[];
  /** … and theirs tells nothing yet. */
  unready: DesiredObject[];
  /** Those above, without what goes or has failed. */
  pods: DesiredObject[];
}

/** A pod that starts uses more CPU than it will, for so long. Upstream's defaults of --horizontal-pod-autoscaler-cpu-initialization-period … */
const CPU_INITIALIZATION_MS = 300_000;
/** … and -initial-readiness-delay. */
const INITIAL_READINESS_MS = 30_000;

/** A Deployment's pods are its ReplicaSets'. */
export function podsOf(view: ClusterView, target: DesiredObject): DesiredObject[] {
  return view.ownedBy(target.uid).flatMap((owned) => (owned.object.kind === 'Pod' ? [owned] : podsOfSet(view, owned)));
}

function podsOfSet(view: ClusterView, owned: DesiredObject): DesiredObject[] {
  return owned.object.kind === 'ReplicaSet' ? view.ownedBy(owned.uid).filter(({ object }) => object.kind === 'Pod') : [];
}

/** @param wallMs milliseconds since 1970 */
export function groupPods(view: ClusterView, target: DesiredObject, resource: Resource, wallMs: number): PodMetrics {
  const groups: PodMetrics = { used: new Map(), missing: [], unready: [], pods: [] };
  for (const pod of podsOf(view, target)) {
    const phase = reportOf(view, pod)?.status.phase ?? 'Pending';
    if (isDeleting(pod) || phase === 'Failed') continue;
    groups.pods.push(pod);
    const used = usedBy(view, pod, resource);
    if (phase === 'Pending') groups.unready.push(pod);
    else if (used === undefined) groups.missing.push(pod);
    else if (resource.name === 'cpu' && startsYet(view, pod, wallMs)) groups.unready.push(pod);
    else groups.used.set(pod.uid, used);
  }
  return groups;
}

/** Undefined where the node does not tell, or is dead. */
function usedBy(view: ClusterView, pod: DesiredObject, { name, container }: Resource): number | undefined {
  const node = boundNode(pod);
  if (node === undefined || ['dead', 'absent'].includes(nodeStanding(view, node))) return undefined;
  const containers = view.podUsage(pod.uid, node)?.containers.filter((each) => container === undefined || each.name === container);
  if (containers === undefined || containers.length === 0) return undefined;
  return containers.reduce((sum, each) => sum + (name === 'cpu' ? each.cpuMillis : each.memoryBytes), 0);
}

function startsYet(view: ClusterView, pod: DesiredObject, wallMs: number): boolean {
  const status = reportOf(view, pod)?.status;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const startedAt = parseTime(status?.startTime ?? '') ?? parseTime(status?.containerStatuses?.[0]?.state?.running?.startedAt ?? '');
  if (ready === undefined || startedAt === undefined) return true;
  const readyAt = parseTime(ready.lastTransitionTime ?? '') ?? startedAt;
  if (startedAt + CPU_INITIALIZATION_MS <= wallMs) return ready.status === 'False' && startedAt + INITIAL_READINESS_MS > readyAt;
  const report = view.usageReport(boundNode(pod) ?? '');
  const measuredAt = parseTime(report?.at ?? '') ?? 0;
  return ready.status === 'False' || measuredAt < readyAt + (report?.windowMs ?? 0);
}

/** What the pod asks for, or upstream's words on which container does not say. */
export function requestOf(pod: DesiredObject, { name, container }: Resource): number | string {
  const { spec, metadata } = pod.object as Pod;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const counted: Container[] = [...spec.containers, ...sidecars].filter((each) => container === undefined || each.name === container);
  if (counted.length === 0) return `container ${container ?? ''} not found in Pod ${metadata.name}`;
  let total = 0;
  for (const each of counted) {
    const request = each.resources?.requests?.[name];
    if (request === undefined) return `missing request for ${name} in container ${each.name} of Pod ${metadata.name}`;
    total += name === 'cpu' ? cpuMillis(request) : memoryBytes(request);
  }
  return total;
}
