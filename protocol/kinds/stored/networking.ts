import type { DraftObject, KubeObject } from '../../objects.ts';
import { integer, intOrString, list, object, oneOf, string, strings } from '../../schema/build.ts';
import { childPath, forbidden, invalid, required } from '../../schema/field-errors.ts';
import type { IngressSpec, NetworkPolicySpec } from '../../types.ts';
import { readSubnet } from '../../values/ipv4.ts';
import { formatSelector, selectorOf } from '../../values/label-selector.ts';
import { column, fieldColumn, NONE, orNone } from '../columns.ts';
import type { FieldError } from '../kind.ts';
import { labelSelectorSchema, validateLabelSelector } from '../label-selector.ts';
import { typedReferenceSchema } from './references.ts';
import { isRecord, retiredAlias } from '../workload-selector.ts';
import { storedKind } from './stored-kind.ts';

const backend = object('IngressBackend', 'Where requests go.', {
  service: object(
    'IngressServiceBackend',
    'A service.',
    {
      name: string('Its name.'),
      port: object('ServiceBackendPort', 'Its port.', { name: string('By name.'), number: integer('By number.') }),
    },
    { required: ['name'] },
  ),
  resource: typedReferenceSchema,
});

const path = object(
  'HTTPIngressPath',
  'A path.',
  {
    path: string('The path.'),
    pathType: oneOf('How it is compared.', ['Exact', 'ImplementationSpecific', 'Prefix']),
    backend,
  },
  { required: ['pathType', 'backend'] },
);

export const ingressKind = storedKind({
  group: 'networking.k8s.io',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  description: 'Which HTTP requests go to which services.',
  noEffect: 'no controller serves it unless you run one: nothing listens for these hosts and paths',
  storesStatus: true,
  aliases: [
    retiredAlias('extensions/v1beta1', 'Ingress', 'v1.14', 'v1.22', adaptOldIngress, 'networking.k8s.io/v1'),
    retiredAlias('networking.k8s.io/v1beta1', 'Ingress', 'v1.19', 'v1.22', adaptOldIngress, 'networking.k8s.io/v1'),
  ],
  fields: {
    spec: object(
      'IngressSpec',
      'Hosts and paths.',
      {
        ingressClassName: string('Who serves it.'),
        defaultBackend: backend,
        tls: list(
          'Hosts with TLS.',
          object('IngressTLS', 'Hosts of one certificate.', { hosts: strings('Hosts.'), secretName: string('Secret.') }),
        ),
        rules: list(
          'Rules by host.',
          object('IngressRule', 'A host.', {
            host: string('Its name.'),
            http: object('HTTPIngressRuleValue', 'Its paths.', { paths: list('Paths.', path) }, { required: ['paths'] }),
          }),
        ),
      },
      { default: {} },
    ),
  },
  status: 'Addresses of its load balancer.',
  validate: (draft) => {
    const { rules = [], defaultBackend, tls: _tls } = draft.spec as IngressSpec;
    if (rules.length === 0 && defaultBackend === undefined) {
      return [invalid('spec', {}, 'either `defaultBackend` or `rules` must be specified')];
    }
    return rules.flatMap(({ http }, rule) =>
      (http?.paths ?? []).flatMap((each, index) => checkPath(each, `spec.rules[${rule}].http.paths[${index}]`)),
    );
  },
  columns: [
    fieldColumn('Class', 'spec.ingressClassName', 'Who serves it.', NONE),
    column('Hosts', 'Hosts.', (object) => {
      const hosts = (specOf<IngressSpec>(object).rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '');
      if (hosts.length === 0) return '*';
      return hosts.length > 3 ? `${hosts.slice(0, 3).join(',')} + ${hosts.length - 3} more...` : hosts.join(',');
    }),
    column('Address', 'Addresses.', (object) => {
      const status = object['status'] as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined;
      return (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(',');
    }),
    column('Ports', 'Ports.', (object) => ((specOf<IngressSpec>(object).tls ?? []).length > 0 ? '80, 443' : '80')),
  ],
});

/** A backend was two fields, and a path was compared in whatever way. Source: Convert_v1beta1_IngressBackend_To_networking_IngressBackend. */
function adaptOldIngress(spec: Record<string, unknown>): string[] {
  if (spec.backend !== undefined) {
    spec.defaultBackend = newBackend(spec.backend);
    delete spec.backend;
  }
  for (const rule of recordsIn(spec.rules)) {
    for (const each of recordsIn(isRecord(rule.http) ? rule.http.paths : undefined)) {
      each.backend = newBackend(each.backend);
      each.pathType ??= 'ImplementationSpecific';
    }
  }
  return [];
}

function newBackend(backend: unknown): unknown {
  if (!isRecord(backend) || backend.serviceName === undefined) return backend;
  const { serviceName: name, servicePort, ...rest } = backend;
  const port = typeof servicePort === 'number' ? { number: servicePort } : { name: servicePort };
  return { ...rest, service: { name, port } };
}

function recordsIn(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

export const ingressClassKind = storedKind({
  group: 'networking.k8s.io',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
  description: 'Who serves Ingresses of this class.',
  noEffect: 'no controller serves Ingresses unless you run one',
  fields: {
    spec: object('IngressClassSpec', 'Its controller.', {
      controller: string('Name of the controller.'),
      parameters: object('IngressClassParametersReference', 'Its settings.', {
        apiGroup: string('API group.'),
        kind: string('Kind.'),
        name: string('Name.'),
        namespace: string('Namespace.'),
        scope: oneOf('Where they are.', ['Cluster', 'Namespace']),
      }),
    }),
  },
  columns: [
    fieldColumn('Controller', 'spec.controller', 'Its controller.'),
    column('Parameters', 'Its settings.', (object) => {
      const parameters = (object.spec as { parameters?: { apiGroup?: string; kind?: string; name?: string } } | undefined)?.parameters;
      if (parameters === undefined) return NONE;
      const { apiGroup, kind = '', name = '' } = parameters;
      return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
    }),
  ],
});

const policyPort = object('NetworkPolicyPort', 'A port.', {
  protocol: oneOf('TCP, UDP or SCTP.', ['TCP', 'UDP', 'SCTP'], { default: 'TCP' }),
  port: intOrString('Number or name.'),
  endPort: integer('Last of a range.', { minimum: 1, maximum: 65535 }),
});
const policyPeer = object('NetworkPolicyPeer', 'Who is let through.', {
  podSelector: labelSelectorSchema,
  namespaceSelector: labelSelectorSchema,
  ipBlock: object(
    'IPBlock',
    'A range of addresses.',
    { cidr: string('The range.'), except: strings('What is left out.') },
    { required: ['cidr'] },
  ),
});
const policyRule = (name: string, side: string): ReturnType<typeof object> =>
  object(name, 'What is let through.', { ports: list('Ports.', policyPort), [side]: list('The other side.', policyPeer) });

export const networkPolicyKind = storedKind({
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  description: 'Which traffic of pods is let through.',
  fields: {
    spec: object(
      'NetworkPolicySpec',
      'Which pods, and what is let through.',
      {
        podSelector: { ...labelSelectorSchema, default: {} },
        policyTypes: list('Directions.', oneOf('A direction.', ['Egress', 'Ingress'])),
        ingress: list('What may come in.', policyRule('NetworkPolicyIngressRule', 'from')),
        egress: list('What may go out.', policyRule('NetworkPolicyEgressRule', 'to')),
      },
      { default: {} },
    ),
  },
  fillDefaults: (draft) => {
    const spec = draft.spec as NetworkPolicySpec;
    if ((spec.policyTypes ?? []).length > 0) return;
    spec.policyTypes = spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  },
  validate: (draft) => {
    const { podSelector = {}, ingress = [], egress = [] } = draft.spec as NetworkPolicySpec;
    return [
      ...validateLabelSelector(podSelector, 'spec.podSelector'),
      ...ingress.flatMap(({ from, ports }, index) => checkPolicyRule(from, ports, `spec.ingress[${index}]`, 'from')),
      ...egress.flatMap(({ to, ports }, index) => checkPolicyRule(to, ports, `spec.egress[${index}]`, 'to')),
    ];
  },
  columns: [
    column('Pod-Selector', 'Its pods.', (object) => {
      const selector = specOf<NetworkPolicySpec>(object).podSelector ?? {};
      return orNone(formatSelector(selectorOf(selector)));
    }),
  ],
});

type PolicyRule = NonNullable<NetworkPolicySpec['ingress']>[number];

/** Source: ValidateNetworkPolicySpec in k8s.io/kubernetes/pkg/apis/networking/validation. */
function checkPolicyRule(peers: PolicyRule['from'] = [], ports: PolicyRule['ports'] = [], at: string, side: string): FieldError[] {
  return [
    ...ports.flatMap((port, index) => checkPolicyPort(port, `${at}.ports[${index}]`)),
    ...peers.flatMap((peer, index) => checkPolicyPeer(peer, `${at}.${side}[${index}]`)),
  ];
}

function checkPolicyPort({ port, endPort }: NonNullable<PolicyRule['ports']>[number], at: string): FieldError[] {
  if (typeof port === 'number' && (port < 1 || port > 65535))
    return [invalid(childPath(at, 'port'), port, 'must be between 1 and 65535, inclusive')];
  if (endPort === undefined) return [];
  if (port === undefined) return [required(childPath(at, 'port'), 'must be specified when `endPort` is specified')];
  if (typeof port === 'string') return [invalid(childPath(at, 'endPort'), endPort, 'may not be specified when `port` is non-numeric')];
  return endPort < port ? [invalid(childPath(at, 'endPort'), endPort, 'must be greater than or equal to `port`')] : [];
}

function checkPolicyPeer({ podSelector, namespaceSelector, ipBlock }: NonNullable<PolicyRule['from']>[number], at: string): FieldError[] {
  if (ipBlock !== undefined) {
    if (podSelector !== undefined || namespaceSelector !== undefined)
      return [forbidden(at, 'may not specify both ipBlock and another peer')];
    return [
      [ipBlock.cidr, 'ipBlock.cidr'] as const,
      ...(ipBlock.except ?? []).map((text, index) => [text, `ipBlock.except[${index}]`] as const),
    ]
      .filter(([text]) => !isCidr(text))
      .map(([text, field]) => invalid(childPath(at, field), text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'));
  }
  if (podSelector === undefined && namespaceSelector === undefined) return [required(at, 'must specify a peer')];
  return [
    ...validateLabelSelector(podSelector ?? {}, childPath(at, 'podSelector')),
    ...validateLabelSelector(namespaceSelector ?? {}, childPath(at, 'namespaceSelector')),
  ];
}

/** Whether an IPv6 address is one is left to whom has a use for it. */
function isCidr(text: string): boolean {
  return readSubnet(text) !== undefined || /^[\da-f:.]*:[\da-f:.]*\/\d{1,3}$/i.test(text);
}

function specOf<Spec>(object: KubeObject | DraftObject): Partial<Spec> {
  return object.spec ?? {};
}

function checkPath(each: { path?: string; pathType: string }, at: string): FieldError[] {
  if (each.pathType === 'ImplementationSpecific') return [];
  const text = each.path ?? '';
  if (text === '') return [required(childPath(at, 'path'))];
  return text.startsWith('/') ? [] : [invalid(childPath(at, 'path'), text, 'must be an absolute path')];
}
