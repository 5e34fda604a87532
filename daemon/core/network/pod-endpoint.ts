import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod, ServicePort } from '../../../protocol/types.ts';
import { asPod, boundNode, isDeleting, isReady, isTerminal, nodeStanding, reportOf, saysUnready } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { slotStanding } from '../reconcile/slots.ts';
import { isStrayAddress } from './pod-subnets.ts';
import type { Candidate, Rank } from './rotation.ts';

/** A pod as an endpoint, but for its port. */
export type PodAddress = Omit<Candidate, 'port'>;

/**
 * What there is to say of a pod that a service selects. Source of the conditions: podToEndpoint in k8s.io/endpointslice.
 * @returns undefined for one that never was anywhere or has ended for good
 */
export function podAddress(view: ClusterView, pod: DesiredObject, publishNotReady: boolean, service: string): PodAddress | undefined {
  const node = boundNode(pod);
  if (node === undefined || isTerminal(view, pod)) return undefined;
  const ip = addressOf(view, pod);
  if (ip === '') return undefined;
  const { hostname, subdomain } = asPod(pod).spec;
  const standing = slotStanding(view, pod);
  const ends = isDeleting(pod) || ('stop' in standing && standing.stop);
  const serving = publishNotReady || isReady(view, pod);
  return {
    ip,
    node,
    local: node === view.self.node,
    pod: pod.object.metadata.name,
    uid: pod.uid,
    ...(hostname === undefined || subdomain !== service ? {} : { hostname }),
    ready: serving && (publishNotReady || !ends),
    serving,
    terminating: ends,
    lost: nodeStanding(view, node) === 'dead' || nodeStanding(view, node) === 'absent',
    ...judge(view, pod, { node, ip }, { serving, ends, publishNotReady }),
  };
}

/** One without a network of its own has its host's address. */
function addressOf(view: ClusterView, pod: DesiredObject): string {
  const status = reportOf(view, pod)?.status;
  const own = status?.podIP ?? '';
  return own === '' && asPod(pod).spec.hostNetwork === true ? (status?.hostIP ?? '') : own;
}

function judge(
  view: ClusterView,
  pod: DesiredObject,
  { node, ip }: { node: string; ip: string },
  is: { serving: boolean; ends: boolean; publishNotReady: boolean },
): { rank: Rank; why: string; lost?: true } {
  const standing = nodeStanding(view, node);
  if (standing === 'dead') return { rank: 'out', why: `node ${node} is dead` };
  if (standing === 'absent') return { rank: 'out', why: `node ${node} is no member of the cluster` };
  if (isStrayAddress(view, node, ip)) return { rank: 'out', why: `its address ${ip} is in the subnet of another node by now`, lost: true };
  if (!is.serving) return { rank: 'out', why: unreadyWhy(view, node) };
  if (is.ends && !is.publishNotReady) return { rank: 'last', why: 'it is being ended' };
  if (standing === 'suspected') return { rank: 'doubted', why: `node ${node} is under suspicion` };
  if (!view.isCurrentReport(pod.uid, node)) return { rank: 'doubted', why: `node ${node} has not spoken of it since it started` };
  return { rank: 'ready', why: isReady(view, pod) ? 'ready' : 'not ready, and published all the same' };
}

function unreadyWhy(view: ClusterView, node: string): string {
  return saysUnready(view.nodeReport(node)) ? `node ${node} is not ready` : 'not ready';
}

/**
 * The port of a pod that a service's port leads to; one that is named may be another in each pod. Source: FindPort in k8s.io/kubernetes/pkg/api/v1/pod.
 * @returns undefined where the pod has none of that name
 */
export function targetPortOf({ spec }: Pod, { port, targetPort, protocol = 'TCP' }: ServicePort): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  const name = targetPort ?? '';
  if (name === '') return port;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...spec.containers, ...sidecars]) {
    const found = ports.find((candidate) => candidate.name === name && (candidate.protocol ?? 'TCP') === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
