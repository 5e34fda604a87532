import { jsonEqual } from '../../json.ts';
import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { boolean, integer, intOrString, keyedList, list, map, object, oneOf, string, stringMap, strings } from '../../schema/build.ts';
import type { Service, ServicePort, ServiceSpec } from '../../types.ts';
import { checkDns1035Label } from '../../values/names.ts';
import { column, fieldColumn, NONE, showLabels, wideColumn } from '../columns.ts';
import { validateService, validateServiceUpdate } from './service-validation.ts';
import { namedAs, storedKind } from './stored-kind.ts';

/** Services: which pods answer under one name. Addresses are given when it is written (`core/network/service-addresses.ts`). */

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

const ZERO = { missing: 'zero' } as const;

/** In the order in which Kubernetes looks at the fields. */
const portSchema = object(
  'ServicePort',
  'A port of the service.',
  {
    name: string('Its name; required when there are several.', { check: 'dns1123Label' }),
    port: integer('The port.', { minimum: 1, maximum: 65535, ...ZERO }),
    protocol: oneOf('TCP, UDP or SCTP.', PROTOCOLS, { default: 'TCP' }),
    targetPort: intOrString("Number or name of the pods' port; the same by default."),
    appProtocol: string('What is spoken on it.', { check: 'qualifiedName' }),
    nodePort: integer('Port on every node, for the types NodePort and LoadBalancer.'),
  },
  { required: ['port'] },
);

const specSchema = object(
  'ServiceSpec',
  'Which pods, on which ports.',
  {
    externalName: string('Name that the service stands for, for the type ExternalName.'),
    ports: keyedList('Its ports.', 'port', portSchema, { listMapKeys: ['port', 'protocol'] }),
    selector: stringMap('Labels of the pods that answer.'),
    sessionAffinity: oneOf('Whether a client stays with an endpoint.', ['ClientIP', 'None'], { default: 'None' }),
    sessionAffinityConfig: object('SessionAffinityConfig', 'For how long.', {
      clientIP: object('ClientIPConfig', 'By address.', { timeoutSeconds: integer('Seconds.') }),
    }),
    clusterIP: string('Its address; `None` for a headless service.'),
    clusterIPs: strings('Its addresses, by family.'),
    ipFamilies: list('Families of its addresses.', oneOf('A family.', ['IPv4', 'IPv6'])),
    ipFamilyPolicy: oneOf('How many families it has.', ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
    externalIPs: list('Further addresses that lead to it.', string('An address.', { check: 'ip', ...ZERO }), {
      support: 'stored',
      why: 'nothing listens on them',
    }),
    type: oneOf('How it can be reached.', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'], { default: 'ClusterIP' }),
    loadBalancerSourceRanges: strings('Who may come in through the load balancer.', { support: 'stored', why: 'everybody may' }),
    allocateLoadBalancerNodePorts: boolean('Whether a load balancer takes ports of nodes.'),
    loadBalancerClass: string('Which load balancer.'),
    externalTrafficPolicy: string('Which endpoints traffic from outside goes to: Cluster or Local.'),
    healthCheckNodePort: integer('Port of health checks of load balancers.'),
    internalTrafficPolicy: oneOf('Which endpoints traffic from inside goes to.', ['Cluster', 'Local']),
    trafficDistribution: oneOf('Which endpoints are preferred.', ['PreferClose', 'PreferSameZone', 'PreferSameNode'], {
      support: 'stored',
      why: 'none is preferred',
    }),
    publishNotReadyAddresses: boolean('Pods count as endpoints before they are ready.'),
    loadBalancerIP: string('Address that a load balancer is to have.'),
  },
  { default: {} },
);

export const serviceKind = storedKind({
  group: '',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  description: 'Pods that answer under one name and address.',
  fields: { spec: specSchema },
  status: 'Addresses of its load balancer.',
  storesStatus: true,
  subresources: ['proxy'],
  units: ['/spec', '/spec/selector'],
  fillDefaults,
  carryOver,
  // Its name is one in DNS.
  ...namedAs(checkDns1035Label),
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  columns: [
    fieldColumn('Type', 'spec.type', 'How it can be reached.'),
    fieldColumn('Cluster-IP', 'spec.clusterIP', 'Its address.', NONE),
    column('External-IP', 'Addresses outside.', externalAddresses),
    column('Port(s)', 'Its ports.', (object) => (specOf(object).ports ?? []).map(showPort).join(',') || NONE),
  ],
  lastColumns: [wideColumn('Selector', 'Labels of its pods.', (object) => showLabels(specOf(object).selector))],
});

const endpointAddress = object(
  'EndpointAddress',
  'An address.',
  {
    ip: string('The address.', { check: 'ip' }),
    hostname: string('Its host name.'),
    nodeName: string('Its node.'),
    targetRef: map('The pod.', string('A part of the reference.')),
  },
  { required: ['ip'] },
);

const endpointPort = {
  name: string("The service port's name."),
  port: integer('The port.', { minimum: 1, maximum: 65535 }),
  protocol: oneOf('TCP, UDP or SCTP.', PROTOCOLS, { default: 'TCP' }),
  appProtocol: string('What is spoken on it.'),
};

interface Endpoints {
  subsets?: { addresses?: { ip: string }[]; ports?: { port: number; name?: string; protocol?: string }[] }[];
}

export const endpointsKind = storedKind({
  group: '',
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  description: 'Addresses that answer for the service of the same name.',
  fields: {
    subsets: {
      type: 'array',
      description: 'Sets of addresses with the same ports.',
      items: object('EndpointSubset', 'Addresses and their ports.', {
        addresses: { type: 'array', description: 'Ready ones.', items: endpointAddress },
        notReadyAddresses: { type: 'array', description: 'Others.', items: endpointAddress },
        ports: {
          type: 'array',
          description: 'Their ports.',
          items: object('EndpointPort', 'A port.', endpointPort, { required: ['port'] }),
        },
      }),
    },
  },
  units: [],
  columns: [
    column('Endpoints', 'Addresses and ports.', (object) => {
      const all = ((object as Endpoints).subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
        addresses.flatMap(({ ip }) => (ports.length === 0 ? [ip] : ports.map(({ port }) => `${ip}:${port}`))),
      );
      const more = all.length > 3 ? ` + ${all.length - 3} more...` : '';
      return all.length === 0 ? NONE : `${all.slice(0, 3).join(',')}${more}`;
    }),
  ],
});

interface EndpointSlice {
  endpoints?: { addresses?: string[] }[];
  ports?: { port?: number }[];
}

export const endpointSliceKind = storedKind({
  group: 'discovery.k8s.io',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  description: 'A part of the endpoints of a service.',
  fields: {
    addressType: oneOf('Sort of its addresses.', ['FQDN', 'IPv4', 'IPv6']),
    endpoints: {
      type: 'array',
      description: 'Who answers.',
      items: object(
        'Endpoint',
        'One that answers.',
        {
          addresses: strings('Its addresses.'),
          conditions: map('Whether it is ready, serving, terminating.', boolean('Yes or no.')),
          hostname: string('Its host name.'),
          nodeName: string('Its node.'),
          zone: string('Its zone.'),
          targetRef: map('The pod.', string('A part of the reference.')),
          deprecatedTopology: stringMap('Not in use any more.'),
          hints: { type: 'any', description: 'Who had best use it.' },
        },
        { required: ['addresses'] },
      ),
    },
    ports: { type: 'array', description: 'Their ports.', items: object('EndpointPort', 'A port.', endpointPort) },
  },
  required: ['addressType'],
  units: [],
  columns: [
    fieldColumn('AddressType', 'addressType', 'Sort of its addresses.'),
    column('Ports', 'Ports.', (object) => ((object as EndpointSlice).ports ?? []).map(({ port }) => port ?? '*').join(',') || '<unset>'),
    column('Endpoints', 'Addresses.', (object) => {
      const all = ((object as EndpointSlice).endpoints ?? []).flatMap(({ addresses = [] }) => addresses);
      return all.length === 0 ? '<unset>' : `${all.slice(0, 3).join(',')}${all.length > 3 ? ` + ${all.length - 3} more...` : ''}`;
    }),
  ],
});

function specOf(object: KubeObject | DraftObject): ServiceSpec {
  return object.spec ?? {};
}

function fillDefaults(draft: DraftObject): void {
  const spec = specOf(draft);
  for (const port of spec.ports ?? []) if (port.targetPort === undefined || port.targetPort === '') port.targetPort = port.port;
  if (spec.sessionAffinity === 'ClientIP') spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: 10800 } };
  if (spec.type === 'ExternalName') return;
  spec.internalTrafficPolicy ??= 'Cluster';
  const isExposed = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  if (isExposed) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  // The old field and the first of the new ones are the same to Kubernetes.
  if ((spec.clusterIP ?? '') === '' && spec.clusterIPs?.[0] !== undefined) spec.clusterIP = spec.clusterIPs[0];
  if ((spec.clusterIP ?? '') !== '' && (spec.clusterIPs?.length ?? 0) === 0) spec.clusterIPs = [spec.clusterIP as string];
}

/** Source: patchAllocatedValues and dropTypeDependentFields in pkg/registry/core/service (behaviour). */
function carryOver(before: StoredObject, draft: DraftObject): void {
  const [old, now] = [specOf(before), specOf(draft)];
  dropWhatItsTypeLacks(old, now);
  if (now.type === 'ExternalName' || old.type === 'ExternalName') return;
  if ((now.clusterIP ?? '') === '' && (old.clusterIP ?? '') !== '') [now.clusterIP, now.clusterIPs] = [old.clusterIP, old.clusterIPs];
  if (now.type === 'ClusterIP' || old.type === 'ClusterIP') return;
  for (const port of now.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const same = old.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
    if (same?.nodePort !== undefined && now.ports?.some(({ nodePort }) => nodePort === same.nodePort) !== true)
      port.nodePort = same.nodePort;
  }
}

/** Who changes the type need not take away what the new one can not have, as long as it is what was there. */
function dropWhatItsTypeLacks(old: ServiceSpec, now: ServiceSpec): void {
  const [was, is] = [old.type ?? 'ClusterIP', now.type ?? 'ClusterIP'];
  if (was === is) return;
  const drop = (...fields: (keyof ServiceSpec)[]): void => {
    for (const field of fields) if (jsonEqual(old[field] ?? null, now[field] ?? null)) delete now[field];
  };
  if (is === 'ExternalName') drop('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy');
  if (was === 'LoadBalancer') drop('allocateLoadBalancerNodePorts', 'loadBalancerClass', 'healthCheckNodePort');
  if (is === 'NodePort' || is === 'LoadBalancer') return;
  if ((now.externalIPs ?? []).length === 0 || is === 'ExternalName') drop('externalTrafficPolicy');
  const nodePorts = ({ ports = [] }: ServiceSpec): number[] => ports.map(({ nodePort = 0 }) => nodePort);
  if (jsonEqual(nodePorts(old), nodePorts(now))) for (const port of now.ports ?? []) delete port.nodePort;
}

function showPort({ port, nodePort, protocol = 'TCP' }: ServicePort): string {
  return (nodePort ?? 0) === 0 ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`;
}

/** Source: getServiceExternalIP in pkg/printers/internalversion. */
function externalAddresses(object: KubeObject): string {
  const { type, externalIPs = [], externalName = '' } = specOf(object);
  if (type === 'ExternalName') return externalName;
  const balanced = (object as Partial<Service>).status?.loadBalancer?.ingress ?? [];
  const addresses = [...(type === 'LoadBalancer' ? balanced.map(({ ip, hostname }) => ip ?? hostname ?? '') : []), ...externalIPs];
  if (addresses.length > 0) return addresses.join(',');
  return type === 'LoadBalancer' ? '<pending>' : NONE;
}
