import type { FrontSpec } from '../../ports/service-proxy.ts';
import { endpointId } from './balancer.ts';
import { type ResolvedPort, type ResolvedService, type ServiceEndpoint, targetsOf } from './service-types.ts';

/** An address that a proxy is to listen on, and who takes what comes. */
export interface WantedFront extends FrontSpec {
  /** In rotation. */
  targets: readonly ServiceEndpoint[];
  /** Ids of those that connections may live on to. */
  alive: ReadonlySet<string>;
  affinitySeconds?: number;
}

export interface FrontOptions {
  /** Address that ports of nodes are opened on. */
  nodePortHost: string;
}

/**
 * Where a proxy listens for a service, by protocol and address. Only loopback addresses can be had without being given to a link first: cluster IPs of other ranges are left out
 * ({@link notProxied} says so).
 */
export function wantedFronts(service: ResolvedService | undefined, options: FrontOptions): Map<string, WantedFront> {
  const wanted = new Map<string, WantedFront>();
  if (service === undefined || service.headless || service.type === 'ExternalName') return wanted;
  const { clusterIP, affinitySeconds, internalTrafficPolicy, externalTrafficPolicy } = service;
  for (const port of service.ports) {
    const { protocol, nodePort } = port;
    if (protocol === 'SCTP') continue;
    const alive = aliveIn(port);
    const add = (host: string, number: number, policy: 'Cluster' | 'Local'): void => {
      const targets = targetsOf(port, policy);
      wanted.set(`${protocol} ${host}:${number}`, { protocol, host, port: number, targets, alive, affinitySeconds });
    };
    if (isBindable(clusterIP)) add(clusterIP, port.port, internalTrafficPolicy);
    if (nodePort !== undefined) add(options.nodePortHost, nodePort, externalTrafficPolicy);
  }
  return wanted;
}

/** What a proxy can not do for a service, in words. */
export function notProxied(service: ResolvedService): string[] {
  const { clusterIP, ports, headless } = service;
  const missing = ports.filter(({ protocol }) => protocol === 'SCTP').map(({ port }) => `port ${port}: SCTP is not proxied`);
  if (headless || clusterIP === '' || isBindable(clusterIP)) return missing;
  return [`${clusterIP} can not be listened on without root: found clusters without root with --service-range 127.96.0.0/12`, ...missing];
}

/** Connections live on when their pod is not ready any more, or ends; not when it or its node is gone. */
function aliveIn({ endpoints }: ResolvedPort): Set<string> {
  return new Set(endpoints.filter(({ lost }) => !lost).map(endpointId));
}

function isBindable(address: string): boolean {
  return address.startsWith('127.');
}
