import type { ClusterView } from '../../core/cluster/view.ts';
import type { NetworkMode } from '../../core/network/host-routes.ts';
import { isStillHearing } from '../../core/network/hearing.ts';
import { policyTable } from '../../core/network/tables.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';
import type { PacketFilter } from '../../ports/packet-filter.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import type { Clock } from '../../ports/clock.ts';
import { HostWays } from './host-ways.ts';
import { KernelServices, type KernelServicesDeps } from './kernel-services.ts';
import { PodPolicies } from './pod-policies.ts';

export const KERNEL_LIMITS = {
  /** ms after the start in which the rules of Services of an earlier run stay while there is more to be heard of endpoints. */
  hearMs: 3_000,
} as const;

/** Where the kernel leads pods' packets to other hosts and to Services. */
export interface KernelDeps {
  filter: PacketFilter;
  mode: NetworkMode;
  /** Of nftables: this node's. */
  table: string;
  /** Ports of this host that no load balancer may take. */
  reservedPorts: readonly number[];
}

export interface Kernel extends KernelDeps {
  ways: HostWays;
  services: KernelServices;
  policies: PodPolicies;
}

/** Undefined where there is none: pods are reached on their own host only then, and a proxy of the daemon's own does Services. */
export function createKernel(
  deps: { kernel?: KernelDeps; hostNetwork?: HostNetwork; runtime: ContainerRuntime; clock: Clock; log: Log },
  view: ClusterView,
  { clusterId, latest }: { clusterId: string; latest: KernelServicesDeps['latest'] },
): Kernel | undefined {
  const { kernel, hostNetwork: host, runtime, clock, log } = deps;
  if (kernel === undefined || host === undefined) return undefined;
  let since: number | undefined;
  const isEarly = (): boolean => {
    since ??= clock.monotonic();
    return clock.monotonic() - since < KERNEL_LIMITS.hearMs && isStillHearing(view);
  };
  return {
    ...kernel,
    ways: new HostWays({ view, host, log }, { clusterId, mode: kernel.mode }),
    services: new KernelServices({ filter: kernel.filter, log, isEarly, latest }),
    policies: new PodPolicies(
      { view, filter: kernel.filter, runtime, bridgeFilters: () => host.bridgeFilters(), clock, log },
      { table: policyTable(kernel.table) },
    ),
  };
}
