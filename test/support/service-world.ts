import { ServiceTable } from '../../daemon/core/network/service-table.ts';
import type { ResolvedService, ServiceEndpoint } from '../../daemon/core/network/service-types.ts';
import type { ObjectKey, StoredObject } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { PodSpec, ServiceSpec } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { container, EPOCH_MS, podKey, podObject, readyStatus, type ClusterWorld } from './cluster-view.ts';

/** Services over a world of nodes: pods that are bound and have an address, and the table that follows from it. */

export const serviceKey = (name: string): ObjectKey => objectKey('services', 'default', name);

export function serviceObject(name: string, spec: ServiceSpec = {}): StoredObject {
  const { clusterIP = '10.96.0.9', selector = { app: name }, ports = [{ port: 80, targetPort: 8080 }], ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: { clusterIP, selector, ports, ...rest },
  };
}

export interface ServingPod {
  node: string;
  ip?: string;
  ready?: boolean;
  app?: string;
  spec?: Partial<PodSpec>;
  hostIP?: string;
}

export function addServingPod(world: ClusterWorld, name: string, options: ServingPod): void {
  const { node, app = 'web', spec } = options;
  world.create(
    podObject(name, spec ?? { containers: [container()] }, {
      metadata: { labels: { app }, name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    }),
  );
  world.bind(podKey(name), node);
  tellReadiness(world, name, options);
}

export function tellReadiness(world: ClusterWorld, name: string, { ip = '', ready = true, hostIP }: Omit<ServingPod, 'node'>): void {
  const status = readyStatus(world.now.wall);
  if (!ready) status.conditions = [{ type: 'Ready', status: 'False' }];
  world.reportPod(podKey(name), { ...status, ...(ip === '' ? {} : { podIP: ip }), ...(hostIP === undefined ? {} : { hostIP }) });
}

/** The table of a peer that starts now: what one that was told change by change must be equal to. */
export function freshTable(world: ClusterWorld): ServiceTable {
  const table = new ServiceTable();
  table.update(world.state, world.state.keys());
  return table;
}

export function resolved(world: ClusterWorld, name = 'web'): ResolvedService {
  const service = freshTable(world).get(serviceKey(name));
  if (service === undefined) throw new Error(`the test expects service ${name} in the table`);
  return service;
}

export function endpointsOf(world: ClusterWorld, name = 'web', port = 0): readonly ServiceEndpoint[] {
  return resolved(world, name).ports[port]?.endpoints ?? [];
}

/** `IP:PORT` of those in rotation. */
export function inRotation(world: ClusterWorld, name = 'web', port = 0): string[] {
  return endpointsOf(world, name, port)
    .filter(({ inCluster }) => inCluster)
    .map(({ ip, port: number }) => `${ip}:${number}`);
}
