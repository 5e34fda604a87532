/**
 * This node's part in the network of pods: takes a subnet (core/network/pod-subnets.ts) and lets the runtime know. It decides nothing itself, and a peer whose state is not
 * complete takes nothing; it goes on with what it has.
 */
import type { Mutation } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { objectKey, resourceOf } from '../../../protocol/objects.ts';
import { gatewayOf, readSubnet, type Subnet } from '../../../protocol/values/ipv4.ts';
import { MEMBERS } from '../../core/cluster/membership.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import type { EventDraft } from '../../core/decisions.ts';
import { CLUSTER_NETWORKS, planPodSubnet, podRange, podSubnetOf } from '../../core/network/pod-subnets.ts';
import { serviceNumbers } from '../../core/network/service-range.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import type { NameServer } from '../../ports/names.ts';
import type { Kernel } from './kernel.ts';

export const POD_NETWORK_LIMITS = {
  /** ms that changes are let come together. */
  coalesceMs: 5,
  /** ms until a claim that could not be written is looked at again. */
  retryMs: 1_000,
  /** ms between two looks at what the kernel has. */
  checkMs: 5_000,
  /** Subnets that the engine refused and that are remembered. */
  refused: 64,
} as const;

const CONCERNED: ReadonlySet<string> = new Set(['nodes', MEMBERS, CLUSTER_NETWORKS]);

export interface PodNetworkDeps {
  view: ClusterView;
  write(mutations: readonly Mutation[]): Promise<unknown>;
  record(event: EventDraft): void;
  runtime: Pick<ContainerRuntime, 'usePodNetwork'>;
  host?: HostNetwork;
  nameServer?: Pick<NameServer, 'listenAt'>;
  /** Without, pods are reached on their own host only. */
  kernel?: Kernel;
  clock: Clock;
  log: Log;
}

export class PodNetwork {
  readonly #deps: PodNetworkDeps;
  readonly #clusterId: string;
  /** What the engine would not have. */
  readonly #refused: Subnet[] = [];
  #cancel: CancelTimer | undefined;
  #looking: Promise<void> | undefined;
  /** Something changed while it looked. */
  #again = false;
  #told = '';
  #gap = '';
  #running = false;
  readonly #stopping = new AbortController();
  #cancelCheck: CancelTimer | undefined;
  #wasComplete = false;

  constructor(deps: PodNetworkDeps, options: { clusterId: string }) {
    this.#deps = deps;
    this.#clusterId = options.clusterId;
  }

  start(): void {
    this.#running = this.#deps.runtime.usePodNetwork !== undefined;
    this.#lookWithin(0);
    if (this.#running && this.#deps.kernel !== undefined) this.#checkLater();
  }

  #checkLater(): void {
    this.#cancelCheck = this.#deps.clock.after(POD_NETWORK_LIMITS.checkMs, () => {
      this.#lookWithin(0);
      this.#checkLater();
    });
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#cancel?.();
    this.#cancelCheck?.();
    this.#stopping.abort(new Error('the daemon stops'));
    await this.#looking;
    await this.#deps.kernel?.policies.stop();
  }

  /** To be called after every change of the view. */
  touch(affected: ReadonlySet<ObjectKey>): void {
    const { complete } = this.#deps.view;
    this.#deps.kernel?.policies.touch(affected);
    this.#deps.kernel?.ways.touch(affected);
    let concerned = complete !== this.#wasComplete;
    this.#wasComplete = complete;
    for (const key of affected) concerned ||= CONCERNED.has(resourceOf(key));
    if (concerned) this.#lookWithin(POD_NETWORK_LIMITS.coalesceMs);
  }

  #lookWithin(ms: number): void {
    if (!this.#running || this.#cancel !== undefined) return;
    if (this.#looking !== undefined) {
      this.#again = true;
      return;
    }
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined;
        if (this.#again) this.#lookWithin(POD_NETWORK_LIMITS.coalesceMs);
        this.#again = false;
      });
    });
  }

  async #look(): Promise<void> {
    const { view, log } = this.#deps;
    try {
      await this.#claim();
    } catch (error) {
      log.debug('A subnet for the pods of this node could not be taken; it is tried again', { error });
      this.#deps.clock.after(POD_NETWORK_LIMITS.retryMs, () => this.#lookWithin(0));
      return;
    }
    const subnet = podSubnetOf(view, view.self.node);
    if (subnet === undefined || this.#refused.some(({ text }) => text === subnet.text)) return;
    await this.#setKernel(subnet);
    const { kernel, nameServer } = this.#deps;
    if (kernel !== undefined) nameServer?.listenAt(gatewayOf(subnet));
    this.#deps.runtime.usePodNetwork?.({
      subnet: subnet.text,
      ...(kernel?.ways.mtu === undefined ? {} : { mtu: kernel.ways.mtu }),
      ...(kernel === undefined
        ? {}
        : { masqueradedElsewhere: true, beforeStart: async (uid, address, signal) => kernel.policies.admit(uid, address, signal) }),
      onRefused: (why) => this.#onRefused(subnet, why),
    });
  }

  async #setKernel(subnet: Subnet): Promise<void> {
    const { view, host, kernel } = this.#deps;
    if (kernel === undefined || host === undefined || view.removed) return;
    const { signal } = this.#stopping;
    await kernel.ways.setRight(signal);
    const { table, reservedPorts } = kernel;
    const facts = {
      table,
      serviceRange: serviceNumbers(view).range.text,
      reservedPorts,
      podRange: podRange(view).text,
      podSubnet: subnet.text,
    };
    await kernel.services.use({ ...facts, bridgeFilters: host.bridgeFilters(), movesFlows: true }, signal);
    await kernel.services.check(signal);
    await kernel.policies.check();
    this.#tellGap(kernel.policies.state.gap);
  }

  /** Once, until it is over. */
  #tellGap(gap: string): void {
    const { view, log } = this.#deps;
    if (gap === this.#gap) return;
    this.#gap = gap;
    const own = view.get(objectKey('nodes', '', view.self.node))?.object;
    if (gap === '') return;
    const message = `NetworkPolicies: ${gap}`;
    log.warn(message);
    if (own !== undefined) this.#deps.record({ about: own, type: 'Warning', reason: 'PoliciesNotEnforced', message, component: 'kith' });
  }

  async #claim(): Promise<void> {
    const { view, log } = this.#deps;
    const unusable = [...this.#hostNetworks(), ...this.#refused];
    for (const decision of planPodSubnet(view, { clusterId: this.#clusterId, unusable })) {
      if (decision.do === 'write') {
        await this.#deps.write(decision.mutations);
        log.info('A subnet is taken for the pods of this node', { why: decision.reason });
        this.#told = '';
      } else if (decision.do === 'event' && decision.event.message !== this.#told) {
        this.#told = decision.event.message;
        log.warn(decision.event.message);
        this.#deps.record(decision.event);
      }
    }
  }

  /** The /24 around each address of this host: its own mask may be wider than what is really used. What is in use already is not judged again. */
  #hostNetworks(): Subnet[] {
    const { view, host } = this.#deps;
    if (podSubnetOf(view, view.self.node) !== undefined) return [];
    return (host?.addresses() ?? []).flatMap((address) => readSubnet(address.replace(/\.\d+$/, '.0/24')) ?? []);
  }

  #onRefused(subnet: Subnet, why: string): void {
    if (this.#refused.some(({ text }) => text === subnet.text)) return;
    this.#deps.log.warn('The container engine can not have the subnet of this node; another is taken', { subnet: subnet.text, why });
    if (this.#refused.length >= POD_NETWORK_LIMITS.refused) this.#refused.shift();
    this.#refused.push(subnet);
    this.#lookWithin(0);
  }
}
