import { derivedSuffix, deriveDependentUid } from '../../../protocol/identity.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type { DesiredObject, KubeObject, ObjectKey, ObjectMeta } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { API_SERVICE } from './api-service.ts';
import type { ResolvedPort, ResolvedService, ServiceEndpoint } from './service-types.ts';
import { ENDPOINTS, ENDPOINT_SLICES, SERVICE_NAME_LABEL } from './written-endpoints.ts';

/**
 * Endpoints and EndpointSlices of services with a selector, as upstream's controllers would write them. They follow from the table of services, are shown by each peer and
 * stored by none.
 */

/** Upstream's --max-endpoints-per-slice. */
const SLICE_ENDPOINTS = 100;
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** Addresses with the ports that they have of the service. */
interface Group {
  ports: { name?: string; port: number; protocol: string; appProtocol?: string }[];
  endpoints: ServiceEndpoint[];
}

export function keyOfDerived({ kind, metadata }: KubeObject): ObjectKey {
  return objectKey(kind === 'Endpoints' ? ENDPOINTS : ENDPOINT_SLICES, metadata.namespace ?? '', metadata.name);
}

/** Its Endpoints first, then its slices; none for a service without a selector. */
export function deriveEndpoints(service: DesiredObject, resolved: ResolvedService): KubeObject[] {
  const selector = (service.object['spec'] as { selector?: object } | undefined)?.selector ?? {};
  const isApi = resolved.key === API_SERVICE;
  if (resolved.type === 'ExternalName' || (Object.keys(selector).length === 0 && !isApi)) return [];
  const groups = groupByPorts(resolved.ports, isApi);
  return [endpointsObject(service, resolved, groups), ...slices(service, resolved, groups)];
}

/** Source of the shape: RepackSubsets in k8s.io/kubernetes/pkg/api/v1/endpoints. */
function endpointsObject(service: DesiredObject, resolved: ResolvedService, groups: readonly Group[]): KubeObject {
  const subsets = groups.flatMap(({ ports, endpoints }) => {
    const address = (endpoint: ServiceEndpoint): object => ({
      ip: endpoint.ip,
      ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
      ...placeOf(resolved, endpoint),
    });
    // One that ends has no place here: only slices tell of it.
    const ready = endpoints.filter(isReady).map(address);
    const notReady = endpoints.filter((endpoint) => !isReady(endpoint) && !endpoint.terminating).map(address);
    if (ready.length + notReady.length === 0) return [];
    return [
      {
        ...(ready.length === 0 ? {} : { addresses: ready }),
        ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
        ...(ports.length === 0 ? {} : { ports }),
      },
    ];
  });
  const { labels } = service.object.metadata;
  const extra = {
    ...labels,
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    ...(resolved.headless ? { [HEADLESS_LABEL]: '' } : {}),
  };
  const metadata = metadataOf(service, ENDPOINTS, resolved.name, extra);
  return { apiVersion: 'v1', kind: 'Endpoints', metadata, ...(subsets.length === 0 ? {} : { subsets }) };
}

/** Source: reconciler.go in k8s.io/endpointslice. A service without endpoints has one empty slice. */
function slices(service: DesiredObject, resolved: ResolvedService, groups: readonly Group[]): KubeObject[] {
  const parts = groups.length === 0 ? [{ ports: [], endpoints: [] }] : groups.flatMap(cut);
  return parts.map(({ ports, endpoints }, index) => {
    const name = `${resolved.name}-${derivedSuffix(service.uid, index)}`;
    const labels = {
      ...service.object.metadata.labels,
      [MANAGED_BY]: 'endpointslice-controller.k8s.io',
      [SERVICE_NAME_LABEL]: resolved.name,
      ...(resolved.headless ? { [HEADLESS_LABEL]: '' } : {}),
    };
    const { apiVersion, kind } = { apiVersion: 'v1', kind: 'Service' };
    const owner = { apiVersion, kind, name: resolved.name, uid: service.uid, controller: true, blockOwnerDeletion: true };
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadataOf(service, ENDPOINT_SLICES, name, labels), generateName: `${resolved.name}-`, ownerReferences: [owner] },
      addressType: 'IPv4',
      endpoints: endpoints.map((endpoint) => ({
        addresses: [endpoint.ip],
        conditions: { ready: isReady(endpoint), serving: endpoint.serving, terminating: endpoint.terminating },
        ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
        ...placeOf(resolved, endpoint),
      })),
      ports: ports.length === 0 ? null : ports.map(({ name: portName = '', ...port }) => ({ name: portName, ...port })),
    };
  });
}

function cut({ ports, endpoints }: Group): Group[] {
  const count = Math.ceil(endpoints.length / SLICE_ENDPOINTS);
  return Array.from({ length: count }, (_, index) => ({
    ports,
    endpoints: endpoints.slice(index * SLICE_ENDPOINTS, (index + 1) * SLICE_ENDPOINTS),
  }));
}

/** Pods may have other numbers for a named port, or lack it: those with the same ones stand together, in the order of the table. */
function groupByPorts(ports: readonly ResolvedPort[], isApi: boolean): Group[] {
  const byPod = new Map<string, Group>();
  for (const { name, protocol, port, appProtocol, endpoints } of ports) {
    for (const endpoint of endpoints) {
      // Written by people into slices of their own: those are shown as they are.
      if (endpoint.uid === undefined && !isApi) continue;
      const id = endpoint.uid ?? `${endpoint.ip}:${endpoint.port}`;
      const group = byPod.get(id) ?? { ports: [], endpoints: [isApi ? { ...endpoint, inCluster: true } : endpoint] };
      byPod.set(id, group);
      if (port === 0 || endpoint.port === 0) continue;
      group.ports.push({
        ...(name === '' ? {} : { name }),
        port: endpoint.port,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      });
    }
  }
  const groups = new Map<string, Group>();
  for (const { ports: own, endpoints } of byPod.values()) {
    const key = canonicalJson(own);
    const group = groups.get(key) ?? { ports: own, endpoints: [] };
    group.endpoints.push(...endpoints);
    groups.set(key, group);
  }
  return [...groups.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => group);
}

/** One whose node is under suspicion is not, while others serve: whoever routes by what the API shows keeps away from it, too. */
function isReady({ ready, inCluster }: ServiceEndpoint): boolean {
  return ready && inCluster;
}

function placeOf({ namespace }: ResolvedService, { node, pod, uid }: ServiceEndpoint): object {
  return {
    ...(node === '' ? {} : { nodeName: node }),
    ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', namespace, name: pod, uid } }),
  };
}

function metadataOf(service: DesiredObject, resource: string, name: string, labels: Record<string, string>): ObjectMeta {
  const { namespace = '', creationTimestamp } = service.object.metadata;
  return { name, namespace, uid: deriveDependentUid(service.uid, objectKey(resource, namespace, name)), creationTimestamp, labels };
}
