/** What rules of NetworkPolicies are made of, read off the view. */
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import type { NetworkPolicySpec } from '../../../protocol/types.ts';
import { asPod, boundNode, isTerminal, nodeStanding, reportOf } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { PolicyObject, PolicyPod } from './policy-rules.ts';

export const NETWORK_POLICIES = 'networkpolicies.networking.k8s.io';

export function policiesOf(view: ClusterView): PolicyObject[] {
  return view.list(NETWORK_POLICIES).map(({ object: { metadata, spec } }) => ({
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    spec: (spec ?? {}) as NetworkPolicySpec,
  }));
}

export function namespacesOf(view: ClusterView): { name: string; labels: Readonly<Record<string, string>> }[] {
  return view.list('namespaces').map(({ object: { metadata } }) => ({ name: metadata.name, labels: metadata.labels ?? {} }));
}

/**
 * One with its host's address is its host in the eyes of policies, as upstream; one that has ended may have lost its address to another.
 * @param known address that this node gave it, which its report may not tell yet
 */
export function policyPod(view: ClusterView, pod: DesiredObject, known?: string): PolicyPod | undefined {
  const { metadata, spec } = asPod(pod);
  if (spec.hostNetwork === true || isTerminal(view, pod)) return undefined;
  const ip = known ?? reportOf(view, pod)?.status.podIP ?? '';
  if (ip === '') return undefined;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    labels: metadata.labels ?? {},
    ip,
    local: boundNode(pod) === view.self.node,
    ports: [...spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
      ports.flatMap(({ name, protocol = 'TCP', containerPort }) => (name === undefined ? [] : [{ name, protocol, port: containerPort }])),
    ),
  };
}

/** Pods of living nodes whose addresses are still to be heard of: a while after this daemon started. */
export function hasUnheardPods(view: ClusterView): boolean {
  return view.list('pods').some((pod) => {
    const node = boundNode(pod);
    if (node === undefined || node === view.self.node || nodeStanding(view, node) !== 'alive') return false;
    return reportOf(view, pod) === undefined && !isTerminal(view, pod);
  });
}

/** What of an object the rules depend on: the same text, the same rules. */
export function policySignature(view: ClusterView, key: ObjectKey, pod: PolicyPod | undefined): string {
  if (pod !== undefined) return JSON.stringify(pod);
  return JSON.stringify(view.get(key)?.object.metadata.labels ?? {});
}
