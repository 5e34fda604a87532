import { createHash } from 'node:crypto';
import type { ClusterNetwork, ClusterNetworkSpec } from '../../../protocol/types.ts';
import { formatAddress, readSubnet, sizeOf, type Subnet } from '../../../protocol/values/ipv4.ts';
import type { ClusterView } from '../cluster/view.ts';
import { CLUSTER_NETWORK_KEY } from './pod-subnets.ts';

/** How services are numbered and named: said once, by who founded the cluster. */

/** Kubernetes' own. */
export const DEFAULT_SERVICE_RANGE: Subnet = { base: 0x0a600000, prefix: 12, text: '10.96.0.0/12' };
/** Where services are listened for by the daemon itself, which may be nobody: anyone may bind these. */
export const LOOPBACK_SERVICE_RANGE = '127.96.0.0/12';
export const DEFAULT_CLUSTER_DOMAIN = 'cluster.local';

/** What reads objects: a view, or desired state. */
interface Reader {
  get: ClusterView['get'];
}

/** Where addresses of services come from, and what sets their order apart from other clusters': several on one machine may listen on loopback addresses of the same range. */
export interface ServiceNumbers {
  range: Subnet;
  seed: string;
}

export const DEFAULT_SERVICE_NUMBERS: ServiceNumbers = { range: DEFAULT_SERVICE_RANGE, seed: '' };

export function serviceNumbers(view: Reader): ServiceNumbers {
  const range = readSubnet(networkSpec(view)?.serviceRange ?? '') ?? DEFAULT_SERVICE_RANGE;
  return { range, seed: view.get(CLUSTER_NETWORK_KEY)?.uid ?? '' };
}

export function clusterDomain(view: Reader): string {
  return networkSpec(view)?.clusterDomain ?? DEFAULT_CLUSTER_DOMAIN;
}

/** Address of the Service `kubernetes`: the first; of loopback addresses, which clusters of one machine share, any. */
export function apiServiceAddress({ range, seed }: ServiceNumbers): string {
  if (!range.text.startsWith('127.')) return formatAddress(range.base + 1);
  return formatAddress(range.base + 1 + (createHash('sha256').update(`api\0${seed}`).digest().readUInt32BE(0) % (sizeOf(range) - 2)));
}

function networkSpec(view: Reader): ClusterNetworkSpec | undefined {
  return (view.get(CLUSTER_NETWORK_KEY)?.object as ClusterNetwork | undefined)?.spec;
}
