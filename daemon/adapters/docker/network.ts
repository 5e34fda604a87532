/**
 * The node's own network of the engine, a bridge of which pods get fixed addresses. It is made when the first pod needs it and removed when the daemon stops and
 * no pod is left. It must never touch a network that does not bear our cluster, our node and the name that we give.
 */
import { createHash } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { KithError } from '../../../protocol/errors.ts';
import type { Log } from '../../ports/log.ts';
import { CHANGE_TIMEOUT_MS, EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { LABEL, ownerFilter } from './names.ts';
import type { Owner } from './names.ts';
import { candidateSubnets, engineParts, overlaps, parseSubnet } from './subnet.ts';
import type { Subnet } from './subnet.ts';

export interface OwnNetwork {
  name: string;
  subnet: Subnet;
}

interface EngineNetwork {
  Id: string;
  Name: string;
  Labels: Record<string, string> | null;
  IPAM: { Config: { Subnet?: string }[] | null };
}

/** A network that could not be made is tried again after this time. */
const RETRY_MS = 60_000;
/** Removal at the end of the daemon must not hold it up. */
const REMOVE_TIMEOUT_MS = 5_000;
/** The engine's words for a subnet or a bridge that another network has. */
const CONFLICT = /overlap|conflict|already (?:in use|allocated)/i;

export class PodNetwork {
  readonly name: string;
  readonly #client: EngineClient;
  readonly #log: Log;
  readonly #owner: Owner;
  readonly #wanted: string | undefined;
  #known: Promise<OwnNetwork | undefined> | undefined;
  #failedAt = -Infinity;

  /** @param subnet undefined: the first of some that no other network of the engine or address of this host overlaps */
  constructor(deps: { client: EngineClient; log: Log }, owner: Owner, subnet: string | undefined) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#owner = owner;
    this.#wanted = subnet === undefined ? undefined : parseSubnet(subnet).text;
    this.name = `kith_${this.#hash()}`;
  }

  /** Undefined where the engine lets us have none; the log says why. */
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

  /** Only when no pod of ours is left: the engine refuses it only while a container runs in it. */
  async remove(): Promise<void> {
    this.#known = undefined;
    try {
      const found = await this.#find();
      if (found !== undefined) await this.#client.call({ method: 'DELETE', path: `/networks/${found.Id}`, timeoutMs: REMOVE_TIMEOUT_MS });
    } catch (error) {
      this.#log.debug('The network of this node stays in the engine', { network: this.name, error });
    }
  }

  async #findOrMake(): Promise<OwnNetwork | undefined> {
    const found = await this.#find();
    const text = found?.IPAM.Config?.[0]?.Subnet;
    if (found !== undefined && (await this.#keeps(found, text))) return { name: this.name, subnet: parseSubnet(text!) };
    const refusals: string[] = [];
    for (const candidate of this.#candidates()) {
      const refusal = await this.#make(candidate);
      if (refusal === undefined) {
        this.#log.info('Pods of this node have a network of their own', { network: this.name, subnet: candidate.text });
        return { name: this.name, subnet: candidate };
      }
      refusals.push(`${candidate.text}: ${refusal.message}`);
      if (!CONFLICT.test(refusal.message)) break;
    }
    this.#log.warn("The engine gives this node no network of its own: pods get a pause container in the engine's default one", {
      network: this.name,
      refusals,
    });
    return undefined;
  }

  /** Whether what is there already serves. A network of another subnet than wanted makes room if nothing runs in it. */
  async #keeps(found: EngineNetwork, text: string | undefined): Promise<boolean> {
    const usable = text !== undefined && isSubnet(text);
    if (usable && (this.#wanted === undefined || this.#wanted === text)) return true;
    try {
      await this.#client.call({ method: 'DELETE', path: `/networks/${found.Id}`, timeoutMs: CHANGE_TIMEOUT_MS });
      return false;
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      this.#log.warn('The network of this node is in use and keeps its old subnet', {
        network: this.name,
        subnet: text,
        wanted: this.#wanted,
      });
      return usable;
    }
  }

  #candidates(): Subnet[] {
    if (this.#wanted !== undefined) return [parseSubnet(this.#wanted)];
    const { clusterId, nodeName } = this.#owner;
    // The engine judges its own networks only; an address of this host in the subnet would be cut off by it.
    const hosts = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address);
    const all = candidateSubnets(`${clusterId}\0${nodeName}`).map(parseSubnet);
    return all.filter((subnet) => !hosts.some((address) => overlaps(subnet, hostRoute(address))));
  }

  async #find(): Promise<EngineNetwork | undefined> {
    const query = { filters: JSON.stringify({ ...ownerFilter(this.#owner), name: [this.name] }) };
    const all = await this.#client.call<EngineNetwork[]>({ method: 'GET', path: '/networks', query, timeoutMs: READ_TIMEOUT_MS });
    return all.find((network) => network.Name === this.name);
  }

  async #make(subnet: Subnet): Promise<EngineRefusal | undefined> {
    const { gateway, range } = engineParts(subnet);
    const body = {
      Name: this.name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Labels: { [LABEL.cluster]: this.#owner.clusterId, [LABEL.node]: this.#owner.nodeName },
      Options: { 'com.docker.network.bridge.name': `kith-${this.#hash().slice(0, 10)}` },
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

  #hash(): string {
    return createHash('sha256').update(`${this.#owner.clusterId}\0${this.#owner.nodeName}`).digest('hex').slice(0, 16);
  }
}

/** The /24 around an address of this host: its own mask may be wider than what is really used. */
function hostRoute(address: string): Subnet {
  return parseSubnet(`${address.replace(/\.\d+$/, '.0')}/24`);
}

function isSubnet(text: string): boolean {
  try {
    parseSubnet(text);
    return true;
  } catch (error) {
    if (error instanceof KithError) return false;
    throw error;
  }
}
