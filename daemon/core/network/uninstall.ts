/** What of the network of a host is ours, for who wants none of it left. */
import { routeProtocol, ruleOwner, tunnelDevice } from './host-routes.ts';
import { policyTable, serviceTable } from './tables.ts';

/** What daemons of one cluster on one host have in common. */
export interface OwnNetworkMarks {
  /** Mark of our routes. */
  protocol: number;
  /** Device of VXLAN. */
  tunnel: string;
  /** In comments of rules in the engine's firewall. */
  owner: string;
}

export interface Uninstall {
  /** Of nftables. */
  tables: readonly string[];
  /** Undefined while another daemon of the cluster runs here, and needs them. */
  marks: OwnNetworkMarks | undefined;
}

/**
 * All names follow from the cluster and its nodes: nothing that a daemon of another cluster made on this host is among them.
 * @param nodes that may have run here: of all that are known, as this host may have had another name
 * @param running of these, whose daemon runs in this network now: what is theirs stays
 * @param found tables that the kernel has
 */
export function planUninstall(
  clusterId: string,
  nodes: readonly string[],
  running: readonly string[],
  found: readonly string[],
): Uninstall {
  const gone = nodes.filter((node) => !running.includes(node));
  const ours = new Set(gone.map((node) => serviceTable(clusterId, node)).flatMap((table) => [table, policyTable(table)]));
  const marks = { protocol: routeProtocol(clusterId), tunnel: tunnelDevice(clusterId), owner: ruleOwner(clusterId) };
  return { tables: found.filter((table) => ours.has(table)), marks: running.length === 0 ? marks : undefined };
}
