import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { integer, intOrString, list, object, oneOf, string, strings } from '../../schema/build.ts';
import { invalid } from '../../schema/field-errors.ts';
import type { IngressSpec, NetworkPolicySpec } from '../../types.ts';
import { formatSelector, selectorOf } from '../../values/label-selector.ts';
import { column, fieldColumn, NONE, orNone } from '../columns.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { validateIngress, validateIngressClass, validateNetworkPolicy, validateNewIngress } from './networking-validation.ts';
import { typedReferenceSchema } from './references.ts';
import { isRecord, retiredAlias } from '../workload-selector.ts';
import { storedKind } from './stored-kind.ts';

const backend = object('IngressBackend', 'Where requests go.', {
  service: object(
    'IngressServiceBackend',
    'A service.',
    {
      name: string('Its name.', { missing: 'zero' }),
      port: object('ServiceBackendPort', 'Its port.', { name: string('By name.'), number: integer('By number.') }),
    },
    { required: ['name'] },
  ),
  resource: { ...typedReferenceSchema, required: [] },
});

const path = object(
  'HTTPIngressPath',
  'A path.',
  {
    path: string('The path.'),
    pathType: string('How it is compared: Exact, Prefix or ImplementationSpecific.', { missing: 'zero' }),
    backend: { ...backend, missing: 'zero' },
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
        defaultBackend: backend,
        rules: list(
          'Rules by host.',
          object('IngressRule', 'A host.', {
            host: string('Its name.'),
            http: object(
              'HTTPIngressRuleValue',
              'Its paths.',
              { paths: list('Paths.', path, { missing: 'zero' }) },
              { required: ['paths'] },
            ),
          }),
        ),
        tls: list(
          'Hosts with TLS.',
          object('IngressTLS', 'Hosts of one certificate.', { hosts: strings('Hosts.'), secretName: string('Secret.') }),
        ),
        ingressClassName: string('Who serves it.'),
      },
      { default: {} },
    ),
  },
  status: 'Addresses of its load balancer.',
  validate: validateIngress,
  validateCreate: validateNewIngress,
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
        scope: oneOf('Where they are.', ['Cluster', 'Namespace'], { default: 'Cluster' }),
      }),
    }),
  },
  validate: validateIngressClass,
  validateUpdate: (before, after) => {
    const controllerOf = ({ spec }: StoredObject | DraftObject): string => (spec as { controller?: string } | undefined)?.controller ?? '';
    const [old, now] = [controllerOf(before), controllerOf(after)];
    return old === now ? [] : [invalid('spec.controller', now, 'field is immutable')];
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
  endPort: integer('Last of a range.'),
});
const policyPeer = object('NetworkPolicyPeer', 'Who is let through.', {
  podSelector: labelSelectorSchema,
  namespaceSelector: labelSelectorSchema,
  ipBlock: object(
    'IPBlock',
    'A range of addresses.',
    { cidr: string('The range.', { missing: 'zero' }), except: strings('What is left out.') },
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
        ingress: list('What may come in.', policyRule('NetworkPolicyIngressRule', 'from')),
        egress: list('What may go out.', policyRule('NetworkPolicyEgressRule', 'to')),
        policyTypes: strings('Directions: Ingress, Egress or both.'),
      },
      { default: {} },
    ),
  },
  fillDefaults: (draft) => {
    const spec = draft.spec as NetworkPolicySpec;
    if ((spec.policyTypes ?? []).length > 0) return;
    spec.policyTypes = spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  },
  validate: validateNetworkPolicy,
  columns: [
    column('Pod-Selector', 'Its pods.', (object) => {
      const selector = specOf<NetworkPolicySpec>(object).podSelector ?? {};
      return orNone(formatSelector(selectorOf(selector)));
    }),
  ],
});

function specOf<Spec>(object: KubeObject | DraftObject): Partial<Spec> {
  return object.spec ?? {};
}
