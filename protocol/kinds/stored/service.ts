import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { boolean, integer, intOrString, keyedList, map, object, oneOf, string, stringMap, strings } from '../../schema/build.ts';
import { childPath, duplicate, invalid, required } from '../../schema/field-errors.ts';
import type { Service, ServicePort, ServiceSpec } from '../../types.ts';
import { checkDnsLabel, checkIpAddress } from '../../values/names.ts';
import { column, fieldColumn, NONE, showLabels, wideColumn } from '../columns.ts';
import type { FieldError } from '../kind.ts';
import { validateLabels } from '../metadata.ts';
import { storedKind } from './stored-kind.ts';

/** Services: which pods answer under one name. Addresses are given when it is written (`core/network/service-addresses.ts`). */

const HEADLESS = 'None';
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

const portSchema = object(
  'ServicePort',
  'A port of the service.',
  {
    name: string('Its name; required when there are several.', { check: 'dns1123Label' }),
    protocol: oneOf('TCP, UDP or SCTP.', PROTOCOLS, { default: 'TCP' }),
    appProtocol: string('What is spoken on it.'),
    port: integer('The port.', { minimum: 1, maximum: 65535 }),
    targetPort: intOrString("Number or name of the pods' port; the same by default."),
    nodePort: integer('Port on every node, for the types NodePort and LoadBalancer.', { minimum: 0, maximum: 65535 }),
  },
  { required: ['port'] },
);

const specSchema = object(
  'ServiceSpec',
  'Which pods, on which ports.',
  {
    type: oneOf('How it can be reached.', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'], { default: 'ClusterIP' }),
    selector: stringMap('Labels of the pods that answer.'),
    ports: keyedList('Its ports.', 'port', portSchema, { listMapKeys: ['port', 'protocol'] }),
    clusterIP: string('Its address; `None` for a headless service.'),
    clusterIPs: strings('Its addresses, by family.'),
    ipFamilies: strings('Families of its addresses.'),
    ipFamilyPolicy: oneOf('How many families it has.', ['SingleStack', 'PreferDualStack', 'RequireDualStack']),
    externalIPs: strings('Further addresses that lead to it.', { support: 'stored', why: 'nothing listens on them' }),
    externalName: string('Name that the service stands for, for the type ExternalName.'),
    externalTrafficPolicy: oneOf('Which endpoints traffic from outside goes to.', ['Cluster', 'Local']),
    internalTrafficPolicy: oneOf('Which endpoints traffic from inside goes to.', ['Cluster', 'Local']),
    trafficDistribution: string('Which endpoints are preferred.', { support: 'stored', why: 'none is preferred' }),
    sessionAffinity: oneOf('Whether a client stays with an endpoint.', ['ClientIP', 'None'], { default: 'None' }),
    sessionAffinityConfig: object('SessionAffinityConfig', 'For how long.', {
      clientIP: object('ClientIPConfig', 'By address.', { timeoutSeconds: integer('Seconds.', { minimum: 1, maximum: 86400 }) }),
    }),
    publishNotReadyAddresses: boolean('Pods count as endpoints before they are ready.'),
    healthCheckNodePort: integer('Port of health checks of load balancers.'),
    loadBalancerIP: string('Address that a load balancer is to have.'),
    loadBalancerClass: string('Which load balancer.'),
    loadBalancerSourceRanges: strings('Who may come in through the load balancer.', { support: 'stored', why: 'everybody may' }),
    allocateLoadBalancerNodePorts: boolean('Whether a load balancer takes ports of nodes.'),
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
  units: ['/spec', '/spec/selector'],
  fillDefaults,
  carryOver,
  validate,
  validateUpdate: (before, after) => {
    const [old, now] = [specOf(before), specOf(after)];
    const kept =
      old.type === 'ExternalName' || now.type === 'ExternalName' || (old.clusterIP ?? '') === '' || old.clusterIP === now.clusterIP;
    return kept ? [] : [invalid('spec.clusterIPs[0]', now.clusterIPs ?? [], 'may not change once set')];
  },
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
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  // The old field and the first of the new ones are the same to Kubernetes.
  if ((spec.clusterIP ?? '') === '' && spec.clusterIPs?.[0] !== undefined) spec.clusterIP = spec.clusterIPs[0];
  if ((spec.clusterIP ?? '') !== '' && (spec.clusterIPs?.length ?? 0) === 0) spec.clusterIPs = [spec.clusterIP as string];
}

/** Source: patchAllocatedValues in pkg/registry/core/service/storage. */
function carryOver(before: StoredObject, draft: DraftObject): void {
  const [old, now] = [specOf(before), specOf(draft)];
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

/** Source: ValidateService. */
function validate(draft: DraftObject): FieldError[] {
  const spec = specOf(draft);
  const errors = validateLabels(spec.selector, 'spec.selector');
  errors.push(...checkDnsLabel(draft.metadata.name ?? '').map((message) => invalid('metadata.name', draft.metadata.name, message)));
  const headless = spec.clusterIP === HEADLESS;
  if (spec.type === 'ExternalName') {
    if ((spec.externalName ?? '') === '') errors.push(required('spec.externalName'));
    if ((spec.clusterIP ?? '') !== '' && !headless)
      errors.push(invalid('spec.clusterIPs[0]', spec.clusterIP, 'may not be set for ExternalName services'));
  } else if ((spec.ports ?? []).length === 0 && !headless) errors.push(required('spec.ports'));
  if (headless && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')) {
    errors.push(invalid('spec.clusterIPs[0]', HEADLESS, `may not be set to 'None' for ${spec.type} services`));
  }
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip !== HEADLESS) errors.push(...checkIpAddress(ip).map((message) => invalid(`spec.clusterIPs[${index}]`, ip, message)));
  }
  return [...errors, ...validatePorts(spec.ports ?? [], spec.type ?? 'ClusterIP')];
}

function validatePorts(ports: readonly ServicePort[], type: string): FieldError[] {
  const errors: FieldError[] = [];
  const [names, numbers] = [new Set<string>(), new Set<string>()];
  for (const [index, port] of ports.entries()) {
    const at = childPath('spec.ports', index);
    const { name = '', protocol = 'TCP' } = port;
    if (name === '' && ports.length > 1) errors.push(required(childPath(at, 'name')));
    if (name !== '' && names.has(name)) errors.push(duplicate(childPath(at, 'name'), name));
    if (numbers.has(`${protocol}/${port.port}`)) errors.push(duplicate(at, { port: port.port, protocol }));
    names.add(name);
    numbers.add(`${protocol}/${port.port}`);
    if (type === 'ClusterIP' && (port.nodePort ?? 0) !== 0) {
      errors.push({
        field: childPath(at, 'nodePort'),
        reason: 'FieldValueForbidden',
        message: "Forbidden: may not be used when `type` is 'ClusterIP'",
      });
    }
    if (typeof port.targetPort === 'number' && (port.targetPort < 1 || port.targetPort > 65535)) {
      errors.push(invalid(childPath(at, 'targetPort'), port.targetPort, 'must be between 1 and 65535, inclusive'));
    }
  }
  return errors;
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
