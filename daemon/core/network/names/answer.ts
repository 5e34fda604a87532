import type { NameAnswer, NameRecord } from '../../../ports/names.ts';
import { objectKey, type ObjectKey } from '../../../../protocol/objects.ts';
import type { ResolvedPort, ResolvedService, ServiceEndpoint } from '../service-types.ts';

/**
 * Names of services and their pods, as Kubernetes' DNS specification has them (github.com/kubernetes/dns, docs/specification.md). A pure function of the table of services.
 */

/** Seconds. As CoreDNS' kubernetes plugin has it: endpoints change. */
export const NAME_TTL_SECONDS = 5;
const REVERSE = '.in-addr.arpa';

export interface NameWorld {
  /** `cluster.local` */
  domain: string;
  service(key: ObjectKey): ResolvedService | undefined;
  services(): readonly ResolvedService[];
  hasNamespace(name: string): boolean;
}

export function answerName(world: NameWorld, name: string, type: string): NameAnswer | undefined {
  const { domain } = world;
  if (name.endsWith(REVERSE)) return reverse(world, name, type);
  if (name === domain) return found(domain, []);
  if (!name.endsWith(`.${domain}`)) return undefined;
  const labels = name.slice(0, -domain.length - 1).split('.');
  const kind = labels.pop();
  if (kind === 'pod') return podByAddress(world, name, labels, type);
  if (kind !== 'svc') return absent(domain);
  const namespace = labels.pop();
  if (namespace === undefined) return found(domain, []);
  const serviceName = labels.pop();
  if (serviceName === undefined) return world.hasNamespace(namespace) ? found(domain, []) : absent(domain);
  const service = world.service(objectKey('services', namespace, serviceName));
  if (service === undefined) return absent(domain);
  if (labels.length === 0) return ofService(world, service, name, type);
  if (labels.length === 1) return ofHost(world, service, labels[0] ?? '', name, type);
  const [port = '', protocol = ''] = labels;
  return labels.length === 2 && port.startsWith('_') && protocol.startsWith('_')
    ? ofPort(world, service, port.slice(1), protocol.slice(1).toUpperCase(), name, type)
    : absent(domain);
}

function ofService(world: NameWorld, service: ResolvedService, name: string, type: string): NameAnswer {
  const { externalName, headless, clusterIP } = service;
  if (externalName !== undefined)
    return found(world.domain, [{ name, ttl: NAME_TTL_SECONDS, type: 'CNAME', target: externalName.replace(/\.$/, '') }]);
  const addresses = headless ? hostsOf(service).map(({ ip }) => ip) : clusterIP === '' ? [] : [clusterIP];
  if (headless && addresses.length === 0) return absent(world.domain);
  if (type === 'SRV') return srv(world, service, service.ports, name);
  return found(world.domain, type === 'A' ? [...new Set(addresses)].map((ip) => address(name, ip)) : []);
}

/** `HOST.SERVICE.NS.svc`: one pod of a headless service, by its host name or its address. */
function ofHost(world: NameWorld, service: ResolvedService, host: string, name: string, type: string): NameAnswer {
  const hits = service.headless ? hostsOf(service).filter((endpoint) => hostOf(endpoint) === host) : [];
  if (hits.length === 0) return absent(world.domain);
  return found(world.domain, type === 'A' ? [...new Set(hits.map(({ ip }) => ip))].map((ip) => address(name, ip)) : []);
}

function ofPort(world: NameWorld, service: ResolvedService, port: string, protocol: string, name: string, type: string): NameAnswer {
  const ports = service.ports.filter((candidate) => candidate.name === port && candidate.protocol === protocol);
  if (ports.length === 0 || service.externalName !== undefined) return absent(world.domain);
  return type === 'SRV' ? srv(world, service, ports, name) : found(world.domain, []);
}

function srv(world: NameWorld, service: ResolvedService, ports: readonly ResolvedPort[], name: string): NameAnswer {
  const base = `${service.name}.${service.namespace}.svc.${world.domain}`;
  const records: NameRecord[] = [];
  const additional = new Map<string, NameRecord>();
  const add = (target: string, port: number, ip: string): void => {
    records.push({ name, ttl: NAME_TTL_SECONDS, type: 'SRV', priority: 0, weight: 100, port, target });
    additional.set(`${target} ${ip}`, address(target, ip));
  };
  for (const port of ports) {
    if (port.port === 0) continue;
    if (!service.headless) add(base, port.port, service.clusterIP);
    else for (const endpoint of port.endpoints) if (endpoint.inCluster) add(`${hostOf(endpoint)}.${base}`, endpoint.port, endpoint.ip);
  }
  return { ...found(world.domain, records), additional: [...additional.values()] };
}

/** `10-42-1-2.NS.pod`: nothing but the address itself, as CoreDNS gives it by default. */
function podByAddress(world: NameWorld, name: string, labels: readonly string[], type: string): NameAnswer {
  const { domain } = world;
  if (labels.length === 0) return found(domain, []);
  const namespace = labels.at(-1) ?? '';
  if (labels.length > 2 || !world.hasNamespace(namespace)) return absent(domain);
  if (labels.length === 1) return found(domain, []);
  const ip = (labels[0] ?? '').replaceAll('-', '.');
  return isAddress(ip) ? found(domain, type === 'A' ? [address(name, ip)] : []) : absent(domain);
}

/** Undefined for addresses that are none of the cluster's. */
function reverse(world: NameWorld, name: string, type: string): NameAnswer | undefined {
  const ip = name.slice(0, -REVERSE.length).split('.').reverse().join('.');
  if (!isAddress(ip)) return undefined;
  const targets = new Set<string>();
  for (const service of world.services()) {
    const base = `${service.name}.${service.namespace}.svc.${world.domain}`;
    if (service.clusterIP === ip) targets.add(base);
    else if (service.headless) for (const endpoint of hostsOf(service)) if (endpoint.ip === ip) targets.add(`${hostOf(endpoint)}.${base}`);
  }
  if (targets.size === 0) return undefined;
  const records = [...targets].map((target): NameRecord => ({ name, ttl: NAME_TTL_SECONDS, type: 'PTR', target }));
  return found(name, type === 'PTR' ? records : []);
}

function hostsOf(service: ResolvedService): ServiceEndpoint[] {
  return service.ports.flatMap(({ endpoints }) => endpoints.filter(({ inCluster }) => inCluster));
}

function hostOf({ hostname, ip }: ServiceEndpoint): string {
  return hostname ?? ip.replaceAll('.', '-');
}

function address(name: string, ip: string): NameRecord {
  return { name, ttl: NAME_TTL_SECONDS, type: 'A', ip };
}

function isAddress(text: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split('.').every((octet) => Number(octet) <= 255);
}

function found(zone: string, records: readonly NameRecord[]): NameAnswer {
  return { exists: true, records, additional: [], zone };
}

function absent(zone: string): NameAnswer {
  return { exists: false, records: [], additional: [], zone };
}
