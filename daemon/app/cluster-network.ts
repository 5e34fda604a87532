import type { ClusterNetworkSpec } from '../../protocol/types.ts';
import { DEFAULT_POD_RANGE } from '../core/network/pod-subnets.ts';
import { DEFAULT_CLUSTER_DOMAIN, DEFAULT_SERVICE_RANGE, LOOPBACK_SERVICE_RANGE } from '../core/network/service-range.ts';
import type { ContainerRuntime } from '../ports/runtime.ts';
import type { DaemonConfig } from './config.ts';

/** How a cluster that this daemon founds is numbered. Where containers are processes, services need addresses that anybody may listen on. */
export function clusterNetwork(config: DaemonConfig, runtime: ContainerRuntime['name']): ClusterNetworkSpec {
  return {
    podRange: config.podRange ?? DEFAULT_POD_RANGE,
    serviceRange: config.serviceRange ?? (runtime === 'process' ? LOOPBACK_SERVICE_RANGE : DEFAULT_SERVICE_RANGE.text),
    clusterDomain: config.clusterDomain ?? DEFAULT_CLUSTER_DOMAIN,
  };
}
