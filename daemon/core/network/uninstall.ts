/** What of the network of a host is ours, for who wants none of it left. */
import { routeProtocol, ruleOwner, tunnelDevice } from './host-routes.ts';
import { policyTable, serviceTable } from './tables.ts';

export interface OwnNetworkMarks {
  /** Of nftables. */
  tables: readonly string[];
  /** Mark of our routes. */
  protocol: number;
  /** Device of VXLAN. */
  tunnel: string;
  /** In comments of rules in the engine's firewall. */
  owner: string;
}

/**
 * All names follow from the cluster and its nodes: nothing that a daemon of another cluster made on this host is among them.
 * @param nodes that may have run here: of all that are known, as this host may have had another name
 * @param found tables that the kernel has
 */
export function planUninstall(clusterId: string, nodes: readonly string[], found: readonly string[]): OwnNetworkMarks {
  const ours = new Set(nodes.map((node) => serviceTable(clusterId, node)).flatMap((table) => [table, policyTable(table)]));
  return {
    tables: found.filter((table) => ours.has(table)),
    protocol: routeProtocol(clusterId),
    tunnel: tunnelDevice(clusterId),
    owner: ruleOwner(clusterId),
  };
}
