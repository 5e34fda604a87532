import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ServicePort, ServiceSpec } from '../../../protocol/types.ts';
import { asPod } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { API_SERVICE, apiCandidates } from './api-service.ts';
import { podAddress, targetPortOf } from './pod-endpoint.ts';
import { type Candidate, rotate } from './rotation.ts';
import type { PortProtocol, ResolvedPort, ResolvedService } from './service-types.ts';
import { ENDPOINTS, portsOfEndpoints, portsOfSlice, type WrittenPort } from './written-endpoints.ts';

const HEADLESS = 'None';
/** Upstream's default of sessionAffinityConfig. */
const AFFINITY_SECONDS = 10_800;

/**
 * One service, resolved. Pure: equal facts give equal tables, in equal order.
 * @param pods those that its selector chooses, in no order; none for a service without a selector
 * @param written Endpoints and EndpointSlices of the service that people wrote, in no order
 */
export function resolveService(
  view: ClusterView,
  service: DesiredObject,
  pods: readonly DesiredObject[],
  written: readonly DesiredObject[],
): ResolvedService {
  const { metadata } = service.object;
  const spec = (service.object.spec ?? {}) as ServiceSpec;
  const type = (spec.type ?? 'ClusterIP') as ResolvedService['type'];
  const headless = spec.clusterIP === HEADLESS;
  return {
    key: service.key,
    uid: service.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    type,
    clusterIP: headless || type === 'ExternalName' ? '' : (spec.clusterIP ?? ''),
    headless,
    ...(type === 'ExternalName' ? { externalName: spec.externalName ?? '' } : {}),
    externalIPs: spec.externalIPs ?? [],
    ...(spec.sessionAffinity === 'ClientIP'
      ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS }
      : {}),
    externalTrafficPolicy: spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    ports: type === 'ExternalName' ? [] : resolvePorts(view, service, pods, written),
  };
}

function resolvePorts(
  view: ClusterView,
  service: DesiredObject,
  pods: readonly DesiredObject[],
  written: readonly DesiredObject[],
): ResolvedPort[] {
  const spec = (service.object.spec ?? {}) as ServiceSpec;
  const addresses = pods.flatMap((pod) => {
    const address = podAddress(view, pod, spec.publishNotReadyAddresses === true, service.object.metadata.name);
    return address === undefined ? [] : [{ address, pod: asPod(pod) }];
  });
  const selects = Object.keys(spec.selector ?? {}).length > 0;
  const others = written.flatMap((object) => writtenPorts(object, view.self.node, selects));
  const apis = service.key === API_SERVICE && !selects ? apiCandidates(view) : [];
  return portsOf(spec).map((port) => {
    const candidates = addresses.map(({ address, pod }): Candidate => {
      const target = targetPortOf(pod, port);
      if (target !== undefined) return { ...address, port: target };
      return { ...address, port: 0, rank: 'out', why: `it has no port named ${String(port.targetPort)}` };
    });
    return resolvedPort(port, [...candidates, ...apis, ...writtenFor(port, others)]);
  });
}

/** A headless service may have no ports, only addresses: they are found under port 0. */
function portsOf({ ports = [], clusterIP }: ServiceSpec): ServicePort[] {
  return ports.length === 0 && clusterIP === HEADLESS ? [{ port: 0 }] : ports;
}

/** Of a service with a selector its Endpoints are derived: what somebody stored under their name counts for nothing. Slices of one's own are added, as upstream does. */
function writtenPorts(object: DesiredObject, self: string, selects: boolean): WrittenPort[] {
  if (!object.key.startsWith(`${ENDPOINTS}/`)) return portsOfSlice(object, self);
  return selects ? [] : portsOfEndpoints(object, self);
}

/** Upstream joins them by the port's name, whatever its number. */
function writtenFor({ name = '', protocol = 'TCP' }: ServicePort, ports: readonly WrittenPort[]): Candidate[] {
  const seen = new Set<string>();
  return ports
    .filter((port) => port.name === name && port.protocol === protocol)
    .flatMap(({ candidates }) => candidates)
    .filter(({ ip, port }) => seen.size < seen.add(`${ip}:${port}`).size);
}

function resolvedPort(port: ServicePort, candidates: Candidate[]): ResolvedPort {
  candidates.sort(inOrder);
  return {
    name: port.name ?? '',
    protocol: (port.protocol ?? 'TCP') as PortProtocol,
    port: port.port,
    ...((port.nodePort ?? 0) === 0 ? {} : { nodePort: port.nodePort }),
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    endpoints: rotate(candidates),
  };
}

function inOrder(left: Candidate, right: Candidate): number {
  return compare(left.pod ?? '', right.pod ?? '') || compare(left.ip, right.ip) || left.port - right.port;
}

function compare(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
