import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Service } from '../../../protocol/types.ts';
import type { ClusterView } from '../cluster/view.ts';
import { saysUnready } from '../cluster/pods.ts';
import type { ResolvedService } from '../network/service-types.ts';

/** Nodes named in one status: who has more names them in a load balancer of their own. */
const MAX_ADDRESSES = 64;

/**
 * A Service as the API shows it. One of type LoadBalancer has the addresses of the nodes that take its traffic, unless it asks for somebody else's balancer (loadBalancerClass)
 * or somebody has written its status.
 */
export function serviceStatus(view: ClusterView, service: DesiredObject, resolved: ResolvedService | undefined): Pick<Service, 'status'> {
  const { spec, status } = service.object as Service;
  const stored = status?.loadBalancer?.ingress ?? [];
  if (spec?.type !== 'LoadBalancer' || spec.loadBalancerClass !== undefined || stored.length > 0 || resolved === undefined) {
    return { status: { ...status, loadBalancer: status?.loadBalancer ?? {} } };
  }
  const ingress = nodeAddresses(view, resolved).map((ip) => ({ ip, ipMode: 'VIP' }));
  return { status: { ...status, loadBalancer: ingress.length === 0 ? {} : { ingress } } };
}

/** As `externalTrafficPolicy: Local` asks for, only of nodes that have an endpoint. */
function nodeAddresses(view: ClusterView, { externalTrafficPolicy, ports }: ResolvedService): string[] {
  const serving = new Set(ports.flatMap(({ endpoints }) => endpoints.filter(({ inCluster }) => inCluster).map(({ node }) => node)));
  const addresses = new Set<string>();
  for (const { state, spec } of view.members()) {
    const report = view.nodeReport(spec.nodeName);
    if (state !== 'alive' || saysUnready(report) || (externalTrafficPolicy === 'Local' && !serving.has(spec.nodeName))) continue;
    const address = report?.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (address !== undefined && addresses.size < MAX_ADDRESSES) addresses.add(address);
  }
  return [...addresses].sort();
}
