import type { Mutation } from '../../../protocol/desired.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Service, ServiceSpec } from '../../../protocol/types.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, EventDraft } from '../decisions.ts';
import { giveServiceAddresses, portKey } from '../network/service-addresses.ts';
import { API_SERVICE } from '../network/api-service.ts';
import { apiServiceAddress, serviceNumbers } from '../network/service-range.ts';

/**
 * Two sides of a split may have given one address or node port to two services. The older service keeps it, everywhere; the other gets a new one, whose tries follow from its
 * name, so that two leaders that settle it write the same.
 */
export function planServiceAddresses(view: ClusterIndex, service: DesiredObject): Decision[] {
  const { spec } = service.object as Service;
  if (isDeleting(service) || spec === undefined || spec.type === 'ExternalName') return [];
  const claims = claimsOf(view.list('services'));
  const events: EventDraft[] = [];
  const next = structuredClone(service.object) as StoredObject & { spec: ServiceSpec };
  const address = spec.clusterIP ?? '';
  const holder = address === '' || address === 'None' ? undefined : claims.addresses.get(address);
  if (holder !== undefined && holder.key !== service.key) {
    delete next.spec.clusterIP;
    delete next.spec.clusterIPs;
    events.push(
      takenEvent(
        service,
        'ClusterIPAlreadyAllocated',
        `Cluster IP ${address} was assigned to service ${nameOf(holder)}, too, which keeps it`,
      ),
    );
  }
  for (const port of next.spec.ports ?? []) {
    const rival = (port.nodePort ?? 0) === 0 ? undefined : claims.ports.get(portKey(port.nodePort ?? 0, port.protocol));
    if (rival === undefined || rival.key === service.key) continue;
    events.push(
      takenEvent(service, 'PortAlreadyAllocated', `Port ${port.nodePort} was assigned to service ${nameOf(rival)}, too, which keeps it`),
    );
    delete port.nodePort;
  }
  const others = view.list('services').filter(({ key }) => key !== service.key);
  if (events.length === 0 && address !== '') return sameFamilies(service);
  giveServiceAddresses(
    next,
    undefined,
    others.map(({ object }) => object),
    serviceNumbers(view),
  );
  if (jsonEqual(next, service.object)) return [];
  const mutations: Mutation[] = [{ type: 'update', key: service.key, uid: service.uid, base: service.object, next }];
  const reason = events.length === 0 ? 'it has no address' : events.map(({ message }) => message).join('; ');
  return [{ do: 'write', mutations, reason }, ...events.map((event): Decision => ({ do: 'event', event: withNew(event, next.spec) }))];
}

/** Two sides that made one service at once may have merged the address of one with the list of the other. */
function sameFamilies(service: DesiredObject): Decision[] {
  const { spec } = service.object as Service;
  const { clusterIP = '', clusterIPs } = spec ?? {};
  if (clusterIPs === undefined || clusterIPs[0] === clusterIP) return [];
  const next = { ...service.object, spec: { ...spec, clusterIPs: [clusterIP] } };
  const mutations: Mutation[] = [{ type: 'update', key: service.key, uid: service.uid, base: service.object, next }];
  return [{ do: 'write', mutations, reason: 'its clusterIPs are to begin with its clusterIP' }];
}

/** The Service `kubernetes`, by which pods find the API: that of their own host. */
export function planApiService(view: ClusterIndex): Decision[] {
  const there = view.get(API_SERVICE);
  const namespace = view.get(objectKey('namespaces', '', 'default'));
  if (there !== undefined || namespace === undefined) return [];
  const clusterIP = apiServiceAddress(serviceNumbers(view));
  const metadata = {
    name: 'kubernetes',
    namespace: 'default',
    uid: '',
    creationTimestamp: namespace.object.metadata.creationTimestamp,
    labels: { component: 'apiserver', provider: 'kubernetes' },
  };
  const spec: ServiceSpec = {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    internalTrafficPolicy: 'Cluster',
    sessionAffinity: 'None',
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }],
  };
  const object: StoredObject = { apiVersion: 'v1', kind: 'Service', metadata, spec };
  return [{ do: 'write', mutations: [{ type: 'create', key: API_SERVICE, object, orMerge: true }], reason: 'pods find the API by it' }];
}

interface Claims {
  /** Who keeps each. */
  addresses: Map<string, DesiredObject>;
  ports: Map<string, DesiredObject>;
}

const known = new WeakMap<readonly DesiredObject[], Claims>();

/** @param services as the view lists them: the same list until one changes */
function claimsOf(services: readonly DesiredObject[]): Claims {
  const before = known.get(services);
  if (before !== undefined) return before;
  const claims: Claims = { addresses: new Map(), ports: new Map() };
  const claim = (taken: Map<string, DesiredObject>, key: string, service: DesiredObject): void => {
    const rival = taken.get(key);
    if (rival === undefined || isBefore(service, rival)) taken.set(key, service);
  };
  for (const service of services) {
    const { clusterIP = '', ports = [] } = (service.object.spec ?? {}) as ServiceSpec;
    if (clusterIP !== '' && clusterIP !== 'None') claim(claims.addresses, clusterIP, service);
    for (const { nodePort = 0, protocol } of ports) if (nodePort !== 0) claim(claims.ports, portKey(nodePort, protocol), service);
  }
  known.set(services, claims);
  return claims;
}

function isBefore(left: DesiredObject, right: DesiredObject): boolean {
  const [one, other] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  return one === other ? left.key < right.key : one < other;
}

function takenEvent({ object }: DesiredObject, reason: string, message: string): EventDraft {
  return { about: object, type: 'Warning', reason, message, component: 'kith' };
}

function withNew(event: EventDraft, { clusterIP, ports }: ServiceSpec): EventDraft {
  const numbers = (ports ?? []).flatMap(({ nodePort }) => nodePort ?? []).join(', ');
  const now =
    event.reason === 'ClusterIPAlreadyAllocated' ? `it has ${clusterIP} from now on` : `its node ports are ${numbers} from now on`;
  return { ...event, message: `${event.message}; ${now}` };
}

function nameOf({ object }: DesiredObject): ObjectKey {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
