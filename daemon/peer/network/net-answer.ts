import type { NetAnswer, NetPortRow, NetServiceRow } from '../../../protocol/net-answer.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { podRange, podSubnetOf } from '../../core/network/pod-subnets.ts';
import { clusterDomain, serviceNumbers } from '../../core/network/service-range.ts';
import type { ResolvedPort, ResolvedService } from '../../core/network/service-types.ts';
import { NETWORK_POLICIES } from '../../core/network/policy-facts.ts';
import type { PodPolicies } from './pod-policies.ts';
import type { ServiceLoop } from './service-loop.ts';

/** What this peer believes of the network, for people who look for a fault. */
export function netAnswer(view: ClusterView, services: ServiceLoop, policies?: Pick<PodPolicies, 'state'>): NetAnswer {
  const state = policies?.state;
  const troubles = services.troubles();
  return {
    node: view.self.node,
    podRange: podRange(view).text,
    serviceRange: serviceNumbers(view).range.text,
    clusterDomain: clusterDomain(view),
    services: { by: services.sinkNames, settled: services.settled },
    policies: {
      by: policies === undefined ? '' : 'nftables',
      count: view.list(NETWORK_POLICIES).length,
      selectedPods: state?.selected ?? 0,
      trouble: state?.trouble ?? '',
      ...(state === undefined || state.gap === '' ? {} : { gap: state.gap }),
    },
    nodes: view
      .members()
      .map(({ spec, state }) => ({
        node: spec.nodeName,
        state,
        podSubnet: podSubnetOf(view, spec.nodeName)?.text ?? '',
        address: view.nodeReport(spec.nodeName)?.status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
      }))
      .sort((left, right) => (left.node < right.node ? -1 : 1)),
    table: services.table.list().map((service) => serviceRow(service, troubles.get(service.key) ?? [])),
  };
}

function serviceRow(
  { namespace, name, type, clusterIP, headless, externalName, ports }: ResolvedService,
  troubles: readonly string[],
): NetServiceRow {
  return { namespace, name, type, clusterIP: headless ? 'None' : (externalName ?? clusterIP), troubles, ports: ports.map(portRow) };
}

function portRow({ name, port, protocol, nodePort, endpoints }: ResolvedPort): NetPortRow {
  return {
    port: `${name === '' ? '' : `${name} `}${port}/${protocol}`,
    ...(nodePort === undefined ? {} : { nodePort }),
    endpoints: endpoints.map((endpoint) => ({
      address: `${endpoint.ip}:${endpoint.port}`,
      node: endpoint.node,
      ...(endpoint.pod === undefined ? {} : { pod: endpoint.pod }),
      inRotation: endpoint.inCluster,
      why: endpoint.why,
    })),
  };
}
