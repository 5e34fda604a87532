/**
 * Pods that are to be stopped leave the rotation of every node first. What "sends traffic to" means, and when a pod has waited for others long enough; asking them is for
 * peer/network/leaving-pods.ts.
 */
import type { ResolvedService } from './service-types.ts';

export const LEAVING_LIMITS = {
  /**
   * ms that a pod is given at least, from when it is to go: for what was connected to it just before, and for peers that are too old to be asked, which hear of it in this
   * time.
   */
  leastMs: 500,
  /** ms from the last node's word until the pod is stopped: for what that one connected just before. */
  settleMs: 100,
  /** ms after which it is stopped whatever others say, or do not say. */
  mostMs: 2_000,
} as const;

export interface LeavingPod {
  /** Monotonic ms since when it is to go. */
  since: number;
  /** Services go on sending traffic to it, for want of others or because they publish all, as far as is known here: to wait would help nobody. */
  isKept: boolean;
  /** Nodes that may still send traffic to it. */
  waitingFor: readonly string[];
  /** Monotonic ms since when there are none; undefined while there are. */
  clearSince?: number;
}

/** Whether it may be told to stop, and why; or monotonic ms when it is worth looking again although nothing was heard. */
export function judgeLeaving(pod: LeavingPod, now: number): { stop: true; why: string } | { stop: false; lookAt: number } {
  const { leastMs, settleMs, mostMs } = LEAVING_LIMITS;
  const [earliest, latest] = [pod.since + leastMs, pod.since + mostMs];
  if (now >= latest && pod.clearSince === undefined)
    return { stop: true, why: `${pod.waitingFor.join(', ')} did not take it out of rotation within ${mostMs} ms` };
  if (now < earliest) return { stop: false, lookAt: earliest };
  if (pod.isKept) return { stop: true, why: 'it is the last one, or published whatever it does' };
  if (pod.clearSince === undefined) return { stop: false, lookAt: latest };
  const settled = Math.min(pod.clearSince + settleMs, latest);
  return now >= settled ? { stop: true, why: 'no node sends traffic to it any more' } : { stop: false, lookAt: settled };
}

/** Those of the pods that these services send new traffic to. One that ends and is all that a node has under the policy `Local` does not count: nobody will take its place there. */
export function sentTo(services: readonly ResolvedService[], uids: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  for (const { type, externalIPs, internalTrafficPolicy, externalTrafficPolicy, ports } of services) {
    const isOpen = type === 'NodePort' || type === 'LoadBalancer' || externalIPs.length > 0;
    // Whatever the policy for what comes from outside, inside a port of a node leads to all.
    const toAll = isOpen || internalTrafficPolicy === 'Cluster';
    const toLocal = internalTrafficPolicy === 'Local' || (isOpen && externalTrafficPolicy === 'Local');
    for (const { endpoints } of ports)
      for (const { uid, inCluster, inLocal, terminating } of endpoints)
        if (uid !== undefined && uids.has(uid) && ((toAll && inCluster) || (toLocal && inLocal && !terminating))) found.add(uid);
  }
  return found;
}

/** Those of the pods that are endpoints and not known to end: whoever believes so may send traffic to them any moment, though it does not now (their node is under suspicion). */
export function takenForStaying(services: readonly ResolvedService[], uids: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  for (const { ports } of services)
    for (const { endpoints } of ports)
      for (const { uid, terminating } of endpoints) if (uid !== undefined && uids.has(uid) && !terminating) found.add(uid);
  return found;
}
