/** Keeps this host's ways to the pods of others, and what lets them pass, as they are to be: on every change of members, and every few seconds. */
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { planCommands, planWays, ruleOwner, tunnelDevice, type NetworkMode, type WantedWays } from '../../core/network/host-routes.ts';
import { serviceNumbers } from '../../core/network/service-range.ts';
import { podRange, podSubnetOf } from '../../core/network/pod-subnets.ts';
import { gatewayOf } from '../../../protocol/values/ipv4.ts';
import type { HostNetwork, HostPassage } from '../../ports/host-network.ts';
import type { Log } from '../../ports/log.ts';

export interface HostWaysDeps {
  view: ClusterView;
  host: HostNetwork;
  log: Log;
}

export interface HostWaysOptions {
  clusterId: string;
  mode: NetworkMode;
}

export class HostWays {
  readonly #deps: HostWaysDeps;
  readonly #options: HostWaysOptions;
  #told = '';
  #complained = '';
  #mtu: number | undefined;
  /** Ids of the containers of this node's pods: a pod's link is new with each start. */
  readonly #started = new Map<ObjectKey, string>();
  #hairpins: Promise<void> | undefined;
  #hairpinsAgain = false;

  constructor(deps: HostWaysDeps, options: HostWaysOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Of the links of pods; undefined while this host was not looked at. */
  get mtu(): number | undefined {
    return this.#mtu;
  }

  /** To be called after every change of the view: a pod that has just started is to reach itself by way of a Service at once. */
  touch(affected: Iterable<ObjectKey>): void {
    const { view } = this.#deps;
    let isNew = false;
    for (const key of affected) {
      if (parseObjectKey(key).resource !== 'pods') continue;
      const pod = view.get(key);
      const statuses = pod === undefined ? [] : (view.podReport(pod.uid, view.self.node)?.status.containerStatuses ?? []);
      const ids = statuses.map(({ containerID = '' }) => containerID).join(' ');
      if (ids.trim() === '') this.#started.delete(key);
      else if (this.#started.get(key) !== ids) {
        this.#started.set(key, ids);
        isNew = true;
      }
    }
    if (isNew) this.#allowHairpins();
  }

  #allowHairpins(): void {
    const { view, host, log } = this.#deps;
    this.#hairpinsAgain = this.#hairpins !== undefined;
    const own = podSubnetOf(view, view.self.node);
    if (this.#hairpinsAgain || own === undefined) return;
    this.#hairpins = host
      .allowHairpin(own.text)
      .catch((error: unknown) => log.debug('Pods of this host may not reach themselves yet by way of Services', { error }))
      .then(() => {
        this.#hairpins = undefined;
        if (this.#hairpinsAgain) this.#allowHairpins();
      });
  }

  /** Sets right what is not as it is to be. Does not throw: it is done again soon. */
  async setRight(signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    try {
      await this.#setRight(signal);
      this.#complained = '';
    } catch (error) {
      if (signal.aborted || String(error) === this.#complained) return;
      this.#complained = String(error);
      log.warn('The network of pods on this host is not as it should be; it is tried again', { error });
    }
  }

  /** What is still to be done, and what lets packets pass, as it is. Changes nothing. @throws KithError `HostNetworkFailed` */
  async inspect(signal: AbortSignal): Promise<{ ways: string[]; problems: readonly string[]; passage: HostPassage }> {
    const { view, host } = this.#deps;
    const { clusterId, mode } = this.#options;
    const wanted = planWays(view, clusterId, await host.survey(signal), mode);
    const present = await host.present({ protocol: wanted.protocol, tunnel: tunnelDevice(clusterId) }, signal);
    const { ip, bridge } = planCommands(wanted, present, serviceNumbers(view).range.text);
    const own = podSubnetOf(view, view.self.node);
    const gateway = own === undefined ? {} : { gateway: gatewayOf(own) };
    const passage = await host.inspect({ range: podRange(view).text, owner: ruleOwner(clusterId), ...gateway }, signal);
    return { ways: [...ip.map((line) => `ip ${line}`), ...bridge.map((line) => `bridge ${line}`)], problems: wanted.problems, passage };
  }

  async #setRight(signal: AbortSignal): Promise<void> {
    const { view, host, log } = this.#deps;
    const { clusterId, mode } = this.#options;
    const wanted = planWays(view, clusterId, await host.survey(signal), mode);
    this.#mtu = wanted.mtu;
    this.#tell(wanted);
    const range = podRange(view).text;
    const owner = ruleOwner(clusterId);
    for (const done of await host.letPass(range, owner, signal)) log.info('The way for pods is open on this host', { done });
    const present = await host.present({ protocol: wanted.protocol, tunnel: tunnelDevice(clusterId) }, signal);
    const commands = planCommands(wanted, present, serviceNumbers(view).range.text);
    if (commands.ip.length + commands.bridge.length > 0) {
      await host.carryOut(commands, signal);
      log.debug('Ways to pods of other hosts changed', { ip: commands.ip, bridge: commands.bridge });
    }
    const own = podSubnetOf(view, view.self.node);
    if (own !== undefined) await host.allowHairpin(own.text);
  }

  #tell({ ways, problems }: WantedWays): void {
    const { log } = this.#deps;
    const text = JSON.stringify([ways.map(({ node, how }) => `${node} by ${how}`), problems]);
    if (text === this.#told) return;
    this.#told = text;
    for (const problem of problems) log.warn('The pods of a peer can not be reached from here', { problem });
    if (ways.length > 0) log.info('Pods of other hosts are reached', { ways: ways.map(({ node, how }) => `${node} by ${how}`).join(', ') });
  }
}
