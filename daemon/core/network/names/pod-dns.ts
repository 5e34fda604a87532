import type { Pod } from '../../../../protocol/types.ts';
import type { PodDns } from '../../../ports/runtime.ts';

/** What a pod's resolver may be told, on this node. */
export interface DnsFacts {
  /** `cluster.local` */
  domain: string;
  /** Address at which pods of this node ask for names; undefined where they reach none. */
  server?: string;
  /** That address is not known yet: pods wait for it. */
  pending?: boolean;
  /** What the host itself asks; undefined where it is not known. */
  host?: PodDns;
}

/** What resolvers take. Source: MaxDNSNameservers, MaxDNSSearchPaths, MaxDNSSearchListChars in pkg/apis/core/validation; the list is cut, as the kubelet does. */
const LIMITS = { nameservers: 3, searches: 32, searchBytes: 2_048 } as const;
/** Names with fewer dots are looked for in the search domains first. Source: defaultDNSOptions in pkg/kubelet/network/dns. */
const CLUSTER_OPTIONS = ['ndots:5'];
const MAX_HOSTNAME = 63;
/** Of the kernel. */
const MAX_NODENAME = 64;

/**
 * The resolver of a pod; undefined leaves it to the runtime, which gives what its host has. Where the node has no name server for pods, ClusterFirst is as Default.
 * Source of the rules: GetPodDNS in pkg/kubelet/network/dns.
 */
export function podDns({ metadata, spec }: Pod, { domain, server, host }: DnsFacts): PodDns | undefined {
  const { dnsConfig } = spec;
  const policy = effectivePolicy(spec);
  let dns: PodDns = { nameservers: [], searches: [], options: [] };
  if (policy === 'ClusterFirst' && server !== undefined) {
    const searches = [`${metadata.namespace ?? 'default'}.svc.${domain}`, `svc.${domain}`, domain, ...(host?.searches ?? [])];
    dns = { nameservers: [server], searches, options: CLUSTER_OPTIONS, fromNode: true };
  } else if (policy !== 'None') {
    if (dnsConfig === undefined) return undefined;
    // A loopback address of the host is another one in the pod.
    dns = { ...dns, ...host, nameservers: (host?.nameservers ?? []).filter((address) => !address.startsWith('127.')) };
  }
  return cut({
    ...dns,
    nameservers: [...dns.nameservers, ...(dnsConfig?.nameservers ?? [])],
    searches: [...dns.searches, ...(dnsConfig?.searches ?? [])],
    options: mergeOptions(dns.options, dnsConfig?.options ?? []),
  });
}

function effectivePolicy({ dnsPolicy = 'ClusterFirst', hostNetwork }: Pod['spec']): string {
  if (dnsPolicy === 'ClusterFirstWithHostNet') return 'ClusterFirst';
  return dnsPolicy === 'ClusterFirst' && hostNetwork === true ? 'Default' : dnsPolicy;
}

/** The pod's own word counts: an option of the same name replaces the other. */
function mergeOptions(before: readonly string[], own: readonly { name?: string; value?: string }[]): string[] {
  const merged = new Map(before.map((option) => [option.split(':')[0] ?? '', option]));
  for (const { name = '', value } of own)
    if (name !== '') merged.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  return [...merged.values()];
}

function cut(dns: PodDns): PodDns {
  const searches: string[] = [];
  let bytes = 0;
  for (const search of new Set(dns.searches)) {
    bytes += search.length + 1;
    if (searches.length === LIMITS.searches || bytes > LIMITS.searchBytes) break;
    searches.push(search);
  }
  return { ...dns, nameservers: [...new Set(dns.nameservers)].slice(0, LIMITS.nameservers), searches };
}

/**
 * What a pod is called inside. `domain` is there for one with a subdomain, whether or not there is such a Service.
 * Source: GeneratePodHostNameAndDomain and setHostnameAsFQDN in pkg/kubelet.
 */
export function podHostname({ metadata, spec }: Pod, clusterDomain: string): { hostname: string; domain?: string } {
  // The kubelet cuts a long name, and what it then ends in may be no letter.
  const hostname = spec.hostname ?? metadata.name.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '');
  const { subdomain = '' } = spec;
  if (subdomain === '') return { hostname };
  const domain = `${subdomain}.${metadata.namespace ?? 'default'}.svc.${clusterDomain}`;
  return spec.setHostnameAsFQDN === true ? { hostname: `${hostname}.${domain}` } : { hostname, domain };
}

/** Why a pod can not be called so; undefined where it can. */
export function hostnameTrouble(hostname: string): string | undefined {
  if (hostname.length <= MAX_NODENAME) return undefined;
  return `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${hostname} is too long (${MAX_NODENAME} characters is the max, ${hostname.length} characters requested)`;
}
