/**
 * The node's own network of the engine, a bridge of which pods get fixed addresses. It is made when the first pod needs it and removed when the daemon stops and
 * no pod is left. A node that renumbers itself has a new one; the old one goes when nothing runs in it any more. It must never touch a network that does not bear our
 * cluster, our node and a name that we give.
 */
import { createHash } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';
import { parseSubnet, readSubnet } from '../../../protocol/values/ipv4.ts';
import type { Subnet } from '../../../protocol/values/ipv4.ts';
import type { Log } from '../../ports/log.ts';
import type { PodNetworkSpec } from '../../ports/runtime.ts';
import { CHANGE_TIMEOUT_MS, EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { LABEL, ownerFilter } from './names.ts';
import type { Owner } from './names.ts';
import { engineParts, POD_SUBNETS } from './subnet.ts';

export interface OwnNetwork {
  name: string;
  subnet: Subnet;
}

interface EngineNetwork {
  Id: string;
  Name: string;
  Labels: Record<string, string> | null;
  Options: Record<string, string> | null;
  IPAM: { Config: { Subnet?: string }[] | null };
}

/** A network that could not be made is tried again after this time. */
const RETRY_MS = 60_000;
/** How long pods wait for the node to have a subnet, or another one after a refusal. */
const SUBNET_WAIT_MS = 10_000;
/** Removal at the end of the daemon must not hold it up. */
const REMOVE_TIMEOUT_MS = 5_000;
/** Subnets that are tried for one network. */
const TRIES = 8;
/** The engine's words for a subnet or a bridge that another network has. */
const CONFLICT = /overlap|conflict|already (?:in use|allocated)/i;
const OPTION = { mtu: 'com.docker.network.driver.mtu', masquerade: 'com.docker.network.bridge.enable_ip_masquerade' } as const;

export class PodNetwork {
  readonly #client: EngineClient;
  readonly #log: Log;
  readonly #owner: Owner;
  #wanted: { spec: PodNetworkSpec; subnet: Subnet } | undefined;
  readonly #waiting = new Set<() => void>();
  #known: Promise<OwnNetwork | undefined> | undefined;
  #failedAt = -Infinity;

  constructor(deps: { client: EngineClient; log: Log }, owner: Owner) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#owner = owner;
  }

  /** @throws KithError `InvalidSubnet` */
  use(spec: PodNetworkSpec): void {
    const before = this.#wanted?.spec;
    this.#wanted = { spec, subnet: parseSubnet(spec.subnet, POD_SUBNETS) };
    const same = before?.subnet === spec.subnet && before.mtu === spec.mtu && before.masqueradedElsewhere === spec.masqueradedElsewhere;
    if (!same) {
      this.#known = undefined;
      this.#failedAt = -Infinity;
    }
    for (const wake of this.#waiting) wake();
  }

  async beforeStart(podUid: string, address: string, signal?: AbortSignal): Promise<void> {
    await this.#wanted?.spec.beforeStart?.(podUid, address, signal);
  }

  /** Undefined where the engine lets us have none; the log says why. @throws KithError `EngineFailed` while the node has no subnet */
  async ensure(signal?: AbortSignal): Promise<OwnNetwork | undefined> {
    signal?.throwIfAborted();
    if (this.#known === undefined) {
      if (performance.now() - this.#failedAt < RETRY_MS) return undefined;
      // Many pods wait for it: none of their signals ends it.
      this.#known = this.#findOrMake();
    }
    const asked = this.#known;
    try {
      const network = await asked;
      if (network === undefined) {
        this.#failedAt = performance.now();
        if (this.#known === asked) this.#known = undefined;
      }
      return network;
    } catch (error) {
      if (this.#known === asked) this.#known = undefined;
      throw error;
    }
  }

  /** It may have been removed, or the engine replaced: looks again before the next use. */
  recheck(): void {
    this.#known = undefined;
  }

  /** Only when no pod of ours is left: the engine refuses it only while a container runs in it. @returns names of what it removed */
  async remove(): Promise<string[]> {
    this.#known = undefined;
    const removed: string[] = [];
    try {
      for (const found of await this.#ours()) {
        await this.#delete(found, REMOVE_TIMEOUT_MS);
        removed.push(found.Name);
      }
    } catch (error) {
      this.#log.debug('The network of this node stays in the engine', { error });
    }
    return removed;
  }

  async #findOrMake(): Promise<OwnNetwork | undefined> {
    const refusals: string[] = [];
    for (let left = TRIES, last = ''; left > 0; left -= 1) {
      const wanted = await this.#subnetOtherThan(last);
      if (wanted === undefined) {
        if (last !== '') break;
        throw new KithError(
          'EngineFailed',
          'this node has no subnet for its pods yet: it takes one once it knows the whole state of the cluster',
        );
      }
      const { spec, subnet } = wanted;
      const name = this.#nameOf(subnet);
      if (await this.#isThere(spec, subnet, name)) return { name, subnet };
      const refusal = await this.#make(spec, subnet, name);
      if (refusal === undefined) {
        this.#log.info('Pods of this node have a network of their own', { network: name, subnet: subnet.text });
        return { name, subnet };
      }
      refusals.push(`${subnet.text}: ${refusal.message}`);
      if (!CONFLICT.test(refusal.message)) break;
      last = subnet.text;
      spec.onRefused(refusal.message);
    }
    this.#log.warn("The engine gives this node no network of its own: pods get a pause container in the engine's default one", {
      refusals,
    });
    return undefined;
  }

  /** Waits for one for a while. */
  async #subnetOtherThan(last: string): Promise<{ spec: PodNetworkSpec; subnet: Subnet } | undefined> {
    const deadline = performance.now() + SUBNET_WAIT_MS;
    while ((this.#wanted === undefined || this.#wanted.subnet.text === last) && performance.now() < deadline) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const timer = setTimeout(resolve, deadline - performance.now());
      await promise;
      clearTimeout(timer);
      this.#waiting.delete(resolve);
    }
    return this.#wanted?.subnet.text === last ? undefined : this.#wanted;
  }

  /** Whether the wanted one serves that is there already. All others of ours go, where nothing runs in them. */
  async #isThere(spec: PodNetworkSpec, subnet: Subnet, name: string): Promise<boolean> {
    let isThere = false;
    for (const found of await this.#ours()) {
      const serves = found.Name === name && readSubnet(found.IPAM.Config?.[0]?.Subnet ?? '')?.text === subnet.text;
      if (serves && hasOptions(found, spec)) isThere = true;
      else if (!(await this.#deleted(found)) && serves) {
        this.#log.warn('The network of this node is in use and keeps its old options until its pods have ended', { network: name });
        isThere = true;
      }
    }
    return isThere;
  }

  async #deleted(found: EngineNetwork): Promise<boolean> {
    try {
      await this.#delete(found, CHANGE_TIMEOUT_MS);
      return true;
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      this.#log.info('A network of this node stays as long as its pods', { network: found.Name, error });
      return false;
    }
  }

  async #delete(found: EngineNetwork, timeoutMs: number): Promise<void> {
    await this.#client.call({ method: 'DELETE', path: `/networks/${found.Id}`, timeoutMs });
  }

  async #ours(): Promise<EngineNetwork[]> {
    const query = { filters: JSON.stringify(ownerFilter(this.#owner)) };
    const all = await this.#client.call<EngineNetwork[]>({ method: 'GET', path: '/networks', query, timeoutMs: READ_TIMEOUT_MS });
    return all.filter((network) => {
      const subnet = readSubnet(network.IPAM.Config?.[0]?.Subnet ?? '');
      return subnet !== undefined && network.Name === this.#nameOf(subnet);
    });
  }

  async #make(spec: PodNetworkSpec, subnet: Subnet, name: string): Promise<EngineRefusal | undefined> {
    const { gateway, range } = engineParts(subnet);
    const body = {
      Name: name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Labels: { [LABEL.cluster]: this.#owner.clusterId, [LABEL.node]: this.#owner.nodeName },
      Options: { 'com.docker.network.bridge.name': `kith-${this.#hash(subnet).slice(0, 10)}`, ...wantedOptions(spec) },
      IPAM: { Driver: 'default', Config: [{ Subnet: subnet.text, Gateway: gateway, IPRange: range }] },
    };
    try {
      await this.#client.call({ method: 'POST', path: '/networks/create', body, timeoutMs: CHANGE_TIMEOUT_MS });
      return undefined;
    } catch (error) {
      if (error instanceof EngineRefusal) return error;
      throw error;
    }
  }

  #nameOf(subnet: Subnet): string {
    return `kith_${this.#hash(subnet)}`;
  }

  #hash(subnet: Subnet): string {
    const { clusterId, nodeName } = this.#owner;
    return createHash('sha256').update(`${clusterId}\0${nodeName}\0${subnet.text}`).digest('hex').slice(0, 16);
  }
}

function wantedOptions({ mtu, masqueradedElsewhere }: PodNetworkSpec): Record<string, string> {
  return {
    ...(mtu === undefined ? {} : { [OPTION.mtu]: String(mtu) }),
    ...(masqueradedElsewhere === true ? { [OPTION.masquerade]: 'false' } : {}),
  };
}

function hasOptions(found: EngineNetwork, spec: PodNetworkSpec): boolean {
  const wanted = wantedOptions(spec);
  return Object.values(OPTION).every((option) => found.Options?.[option] === wanted[option]);
}
