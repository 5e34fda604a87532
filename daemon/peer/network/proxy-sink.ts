import type { ObjectKey } from '../../../protocol/objects.ts';
import { Balancer, endpointId } from '../../core/network/balancer.ts';
import { type FrontOptions, notProxied, wantedFronts, type WantedFront } from '../../core/network/proxy-fronts.ts';
import type { ResolvedService } from '../../core/network/service-types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ProxyFront, ProxyTarget, ServiceProxy } from '../../ports/service-proxy.ts';
import type { StreamSource } from '../../ports/streams.ts';
import type { ServiceSink } from '../../ports/service-sink.ts';

interface OpenFront {
  front: ProxyFront;
  balancer: Balancer;
  wanted: WantedFront;
}

/** Services through the daemon's own proxy: opens and closes its fronts, and says for each connection whose turn it is. */
export class ProxySink implements ServiceSink {
  readonly name = 'proxy';
  readonly #deps: { proxy: ServiceProxy; clock: Clock };
  readonly #options: FrontOptions;
  /** By service, then by protocol and address. */
  readonly #open = new Map<ObjectKey, Map<string, OpenFront>>();
  readonly #lacking = new Map<ObjectKey, readonly string[]>();
  /** Nothing is passed on before the first table. */
  #inForce: readonly ResolvedService[] = [];

  constructor(deps: { proxy: ServiceProxy; clock: Clock }, options: FrontOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get inForce(): readonly ResolvedService[] {
    return this.#inForce;
  }

  async apply(services: readonly ResolvedService[], changed: ReadonlySet<ObjectKey>): Promise<void> {
    const present = services.filter(({ key }) => changed.has(key));
    const wanted = new Map(present.map((service) => [service.key, wantedFronts(service, this.#options)]));
    // First what goes, so that an address that has moved to another service is free.
    for (const key of changed) this.#close(key, wanted.get(key));
    for (const [key, fronts] of wanted) this.#update(key, fronts);
    for (const key of changed) this.#lacking.delete(key);
    for (const service of present) {
      const lacking = notProxied(service);
      if (lacking.length > 0) this.#lacking.set(service.key, lacking);
    }
    this.#inForce = services;
  }

  troubles(): ReadonlyMap<ObjectKey, readonly string[]> {
    const troubles = new Map(this.#lacking);
    for (const [service, fronts] of this.#open) {
      for (const [address, { front }] of fronts) {
        if (front.trouble !== undefined) troubles.set(service, [...(troubles.get(service) ?? []), `${address}: ${front.trouble}`]);
      }
    }
    return troubles;
  }

  async stop(): Promise<void> {
    for (const key of [...this.#open.keys()]) this.#close(key, undefined);
  }

  #update(key: ObjectKey, wanted: ReadonlyMap<string, WantedFront>): void {
    const fronts = this.#open.get(key) ?? new Map<string, OpenFront>();
    for (const [address, front] of wanted) {
      const open = fronts.get(address);
      if (open === undefined) fronts.set(address, this.#openFront(front));
      else {
        open.wanted = front;
        open.front.keepOnly(front.alive);
      }
    }
    if (fronts.size > 0) this.#open.set(key, fronts);
  }

  #openFront(wanted: WantedFront): OpenFront {
    const balancer = new Balancer();
    const open = { balancer, wanted } as OpenFront;
    open.front = this.#deps.proxy.open(wanted, (client, tried) => this.#choose(open, client, tried));
    open.front.keepOnly(wanted.alive);
    return open;
  }

  #choose({ balancer, wanted }: OpenFront, client: string, tried: ReadonlySet<string>): ProxyTarget | undefined {
    const { targets, affinitySeconds } = wanted;
    const chosen = balancer.pick(targets, { client, affinitySeconds, now: this.#deps.clock.monotonic(), tried });
    if (chosen === undefined) return undefined;
    const { ip, port, node, uid } = chosen;
    return { id: endpointId(chosen), ip, port, node, ...(uid === undefined ? {} : { podUid: uid }) };
  }

  #close(key: ObjectKey, kept: ReadonlyMap<string, WantedFront> | undefined): void {
    const fronts = this.#open.get(key);
    for (const [address, { front }] of fronts ?? []) {
      if (kept?.has(address) === true) continue;
      front.close();
      fronts?.delete(address);
    }
    if (fronts?.size === 0) this.#open.delete(key);
  }
}

/** The proxy's sink, where there is a proxy. @param relay reaches pods of other hosts */
export function proxySinks(
  deps: { serviceProxy?: (relay: StreamSource['connect']) => ServiceProxy; clock: Clock },
  relay: StreamSource['connect'],
  options: Partial<FrontOptions>,
): ServiceSink[] {
  const { serviceProxy, clock } = deps;
  if (serviceProxy === undefined) return [];
  return [new ProxySink({ proxy: serviceProxy(relay), clock }, { nodePortHost: options.nodePortHost ?? '0.0.0.0' })];
}
